/**
 * The path of an event without doors and disk: real engine lanes and isolates, real pool and dispatch, a ledger in
 * memory. What `host.ts` composes, for tests that look at one invocation at a time.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endRecord, startRow } from '../../src/billing/record.ts';
import type { EnginePort, Realm } from '../../src/contract/engine-port.ts';
import type { FunctionSpec, FunctionVersion } from '../../src/contract/function.ts';
import { newInvocationId } from '../../src/contract/ids.ts';
import type { GuestEvent, Invocation, TraceSeed } from '../../src/contract/invocation.ts';
import type { Limits } from '../../src/contract/limits.ts';
import type { InvocationStory } from '../../src/contract/observer.ts';
import { OUTCOMES, SHEDS } from '../../src/contract/outcome.ts';
import type { Ledger } from '../../src/contract/store.ts';
import { MIB } from '../../src/contract/units.ts';
import { Answer, wholeBody } from '../../src/dispatch/answer.ts';
import { Callers } from '../../src/dispatch/callers.ts';
import { Dispatch } from '../../src/dispatch/dispatch.ts';
import { codeKey } from '../../src/engine/code-cache.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { ProcessOptions } from '../../src/engine/engine-options.ts';
import { type Image, makeSnapshot } from '../../src/engine/image.ts';
import { preludeSource } from '../../src/engine/prelude.ts';
import { Pool } from '../../src/pool/pool.ts';
import { Quarantine } from '../../src/quarantine/quarantine.ts';
import { Sockets } from '../../src/sockets/sockets.ts';
import { SystemClock } from '../../src/system-clock.ts';
import { version } from './versions.ts';

export interface Reply {
  readonly status: number;
  readonly outcome: string;
  /** `null`: the body broke off. */
  readonly text: string | null;
  readonly bytes: Uint8Array | null;
  readonly headers: ReadonlyMap<string, string>;
  /** The invocation's story; resolves when it has settled. */
  readonly story: Promise<InvocationStory>;
}

export interface RequestInit {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: Uint8Array | string | { readonly stream: AsyncIterable<Uint8Array> };
  readonly start?: 'cold';
}

export interface PathOptions {
  readonly lanes?: number;
  readonly maxLanes?: number;
  readonly spares?: number;
  readonly maxIsolates?: number;
  readonly snapshot?: false;
  /** Where every function of this path runs; default: in this process. */
  readonly realm?: Realm;
  readonly processes?: Partial<ProcessOptions>;
}

/** Trace context of an unsampled test invocation. */
export const TRACE: TraceSeed = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentSpanId: null,
  sampled: false,
  link: null,
};

export class Path {
  readonly clock = new SystemClock();
  readonly stories: InvocationStory[] = [];
  readonly strays: string[] = [];
  /** Reason and limit of what was turned away. */
  readonly sheds: string[] = [];
  readonly lines: string[] = [];
  readonly quarantine: Quarantine;
  /** How far the quarantine's clock is ahead. */
  aheadMs = 0;
  /** `name how` of functions that brought down what ran them. */
  readonly felled: string[] = [];
  readonly pool: Pool;
  readonly engine: Engine;
  readonly dispatch: Dispatch;
  readonly #dir: string;
  readonly #live = new Map<string, FunctionVersion>();
  readonly #waiting = new Map<string, (story: InvocationStory) => void>();
  #count = 0;

  static async open(options: PathOptions = {}): Promise<Path> {
    const prelude = await preludeSource();
    const path = new Path({ prelude, snapshot: options.snapshot === false ? null : makeSnapshot(prelude) }, options);
    await path.engine.open(path.pool);
    return path;
  }

