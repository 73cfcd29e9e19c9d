/**
 * The composition root: builds the stages in the order an event passes them, and takes them down in reverse. With the
 * doors under `host/` the only code that sees two stages. It decides nothing an event could notice.
 */
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { openTokens, type Tokens } from './admin/admin.ts';
import { openAdmin } from './admin/server.ts';
import { endRecord, startRow } from './billing/record.ts';
import { bundleUrl } from './catalog/bundle.ts';
import { Catalog } from './catalog/catalog.ts';
import { SourceMaps } from './catalog/source-maps.ts';
import type { Config } from './contract/config.ts';
import type { Fall } from './contract/engine-port.ts';
import type { FunctionVersion } from './contract/function.ts';
import { newInvocationId } from './contract/ids.ts';
import { LIMIT_RULES } from './contract/limits.ts';
import type { Observer } from './contract/observer.ts';
import { MIB } from './contract/units.ts';
import { Callers } from './dispatch/callers.ts';
import { Dispatch } from './dispatch/dispatch.ts';
import { Edge } from './edge/edge.ts';
import { Engine } from './engine/engine.ts';
import { openImage } from './engine/image.ts';
import { Cron, Webhooks } from './events/events.ts';
import { adminPorts, gauges } from './host/admin-door.ts';
import { runTick } from './host/cron-door.ts';
import { makeDataDir } from './host/data-dir.ts';
import { Falls } from './host/falls.ts';
import type { Parts } from './host/parts.ts';
import { requireFlags } from './host/process-flags.ts';
import { receive, runAttempt } from './host/webhook-door.ts';
import { Pool } from './pool/pool.ts';
import type { Quarantine } from './quarantine/quarantine.ts';
import {
  openDataDirLock,
  openHostLock,
  openInbox,
  openLedger,
  type SqliteInbox,
  type SqliteLedger,
} from './store/store.ts';
import { SystemClock } from './system-clock.ts';
import { createTelemetry, type Telemetry, trustedParents } from './telemetry/telemetry.ts';
import { VERSION } from './version.ts';

export interface HostOptions {
  readonly config: Config;
  /** One line for the operator. */
  readonly log: (line: string) => void;
  /** Debug headers need no token. */
  readonly dev?: boolean;
  /** What the configuration warned about. */
  readonly warnings?: readonly string[];
  /** Sees every invocation beside telemetry. */
  readonly observer?: Observer;
}

export interface RunningHost {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminTokenFile: string;
  /** Every source file that went into a bundle. */
  readonly inputs: readonly string[];
  /** A function has wedged a thread: `process.exit` may never return. */
  readonly wedged: boolean;
  /** Serves another configuration from the next request on; in-flight requests finish on the old code. */
  reload(config: Config): Promise<void>;
  /** A host before this one died with `functionName` in a turn: counts as its fall. Unknown names are ignored. */
  strike(functionName: string, how: Fall): void;
  /** Takes over what other hosts have learnt of functions that fall; to be called when a standby host takes over. */
  refreshQuarantine(): void;
  /** Stops accepting, finishes what runs within `graceMs`, flushes, closes. */
  close(graceMs: number): Promise<void>;
}

/** Booted spare isolates per engine lane. */
const SPARES = 2;
/** Most engine lanes: a lane is a thread, so this bounds the turns that may run at once. */
const MAX_LANES = 16;
const FLUSH_MS = 5000;

/** Rejects with a `HostError`; nothing stays open then. */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  requireFlags(process);
  const host = new Host(options);
  try {
    await host.open();
    return host;
  } catch (error) {
    await host.close(0).catch(() => undefined);
    throw error;
  }
}

class Host implements RunningHost, Parts {
  readonly hostId: string;
  readonly clock: SystemClock = new SystemClock();
  readonly #options: HostOptions;
  readonly #closers: (() => Promise<unknown>)[] = [];
  config: Config;
  live: ReadonlyMap<string, FunctionVersion> = new Map();
  tokens!: Tokens;
  ledger!: SqliteLedger;
  inbox!: SqliteInbox;
  telemetry!: Telemetry;
  engine!: Engine;
  pool!: Pool;
  dispatch!: Dispatch;
  callers!: Callers;
  #falls!: Falls;
  webhooks!: Webhooks;
  #catalog!: Catalog;
  #cron!: Cron;
  #edge: Edge | null = null;
  ready = false;
  url = '';
  adminUrl = '';
  #adminPort = 0;
  inputs: readonly string[] = [];

