/**
 * The composition root: builds the stages in the order an event passes them, and takes them down in reverse. With the
 * doors under `host/` the only code that sees two stages. It decides nothing an event could notice.
 */
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { openTokens, type Tokens } from './admin/admin.ts';
import { openAdmin } from './admin/server.ts';
import { bundleUrl } from './catalog/bundle.ts';
import { Catalog } from './catalog/catalog.ts';
import { SourceMaps } from './catalog/source-maps.ts';
import type { Config } from './contract/config.ts';
import type { Fall } from './contract/engine-port.ts';
import type { FunctionVersion } from './contract/function.ts';
import { SINGLE, type Standing } from './contract/host-wire.ts';
import { newInvocationId } from './contract/ids.ts';
import { LIMIT_RULES } from './contract/limits.ts';
import type { Observer } from './contract/observer.ts';
import { NS_PER_MS } from './contract/units.ts';
import { Callers } from './dispatch/callers.ts';
import { Dispatch } from './dispatch/dispatch.ts';
import { Edge } from './edge/edge.ts';
import { codeKey } from './engine/code-cache.ts';
import { Engine } from './engine/engine.ts';
import { openImage } from './engine/image.ts';
import { Cron, Webhooks } from './events/events.ts';
import { adminPorts, gauges } from './host/admin-door.ts';
import { Boards } from './host/boards.ts';
import { openBook } from './host/book.ts';
import { runTick } from './host/cron-door.ts';
import { makeDataDir } from './host/data-dir.ts';
import { Falls } from './host/falls.ts';
import type { HostOptions, RunningHost, StandbyHost, StandbyOptions } from './host/host-options.ts';
import type { Parts } from './host/parts.ts';
import { openPool, watchMemory } from './host/pool-door.ts';
import { requireFlags } from './host/process-flags.ts';
import { openTelemetry } from './host/telemetry-door.ts';
import { receive, runAttempt } from './host/webhook-door.ts';
import type { Pool } from './pool/pool.ts';
import type { Quarantine } from './quarantine/quarantine.ts';
import { Sockets } from './sockets/sockets.ts';
import {
  openDataDirLock,
  openHostLock,
  openInbox,
  openLedger,
  type SqliteInbox,
  type SqliteLedger,
} from './store/store.ts';
import { SystemClock } from './system-clock.ts';
import { type Telemetry, trustedParents } from './telemetry/telemetry.ts';

/** Booted spare isolates per engine lane. */
const SPARES = 2;
/** Most engine lanes: a lane is a thread, so this bounds the turns that may run at once. */
const MAX_LANES = 16;
const FLUSH_MS = 5000;
/** How long a retiring host waits for the next request on an open connection. */
const LAST_ANSWER_MS = 1000;

/** Rejects with a `HostError`; nothing stays open then. */
export async function startHost(options: HostOptions): Promise<RunningHost> {
  const host = new Host(options);
  await host.orClose(async () => {
    await host.open();
    await host.activate();
    await host.recover();
    host.lead(host.clock.epochMs());
  });
  return host;
}

/** The same up to the point where it would listen. */
export async function startStandby(options: StandbyOptions): Promise<StandbyHost> {
  const host = new Host(options);
  await host.orClose(() => host.open());
  return host;
}

class Host implements StandbyHost, Parts {
  readonly hostId: string;
  readonly clock: SystemClock = new SystemClock();
  readonly #sockets: Sockets = new Sockets(this.clock);
  readonly #options: HostOptions & Partial<StandbyOptions>;
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
  #boards!: Boards;
  webhooks!: Webhooks;
  #catalog!: Catalog;
  #cron!: Cron;
  #edge!: Edge;
  ready = false;
  url = '';
  adminUrl = '';
  #adminPort = 0;
  /** Deployed. */
  #tenants = 0;
  inputs: readonly string[] = [];