  private constructor(image: Image, options: PathOptions) {
    this.#dir = mkdtempSync(join(tmpdir(), 'isolane-path-'));
    let callers: Callers;
    this.engine = new Engine({
      image,
      lanes: options.lanes ?? 2,
      maxLanes: options.maxLanes ?? 8,
      spares: options.spares ?? 1,
      spareMemoryMiB: 128,
      codeKey: codeKey(this.#dir),
      dialer: new Sockets(new SystemClock()),
      bundleUrl: (name) => `isolane:///${name}.mjs`,
      mapStack: (stack) => stack,
      mapText: (text) => text,
      service: async ({ request, ...call }) => {
        const { status, headers, body } = await callers.service({ ...call, event: { kind: 'fetch', ...request } });
        return { status, statusText: '', headers, url: request.url, redirected: false, body };
      },
      log: (line) => this.lines.push(line),
      ...(options.processes === undefined ? {} : { processes: options.processes }),
    });
    this.quarantine = new Quarantine({
      epochMs: () => Date.now() + this.aheadMs,
      changed: () => {
        this.dispatch.expel();
        this.pool.rehome();
      },
      say: (_, sentence) => this.lines.push(sentence),
    });
    this.pool = new Pool({
      engine: within(this.engine, options.realm ?? ''),
      maxIsolates: options.maxIsolates ?? 200,
      memoryBytes: 2000 * MIB,
      nowNs: () => this.clock.nowNs(),
      stray: (_, line) => this.strays.push(line.text),
      realmOf: (version) => this.quarantine.realmOf(version),
      felled: (version, how) => {
        this.felled.push(`${version.spec.name} ${how}`);
        this.quarantine.strike(version, how);
      },
    });
    const ledger: Pick<Ledger, 'start' | 'end' | 'whenDurable'> = {
      start: () => 0,
      end: () => undefined,
      whenDurable: (then) => queueMicrotask(then),
    };
    this.dispatch = new Dispatch({
      pool: this.pool,
      gate: this.quarantine,
      engine: this.engine,
      book: {
        start: (invocation, placed, { queueNs }) =>
          startRow(invocation, {
            cold: placed.init !== null,
            startedAt: new Date(Date.now()).toISOString(),
            queueNs,
            isolateId: String(placed.isolate),
            engineId: String(placed.lane),
            hostId: 'test',
          }),
        end: endRecord,
      },
      ledger: ledger as Ledger,
      observers: [
        {
          settled: (story) => {
            this.stories.push(story);
            this.#waiting.get(story.invocation.id)?.(story);
          },
          shed: (_, reason, limit) => this.sheds.push(`${reason} ${limit ?? ''}`),
          stray: () => undefined,
        },
      ],
      clock: this.clock,
      queueDepth: 10_000,
      tenants: () => 1,
    });
    callers = new Callers({
      find: (name) => this.#live.get(name),
      invoke: (invocation) => this.dispatch.invoke(invocation),
      clientClosed: (id) => this.dispatch.clientClosed(id),
      clock: this.clock,
    });
  }

  /** A function of the given module source (JavaScript). */
  deploy(source: string, limits: Partial<Limits> = {}, spec: Partial<FunctionSpec> = {}): FunctionVersion {
    this.#count += 1;
    const name = spec.name ?? `f${this.#count}`;
    const bundlePath = join(this.#dir, `${name}-${this.#count}.mjs`);
    writeFileSync(bundlePath, source);
    const made = { ...version(name, limits, spec), bundlePath, hash: `hash-${this.#count}`, key: `key-${this.#count}` };
    this.#live.set(name, made);
    return made;
  }

  /** A function whose fetch handler has the given body; `request`, `env`, `ctx` are in reach. */
  handler(body: string, limits: Partial<Limits> = {}, spec: Partial<FunctionSpec> = {}): FunctionVersion {
    return this.deploy(`export default { async fetch(request, env, ctx) { ${body} } }`, limits, spec);
  }

  /** Hands one request over; the id can be used with `dispatch` before the answer is there. */
  send(of: FunctionVersion, init: RequestInit = {}): { id: string; reply: Promise<Reply> } {
    const id = newInvocationId(Date.now());
    const answer = new Answer(id);
    const story = new Promise<InvocationStory>((resolve) => this.#waiting.set(id, resolve));
    const event: GuestEvent = {
      kind: 'fetch',
      method: init.method ?? (init.body === undefined ? 'GET' : 'POST'),
      url: `http://functions.test${init.path ?? '/'}`,
      headers: init.headers ?? [],
      body: bodyOf(init.body),
    };
    const invocation: Invocation = {
      id,
      requestId: id,
      attempt: 1,
      trigger: 'http',
      source: of.spec.name,
      version: of,
      event,
      params: {},
      clientAddress: '192.0.2.1',
      webhook: null,
      trace: TRACE,
      http: null,
      acceptedNs: this.clock.nowNs(),
      start: init.start ?? null,
      depth: 0,
      reply: answer,
    };
    this.dispatch.invoke(invocation);
    const reply = answer.done.then(async ({ status, outcome, headers, body }) => {
      const bytes = await wholeBody(body, 1000 * MIB);
      const text = bytes === null ? null : Buffer.from(bytes).toString('utf8');
      return { status, outcome, text, bytes, headers: pairs(headers), story };
    });
    return { id, reply };
  }

  request(of: FunctionVersion, init: RequestInit = {}): Promise<Reply> {
    return this.send(of, init).reply;
  }

  /** Answer and story of one request. */
  async run(of: FunctionVersion, init: RequestInit = {}): Promise<{ reply: Reply; story: InvocationStory }> {
    const reply = await this.request(of, init);
    // What was turned away has no story: to wait for one would be to wait for ever.
    if (Object.hasOwn(SHEDS, reply.outcome) && !Object.hasOwn(OUTCOMES, reply.outcome))
      throw new Error(`${of.spec.name} was turned away: ${reply.outcome}`);
    return { reply, story: await reply.story };
  }

  async close(): Promise<void> {
    await this.dispatch.drain(1000);
    await this.engine.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** The engine as if there were no other realm. */
function within(engine: Engine, realm: Realm): EnginePort {
  return {
    lanes: () => engine.lanes(realm),
    grow: () => engine.grow(realm),
    load: (version, lane) => engine.load(version, lane),
    start: (isolate, invocation, listener) => engine.start(isolate, invocation, listener),
    takeBack: (id) => engine.takeBack(id),
    abort: (id, outcome) => engine.abort(id, outcome),
    clientClosed: (id) => engine.clientClosed(id),
    drop: (isolate) => engine.drop(isolate),
    close: () => engine.close(),
  };
}

function bodyOf(body: RequestInit['body']) {
  if (body === undefined) return null;
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return body;
  const iterator = body.stream[Symbol.asyncIterator]();
  return {
    length: null,
    read: async () => {
      const { done, value } = await iterator.next();
      return done === true ? null : value;
    },
    cancel: () => void iterator.return?.(),
  };
}

function pairs(headers: readonly string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i < headers.length; i += 2) map.set(headers[i]!, headers[i + 1]!);
  return map;
}