  constructor(options: HostOptions) {
    this.#options = options;
    this.config = options.config;
    this.hostId = newInvocationId(this.clock.epochMs());
  }

  get adminTokenFile(): string {
    return join(this.config.server.dataDir, 'admin-token');
  }

  get wedged(): boolean {
    return this.engine?.wedged === true;
  }

  get quarantine(): Quarantine {
    return this.#falls.quarantine;
  }

  get baseUrl(): string {
    return this.config.server.publicUrl ?? this.url;
  }

  log(line: string): void {
    this.#options.log(line);
  }

  async open(): Promise<void> {
    for (const warning of this.#options.warnings ?? []) this.log(warning);
    makeDataDir(this.config.server.dataDir);
    await this.#openStores();
    await this.#openTelemetry();
    this.#falls = new Falls(this);
    await Promise.all([this.#openEngine(), this.#publish(this.config)]);
    this.#retain();
    this.#openPath();
    this.#openEvents();
    await this.#openDoors();
    this.telemetry.observe(() => gauges(this));
    this.webhooks.start();
    this.#cron.start();
    this.ready = true;
  }

  async reload(config: Config): Promise<void> {
    await this.#publish(config);
    this.#retain();
    this.#cron.set(config.functions);
    this.#edge?.setFunctions([...this.live.values()], config.webhooks);
  }

  strike(functionName: string, how: Fall): void {
    this.#falls.strike(functionName, how);
  }

  refreshQuarantine(): void {
    this.#falls.refresh();
  }

  async close(graceMs: number): Promise<void> {
    this.ready = false;
    this.#cron?.stop();
    await Promise.all([this.#edge?.close(graceMs), this.webhooks?.stop(), this.dispatch?.drain(graceMs)]);
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async #openStores(): Promise<void> {
    const { dataDir } = this.config.server;
    const { hostId } = this;
    const directory = openDataDirLock(dataDir);
    this.#closers.push(async () => directory.close());
    const own = openHostLock(dataDir, hostId);
    this.#closers.push(async () => own.close());
    const ledger = openLedger({ dataDir, hostId, durability: this.config.billing.durability });
    const inbox = openInbox({ dataDir, owner: hostId });
    // Both are waited for, so that one refusing leaves none open.
    await Promise.allSettled([ledger, inbox]);
    inbox.then((open) => this.#closers.push(() => open.close())).catch(() => undefined);
    ledger.then((open) => this.#closers.push(() => open.close())).catch(() => undefined);
    this.ledger = await ledger;
    this.inbox = await inbox;
    // One after the other: the inbox asks who is dead, and so does the ledger.
    await this.ledger.recover();
    await this.inbox.recover();
    this.tokens = openTokens(dataDir, this.#options.log);
    this.#catalog = new Catalog({ dataDir, root: dirname(this.config.file) });
    this.#closers.push(async () => this.#catalog.close());
  }

  async #openTelemetry(): Promise<void> {
    this.telemetry = createTelemetry({
      env: process.env,
      sampleRatio: this.config.telemetry.sampleRatio,
      serviceVersion: VERSION,
      hostId: this.hostId,
      now: () => this.clock.epochMs(),
      warn: this.#options.log,
    });
    this.#closers.push(() => this.telemetry.shutdown(FLUSH_MS));
    await this.telemetry.start();
  }

  async #openEngine(): Promise<void> {
    const maps = new SourceMaps({ dataDir: this.config.server.dataDir });
    this.engine = new Engine({
      image: await openImage(this.config.server.dataDir, this.#options.log),
      lanes: availableParallelism(),
      maxLanes: Math.max(MAX_LANES, availableParallelism()),
      spares: SPARES,
      spareMemoryMiB: LIMIT_RULES.memoryMiB.default,
      closedPorts: () => [this.config.server.adminPort, this.#adminPort],
      bundleUrl,
      mapStack: (stack, hash) => maps.mapStack(stack, hash),
      service: async ({ request, ...call }) => {
        const { status, headers, body } = await this.callers.service({ ...call, event: { kind: 'fetch', ...request } });
        return { status, statusText: '', headers, url: request.url, redirected: false, body };
      },
      log: this.#options.log,
    });
    const { maxIsolates, memoryMiB } = this.config.server;
    this.pool = new Pool({
      engine: this.engine,
      maxIsolates,
      memoryBytes: memoryMiB * MIB,
      nowNs: () => this.clock.nowNs(),
      stray: (version, line) => {
        for (const observer of this.#observers()) observer.stray(version, line);
      },
      realmOf: (version) => this.quarantine.realmOf(version),
      felled: (version, how) => this.#falls.felled(version, how),
    });
    this.#closers.push(() => this.engine.close());
    await this.engine.open(this.pool);
  }

  #retain(): void {
    const versions = [...this.live.values()];
    this.quarantine.retain(versions);
    this.pool.retain(versions);
  }

  #observers(): readonly Observer[] {
    const { observer } = this.#options;
    return observer === undefined ? [this.telemetry] : [this.telemetry, observer];
  }

  #openPath(): void {
    const { hostId, clock } = this;
    this.dispatch = new Dispatch({
      pool: this.pool,
      gate: this.quarantine,
      engine: this.engine,
      book: {
        start: (invocation, placed, { queueNs }) =>
          startRow(invocation, {
            cold: placed.init !== null,
            startedEpochMs: clock.epochMs(),
            queueNs,
            isolateId: `${hostId}/${placed.isolate}`,
            engineId: `${hostId}/lane-${placed.lane}`,
            hostId,
          }),
        end: endRecord,
      },
      ledger: this.ledger,
      observers: this.#observers(),
      clock,
      queueDepth: this.config.server.queueDepth,
    });
    this.callers = new Callers({
      find: (name) => this.live.get(name),
      invoke: (invocation) => this.dispatch.invoke(invocation),
      clientClosed: (id) => this.dispatch.clientClosed(id),
      clock,
    });
  }

  #openEvents(): void {
    const { clock } = this;
    this.webhooks = new Webhooks({
      inbox: this.inbox,
      clock,
      specs: () => this.config.webhooks,
      random: Math.random,
      invoke: (attempt) => runAttempt(this, attempt),
    });
    this.#cron = new Cron({
      clock,
      invoke: (name, entry, atMs) =>
        void runTick(this, name, entry, atMs).then((afterMs) => {
          if (afterMs !== null) this.#cron.again(name, entry, atMs, afterMs);
        }),
    });
    this.#cron.set(this.config.functions);
  }

  async #openDoors(): Promise<void> {
    const { server, telemetry } = this.config;
    const trusted = trustedParents(telemetry.trustedParents);
    this.#edge = new Edge(
      {
        dispatch: this.dispatch,
        webhook: {
          receive: (endpoint, facts) => receive(this, endpoint, facts),
          maxBodyBytes: (endpoint) => this.webhooks.limitBytes(endpoint),
        },
        clock: this.clock,
        seed: (traceparent, address) =>
          this.telemetry.seed({ traceparent, trusted: traceparent !== null && trusted(address) }),
        newId: () => newInvocationId(this.clock.epochMs()),
        verifyToken: (token, scope) => this.tokens.verify(token)?.scopes.includes(scope) ?? false,
        shed: (version, reason) => {
          for (const observer of this.#observers()) observer.shed(version, reason);
        },
        fault: (error) => this.log(`edge: ${error instanceof Error ? error.message : String(error)}`),
      },
      {
        host: server.host,
        port: server.port,
        publicUrl: server.publicUrl,
        trustedProxies: server.trustedProxies,
        maxConnections: server.maxConnections,
        dev: this.#options.dev === true,
      },
    );
    this.#edge.setFunctions([...this.live.values()], this.config.webhooks);
    this.url = (await this.#edge.listen()).url;
    const admin = await openAdmin(adminPorts(this), server.adminPort);
    this.#closers.push(() => admin.close());
    this.adminUrl = admin.url;
    this.#adminPort = Number(new URL(admin.url).port || 80);
  }

  /** Bundles what the configuration declares; nothing changes when a bundle is refused. */
  async #publish(config: Config): Promise<void> {
    const { versions, warnings, inputs } = await this.#catalog.publish(config.functions);
    for (const warning of warnings) this.log(warning);
    this.inputs = inputs;
    this.config = config;
    this.live = new Map(versions.map((version) => [version.spec.name, version]));
  }
}