  constructor(options: HostOptions & Partial<StandbyOptions>) {
    requireFlags(process);
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

  get standing(): Standing {
    return this.#options.standing?.() ?? SINGLE;
  }

  get versions(): readonly FunctionVersion[] {
    return [...this.live.values()];
  }

  log(line: string): void {
    this.#options.log(line);
  }

  async orClose(open: () => Promise<void>): Promise<void> {
    try {
      await open();
    } catch (error) {
      await this.close(0).catch(() => undefined);
      throw error;
    }
  }

  async open(): Promise<void> {
    for (const warning of this.#options.warnings ?? []) this.log(warning);
    makeDataDir(this.config.server.dataDir);
    await this.#openStores();
    await this.#openTelemetry();
    this.#falls = new Falls(this, () => this.#options.onFalls?.());
    const { versions } = this.#options;
    await Promise.all([this.#openEngine(), versions == null ? this.#publish(this.config) : this.#adopt(versions)]);
    this.#openPath();
    const watch = watchMemory(this);
    this.#closers.push(async () => watch.cancel());
    this.#retain();
    if (versions == null) this.#press();
    this.#openEvents();
    this.#openDoors();
    this.telemetry.observe(() => gauges(this));
  }

  async activate(): Promise<void> {
    const { sockets } = this.#options;
    this.url = (await (sockets?.data.open(this.#edge, this.standing.worker ?? 0) ?? this.#edge.listen())).url;
    const admin = await openAdmin(adminPorts(this), this.config.server.adminPort, sockets?.admin);
    this.#closers.push(() => admin.close());
    this.adminUrl = admin.url;
    this.#adminPort = Number(new URL(admin.url).port || 80);
    // What a spare read as it booted may be old by now.
    this.refreshQuarantine();
    this.webhooks.start();
    this.ready = true;
  }

  lead(sinceEpochMs: number): void {
    this.#cron.start(sinceEpochMs);
  }

  unlead(): number {
    this.#cron.stop();
    return this.clock.epochMs();
  }

  async recover(aborted: readonly string[] = []): Promise<void> {
    const culprits = this.#boards.takeOver(aborted);
    for (const { function: name } of culprits) this.strike(name, 'crashed');
    // One after the other: both ask who is dead.
    await this.ledger.recover({ culprits });
    await this.inbox.recover();
    this.webhooks.wake();
  }

  guard(): void {
    this.engine.guard(this.#boards.open());
  }

  async retire(graceMs: number): Promise<void> {
    this.unlead();
    const startedNs = this.clock.nowNs();
    await this.#edge.close(graceMs, LAST_ANSWER_MS);
    await this.close(Math.max(0, graceMs - (this.clock.nowNs() - startedNs) / NS_PER_MS));
  }

  async reload(config: Config): Promise<void> {
    await this.#publish(config);
    this.#retain();
    this.#press();
    this.#cron.set(config.functions);
    this.#edge.setFunctions(this.versions, config.webhooks);
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
    // A supervisor holds it for all of its hosts.
    const directory = this.#options.sockets === undefined ? openDataDirLock(dataDir) : null;
    this.#closers.push(async () => directory?.close());
    const own = openHostLock(dataDir, hostId);
    this.#closers.push(async () => own.close());
    this.#boards = new Boards(dataDir, hostId);
    this.#closers.push(async () => this.#boards.close());
    const ledger = openLedger({ dataDir, hostId, durability: this.config.billing.durability });
    const inbox = openInbox({ dataDir, owner: hostId });
    // Both are waited for, so that one refusing leaves none open.
    await Promise.allSettled([ledger, inbox]);
    inbox.then((open) => this.#closers.push(() => open.close())).catch(() => undefined);
    ledger.then((open) => this.#closers.push(() => open.close())).catch(() => undefined);
    this.ledger = await ledger;
    this.inbox = await inbox;
    this.tokens = openTokens(dataDir, this.#options.log);
    this.#catalog = new Catalog({ dataDir, root: dirname(this.config.file) });
    this.#closers.push(async () => this.#catalog.close());
  }

  async #openTelemetry(): Promise<void> {
    this.telemetry = openTelemetry(this);
    this.#closers.push(() => this.telemetry.shutdown(FLUSH_MS));
    await this.telemetry.start();
  }

  async #openEngine(): Promise<void> {
    const maps = new SourceMaps({ dataDir: this.config.server.dataDir });
    this.engine = new Engine({
      image: await openImage(this.config.server.dataDir, this.#options.log),
      // One more than there are cores: the pool keeps one for functions with short turns.
      lanes: availableParallelism() + 1,
      maxLanes: Math.max(MAX_LANES, availableParallelism()),
      spares: SPARES,
      spareMemoryMiB: LIMIT_RULES.memoryMiB.default,
      codeKey: codeKey(this.config.server.dataDir),
      processes: { isolates: this.config.server.maxIsolates + SPARES * MAX_LANES },
      closedPorts: () => [this.config.server.adminPort, this.#adminPort],
      dialer: this.#sockets,
      bundleUrl,
      mapStack: (stack, hash) => maps.mapStack(stack, hash),
      mapText: (text, hash) => maps.mapText(text, hash),
      service: async ({ request, ...call }) => {
        const { status, headers, body } = await this.callers.service({ ...call, event: { kind: 'fetch', ...request } });
        return { status, statusText: '', headers, url: request.url, redirected: false, body };
      },
      log: this.#options.log,
    });
    this.pool = openPool(this, {
      observers: () => this.#observers(),
      felled: (version, how) => this.#falls.felled(version, how),
    });
    this.#closers.push(() => this.engine.close());
    await this.engine.open(this.pool);
  }

  #retain(): void {
    this.quarantine.retain(this.versions);
    this.pool.retain(this.versions);
  }

  /** An engine process has nothing made that the host would run, nor does the host run what belongs in one. */
  #press(): void {
    this.engine.press(this.versions.filter((version) => this.quarantine.realmOf(version) === ''));
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
      book: openBook(hostId, clock),
      ledger: this.ledger,
      observers: this.#observers(),
      clock,
      queueDepth: this.config.server.queueDepth,
      tenants: () => this.#tenants,
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

  #openDoors(): void {
    const { server, telemetry } = this.config;
    const trusted = trustedParents(telemetry.trustedParents);
    this.#edge = new Edge(
      {
        dispatch: this.dispatch,
        webhook: {
          receive: (endpoint, facts) => receive(this, endpoint, facts),
          maxBodyBytes: (endpoint) => this.webhooks.limitBytes(endpoint),
        },
        sockets: this.#sockets,
        clock: this.clock,
        seed: (traceparent, address) =>
          this.telemetry.seed({ traceparent, trusted: traceparent !== null && trusted(address) }),
        newId: () => newInvocationId(this.clock.epochMs()),
        verifyToken: (token, scope) => this.tokens.verify(token)?.scopes.includes(scope) ?? false,
        shed: (version, reason) => {
          const limit = reason === 'payload_too_large' ? 'requestBytes' : undefined;
          for (const observer of this.#observers()) observer.shed(version, reason, limit);
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
    this.#edge.setFunctions(this.versions, this.config.webhooks);
  }

  /** Bundles what the configuration declares; nothing changes when a bundle is refused. */
  async #publish(config: Config): Promise<void> {
    const { versions, warnings, inputs } = await this.#catalog.publish(config.functions);
    for (const warning of warnings) this.log(warning);
    this.inputs = inputs;
    this.config = config;
    this.#adopt(versions);
  }

  #adopt(versions: readonly FunctionVersion[]): void {
    this.live = new Map(versions.map((version) => [version.spec.name, version]));
    this.#tenants = new Set(versions.map((version) => version.spec.tenant)).size;
  }
}

export type { HostOptions, RunningHost, StandbyHost, StandbyOptions } from './host/host-options.ts';
