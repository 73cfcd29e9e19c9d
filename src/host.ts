/**
 * The composition root: builds the stages in the order an event passes them, and takes them down in reverse. The only
 * file that sees two stages. It decides nothing an event could notice.
 */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Health, openTokens, type Scope, type Tokens } from './admin/admin.ts';
import { type AdminServer, openAdmin } from './admin/server.ts';
import { endRecord, startRow } from './billing/record.ts';
import { bundleUrl } from './catalog/bundle.ts';
import { Catalog } from './catalog/catalog.ts';
import { SourceMaps } from './catalog/source-maps.ts';
import type { Config } from './contract/config.ts';
import { HostError } from './contract/errors.ts';
import type { FunctionVersion } from './contract/function.ts';
import { newInvocationId } from './contract/ids.ts';
import type { GuestEvent, HeaderList } from './contract/invocation.ts';
import { LIMIT_RULES } from './contract/limits.ts';
import { MIB } from './contract/units.ts';
import { wholeBody } from './dispatch/answer.ts';
import { type Called, Callers } from './dispatch/callers.ts';
import { Dispatch } from './dispatch/dispatch.ts';
import { Edge } from './edge/edge.ts';
import type { WebhookAnswer, WebhookFacts } from './edge/ports.ts';
import { Engine } from './engine/engine.ts';
import { preludeSource } from './engine/prelude.ts';
import { Cron, Webhooks } from './events/events.ts';
import { Pool } from './pool/pool.ts';
import { openInbox, openLedger, type SqliteInbox, type SqliteLedger } from './store/store.ts';
import { SystemClock } from './system-clock.ts';
import {
  createTelemetry,
  formatTraceparent,
  type HostStats,
  type Telemetry,
  trustedParents,
} from './telemetry/telemetry.ts';
import { VERSION } from './version.ts';

export interface HostOptions {
  readonly config: Config;
  /** One line for the operator. */
  readonly log: (line: string) => void;
  /** Debug headers need no token. */
  readonly dev?: boolean;
  /** What the configuration warned about. */
  readonly warnings?: readonly string[];
}

export interface RunningHost {
  readonly url: string;
  readonly adminUrl: string;
  readonly adminTokenFile: string;
  /** Every source file that went into a bundle. */
  readonly inputs: readonly string[];
  /** Serves another configuration from the next request on; in-flight requests finish on the old code. */
  reload(config: Config): Promise<void>;
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
  const host = new Host(options);
  try {
    await host.open();
    return host;
  } catch (error) {
    await host.close(0).catch(() => undefined);
    throw error;
  }
}

class Host implements RunningHost {
  readonly #options: HostOptions;
  readonly #clock = new SystemClock();
  readonly #hostId: string;
  readonly #closers: (() => Promise<unknown> | undefined)[] = [];
  #config: Config;
  #live: ReadonlyMap<string, FunctionVersion> = new Map();
  #catalog!: Catalog;
  #ledger!: SqliteLedger;
  #inbox!: SqliteInbox;
  #tokens!: Tokens;
  #telemetry!: Telemetry;
  #engine!: Engine;
  #pool!: Pool;
  #dispatch!: Dispatch;
  #callers!: Callers;
  #webhooks!: Webhooks;
  #cron!: Cron;
  #edge!: Edge;
  #admin!: AdminServer;
  #ready = false;
  url = '';
  adminUrl = '';
  inputs: readonly string[] = [];

  constructor(options: HostOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#hostId = newInvocationId(this.#clock.epochMs());
  }

  get adminTokenFile(): string {
    return join(this.#config.server.dataDir, 'admin-token');
  }

  async open(): Promise<void> {
    const { config, log } = this.#options;
    for (const warning of this.#options.warnings ?? []) log(warning);
    makeDataDir(config.server.dataDir);
    await this.#openStores();
    await this.#openTelemetry();
    await this.#openEngine();
    this.#openPath();
    await this.#publish(config);
    await this.#openDoors();
    this.#telemetry.observe(() => this.#gauges());
    this.#webhooks.start();
    this.#cron.start();
    this.#ready = true;
  }

  async reload(config: Config): Promise<void> {
    await this.#publish(config);
  }

  async close(graceMs: number): Promise<void> {
    this.#ready = false;
    this.#cron?.stop();
    const edge = this.#edge?.close(graceMs);
    await Promise.all([edge, this.#webhooks?.stop(), this.#dispatch?.drain(graceMs)]);
    for (const close of this.#closers.reverse()) await close();
    this.#closers.length = 0;
  }

  async #openStores(): Promise<void> {
    const { dataDir } = this.#config.server;
    const hostId = this.#hostId;
    this.#ledger = await openLedger({ dataDir, hostId, durability: this.#config.billing.durability });
    this.#closers.push(() => this.#ledger.close());
    this.#inbox = await openInbox({ dataDir, owner: hostId });
    this.#closers.push(() => this.#inbox.close());
    this.#tokens = openTokens(dataDir, this.#options.log);
    this.#catalog = new Catalog({ dataDir, root: join(this.#config.file, '..') });
  }

  async #openTelemetry(): Promise<void> {
    this.#telemetry = createTelemetry({
      env: process.env,
      sampleRatio: this.#config.telemetry.sampleRatio,
      serviceVersion: VERSION,
      hostId: this.#hostId,
      now: () => this.#clock.epochMs(),
      warn: this.#options.log,
    });
    await this.#telemetry.start();
    this.#closers.push(() => this.#telemetry.shutdown(FLUSH_MS));
  }

  async #openEngine(): Promise<void> {
    const maps = new SourceMaps({ dataDir: this.#config.server.dataDir });
    this.#engine = new Engine({
      prelude: await preludeSource(),
      lanes: availableParallelism(),
      maxLanes: Math.max(MAX_LANES, availableParallelism()),
      spares: SPARES,
      spareMemoryMiB: LIMIT_RULES.memoryMiB.default,
      bundleUrl,
      mapStack: (stack, hash) => maps.mapStack(stack, hash),
      service: async (caller, target, request, spanId) => {
        const called = this.#callers.service(caller, target, { kind: 'fetch', ...request }, spanId);
        if (called === null) throw new Error(`service ${target} is not deployed`);
        const { status, headers, body } = await called.answer;
        return { status, statusText: '', headers, url: request.url, redirected: false, body };
      },
      log: this.#options.log,
    });
    const { server } = this.#config;
    this.#pool = new Pool({
      engine: this.#engine,
      maxIsolates: server.maxIsolates,
      memoryBytes: server.memoryMiB * MIB,
      nowNs: () => this.#clock.nowNs(),
      stray: (version, line) => this.#telemetry.stray(version, line),
    });
    this.#closers.push(() => this.#engine.close());
    await this.#engine.open(this.#pool);
  }

  #openPath(): void {
    const hostId = this.#hostId;
    this.#dispatch = new Dispatch({
      pool: this.#pool,
      engine: this.#engine,
      book: {
        start: (invocation, placed, { queueNs }) =>
          startRow(invocation, {
            cold: placed.init !== null,
            startedEpochMs: this.#clock.epochMs(),
            queueNs,
            isolateId: `${hostId}/${placed.isolate}`,
            engineId: `${hostId}/lane-${placed.lane}`,
            hostId,
          }),
        end: endRecord,
      },
      ledger: this.#ledger,
      observers: [this.#telemetry],
      clock: this.#clock,
      queueDepth: this.#config.server.queueDepth,
    });
    const seed = (traceparent: string | null) => this.#telemetry.seed({ traceparent, trusted: false, ours: true });
    this.#callers = new Callers({
      find: (name) => this.#live.get(name),
      invoke: (invocation) => this.#dispatch.invoke(invocation),
      clientClosed: (id) => this.#dispatch.clientClosed(id),
      seed,
      clock: this.#clock,
    });
    this.#webhooks = new Webhooks({
      inbox: this.#inbox,
      clock: this.#clock,
      specs: () => this.#config.webhooks,
      random: Math.random,
      invoke: async ({ function: name, delivery, context }) => {
        const { method, target, headers, body } = delivery;
        const event: GuestEvent = { kind: 'fetch', method, url: this.#baseUrl() + target, headers, body };
        const called = this.#callers.call(name, {
          event,
          trigger: 'webhook',
          source: delivery.endpoint,
          requestId: delivery.id,
          attempt: context.attempt,
          webhook: context,
          trace: seed(delivery.traceparent),
        });
        if (called === null) return { outcome: 'not_found', status: 404, retryAfterMs: null, response: null };
        const answer = await called.answer;
        const limit = this.#live.get(name)?.spec.limits.responseBytes ?? 0;
        const whole = await wholeBody(answer.body, limit);
        const response = whole === null ? null : { headers: answer.headers, body: whole };
        return { outcome: answer.outcome, status: answer.status, retryAfterMs: retryAfterMs(answer.headers), response };
      },
    });
    this.#cron = new Cron({
      clock: this.#clock,
      invoke: (name, entry, scheduledEpochMs) => {
        const event: GuestEvent = { kind: 'scheduled', cron: entry.schedule, scheduledEpochMs };
        this.#callers.call(name, { event, trigger: 'cron', source: entry.schedule, trace: seed(null) });
      },
    });
  }

  async #openDoors(): Promise<void> {
    const { server, telemetry } = this.#config;
    const trusted = trustedParents(telemetry.trustedParents);
    this.#edge = new Edge(
      {
        dispatch: this.#dispatch,
        webhook: {
          receive: (endpoint, facts) => this.#receive(endpoint, facts),
          maxBodyBytes: (endpoint) => this.#webhooks.limitBytes(endpoint),
        },
        clock: this.#clock,
        seed: (traceparent, address) =>
          this.#telemetry.seed({ traceparent, trusted: traceparent !== null && trusted(address) }),
        newId: () => newInvocationId(this.#clock.epochMs()),
        verifyToken: (token, scope) => {
          const scopes = this.#tokens.verify(token)?.scopes ?? [];
          return scopes.includes(scope) || scopes.includes('admin');
        },
        shed: (version, reason) => this.#telemetry.shed(version, reason),
        fault: (error) => this.#options.log(`edge: ${error instanceof Error ? error.message : String(error)}`),
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
    this.#edge.setFunctions([...this.#live.values()], this.#config.webhooks);
    this.url = (await this.#edge.listen()).url;
    this.#admin = await this.#openAdmin();
    this.#closers.push(() => this.#admin.close());
    this.adminUrl = this.#admin.url;
  }

  #openAdmin(): Promise<AdminServer> {
    const { adminHost, adminPort } = this.#config.server;
    return openAdmin(
      {
        adminHost,
        functions: () => [...this.#live.values()].map((version) => ({ version, ...this.#pool.census(version) })),
        invoke: async (name, body, headers) => {
          const called = this.#invoke(name, body, headers);
          if (called === null) throw new HostError('NOT_FOUND', `There is no function ${name}.`);
          const { outcome, status, headers: answered, body: answer } = await called.answer;
          const whole = await wholeBody(answer, LIMIT_RULES.responseBytes.default);
          return {
            invocationId: called.invocationId,
            outcome,
            status,
            headers: answered,
            body: whole ?? new Uint8Array(),
          };
        },
        ledger: this.#ledger,
        inbox: this.#inbox,
        recent: this.#telemetry.recent,
        stats: () => this.#stats(),
        metricsText: () => this.#telemetry.metricsText(),
        health: () => this.#health(),
        verifyToken: (token): readonly Scope[] | null => this.#tokens.verify(token)?.scopes ?? null,
        fault: (error) => this.#options.log(`admin: ${error instanceof Error ? error.message : String(error)}`),
      },
      adminPort,
    );
  }

  /** A call from the admin plane. `{"kind":"scheduled"}` runs the scheduled handler of a function with a schedule. */
  #invoke(name: string, body: Uint8Array, headers: HeaderList): Called | null {
    const schedule = this.#live.get(name)?.spec.cron[0]?.schedule;
    const trace = this.#telemetry.seed({ traceparent: null, trusted: false });
    const isTick = schedule !== undefined && Buffer.from(body).toString('utf8') === '{"kind":"scheduled"}';
    const event: GuestEvent = isTick
      ? { kind: 'scheduled', cron: schedule, scheduledEpochMs: this.#clock.epochMs() }
      : { kind: 'fetch', method: 'POST', url: `${this.#baseUrl()}/`, headers, body };
    return this.#callers.call(name, { event, trigger: 'api', source: 'admin', trace });
  }

  #health(): Health {
    const problem = this.#ledger.problem();
    const reasons = [];
    if (problem !== null) reasons.push({ code: 'ledger', message: `The ledger cannot write: ${problem}.` });
    if (!this.#ready) reasons.push({ code: 'draining', message: 'The host is starting or shutting down.' });
    if (this.#engine.lanes().length === 0) reasons.push({ code: 'engine', message: 'No engine lane is healthy.' });
    return { live: true, ready: reasons.length === 0, reasons };
  }

  #gauges(): HostStats {
    const { bytes } = this.#pool.stats();
    const lanes = this.#engine.lanes();
    const isolates = [...this.#live.values()].map((version) => {
      const { isolates: count } = this.#pool.census(version);
      return { function: version.spec.name, version: version.version, state: 'ready' as const, count };
    });
    return {
      gauges: {
        'isolane.invocations.running': this.#dispatch.running,
        'isolane.queue.waiting': this.#dispatch.queued,
        'isolane.pool.memory': bytes,
        'isolane.pool.memory.limit': this.#config.server.memoryMiB * MIB,
        'isolane.lanes': lanes.length,
        'isolane.lanes.busy': lanes.filter((lane) => lane.runningSinceNs > 0).length,
      },
      isolates: isolates.filter(({ count }) => count > 0),
    };
  }

  #stats(): object {
    const lanes = this.#engine.lanes().map((lane) => ({
      id: lane.id,
      isolates: lane.isolates,
      unclaimed: lane.unclaimed,
      busy: lane.runningSinceNs > 0,
    }));
    return {
      hostId: this.#hostId,
      version: VERSION,
      uptimeSeconds: Math.round(process.uptime()),
      running: this.#dispatch.running,
      queued: this.#dispatch.queued,
      pool: this.#pool.stats(),
      lanes,
      rssBytes: process.memoryUsage.rss(),
    };
  }

  async #receive(endpoint: string, facts: WebhookFacts): Promise<WebhookAnswer> {
    const startedNs = this.#clock.nowNs();
    const receivedEpochMs = this.#clock.epochMs();
    const { method, target, headers, body, clientAddress } = facts;
    const trace = this.#telemetry.seed({ traceparent: facts.traceparent, trusted: true });
    const traceparent = formatTraceparent(trace);
    const answer = await this.#webhooks.receive(endpoint, { method, target, headers, body, traceparent });
    const stored = storedId(answer);
    const [path = '', query = ''] = target.split('?', 2);
    this.#telemetry.receipt({
      endpoint,
      provider: this.#config.webhooks.find((webhook) => webhook.name === endpoint)?.provider ?? '',
      deliveryId: answer.status === 202 ? stored : null,
      duplicateOf: answer.status === 200 ? stored : null,
      trace,
      http: {
        method,
        path,
        query,
        scheme: 'http',
        host: headerOf(headers, 'host'),
        userAgent: headerOf(headers, 'user-agent'),
      },
      clientAddress,
      status: answer.status,
      bodyBytes: body.byteLength,
      receivedEpochMs,
      startedNs,
      endedNs: this.#clock.nowNs(),
    });
    return answer;
  }

  async #publish(config: Config): Promise<void> {
    const { versions, warnings, inputs } = await this.#catalog.publish(config.functions);
    for (const warning of warnings) this.#options.log(warning);
    this.inputs = inputs;
    this.#config = config;
    this.#live = new Map(versions.map((version) => [version.spec.name, version]));
    this.#pool.retain(versions);
    this.#cron.set(config.functions);
    this.#edge?.setFunctions(versions, config.webhooks);
  }

  #baseUrl(): string {
    return this.#config.server.publicUrl ?? this.url;
  }
}

function makeDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    const reason = error instanceof Error ? (error as NodeJS.ErrnoException).code : String(error);
    throw new HostError(
      'DATA_DIR_UNUSABLE',
      `The data directory ${dataDir} cannot be created (${reason}); give a writable one with --data-dir.`,
    );
  }
}

/** Seconds or a date of `retry-after` in ms from now; `null`: not given. */
function retryAfterMs(headers: HeaderList): number | null {
  const value = headerOf(headers, 'retry-after');
  if (value === '') return null;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

function headerOf(headers: HeaderList, name: string): string {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]!.toLowerCase() === name) return headers[i + 1]!;
  return '';
}

/** The delivery id in an answer of the webhook door. */
function storedId(answer: WebhookAnswer): string | null {
  try {
    const { id } = JSON.parse(Buffer.from(answer.body).toString('utf8')) as { id?: unknown };
    return typeof id === 'string' ? id : null;
  } catch {
    return null;
  }
}
