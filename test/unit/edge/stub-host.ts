/** An edge on a real socket with a stub behind every port, and a client that writes bytes instead of requests. */
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../../src/contract/clock.ts';
import type { FunctionVersion, Route } from '../../../src/contract/function.ts';
import type { ByteStream, Invocation } from '../../../src/contract/invocation.ts';
import { LIMIT_RULES, type Limits } from '../../../src/contract/limits.ts';
import type { Shed } from '../../../src/contract/outcome.ts';
import { Edge } from '../../../src/edge/edge.ts';
import { EDGE_TIMEOUTS, type EdgeOptions, type EdgePorts, type WebhookFacts } from '../../../src/edge/ports.ts';
import { Sockets } from '../../../src/sockets/sockets.ts';

export const realClock: Clock = {
  nowNs: () => Math.round(performance.now() * 1e6),
  epochMs: () => Date.now(),
  after: (ms, fire) => {
    const timer = setTimeout(fire, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

export interface Draft {
  readonly name?: string;
  readonly routes?: readonly string[];
  readonly url?: boolean;
  readonly auth?: 'none' | 'token';
  readonly limits?: Partial<Limits>;
}

export function route(text: string): Route {
  const [, method, host, path] = /^(?:([A-Z]+) )?([^/]*)(\/.*)$/.exec(text)!;
  return { method: method ?? null, host: host === '' ? null : host!, path: path!, text };
}

export function version(draft: Draft): FunctionVersion {
  const defaults = Object.fromEntries(Object.entries(LIMIT_RULES).map(([name, rule]) => [name, rule.default]));
  const name = draft.name ?? 'hello';
  return {
    spec: {
      name,
      tenant: 'default',
      entry: `/functions/${name}.ts`,
      handler: { kind: 'fetch' },
      routes: (draft.routes ?? []).map(route),
      url: draft.url ?? false,
      auth: draft.auth ?? 'none',
      env: {},
      services: {},
      limits: { ...(defaults as unknown as Limits), ...draft.limits },
      rate: null,
      egressAllow: null,
      privateHosts: [],
      idempotencyTtlHours: null,
      warm: 0,
      reserved: 0,
      cron: [],
      isolation: 'shared',
      wasm: false,
    },
    version: 1,
    hash: 'h',
    bundlePath: '/bundle.js',
    bundleBytes: 1,
    key: `${name}@1`,
  };
}

export interface Stub {
  readonly edge: Edge;
  readonly url: string;
  readonly port: number;
  /** In order of arrival. */
  readonly invocations: Invocation[];
  readonly clientClosed: string[];
  readonly sheds: Shed[];
  readonly faults: unknown[];
  readonly hooks: { endpoint: string; facts: WebhookFacts }[];
  /** Answers the next and all further invocations. */
  answer: (invocation: Invocation) => void;
}

export async function startEdge(
  functions: readonly Draft[],
  settings: { options?: Partial<EdgeOptions>; ports?: Partial<EdgePorts>; hookBytes?: number } = {},
): Promise<Stub> {
  let ids = 0;
  const stub: Omit<Stub, 'edge' | 'url' | 'port'> = {
    invocations: [],
    clientClosed: [],
    sheds: [],
    faults: [],
    hooks: [],
    answer: ({ reply }) => reply.respond({ status: 200, headers: ['content-type', 'text/plain'] }, bytes('hello')),
  };
  const ports: EdgePorts = {
    dispatch: {
      invoke: (invocation) => {
        stub.invocations.push(invocation);
        stub.answer(invocation);
      },
      clientClosed: (id) => stub.clientClosed.push(id),
    },
    webhook: {
      receive: async (endpoint, facts) => {
        stub.hooks.push({ endpoint, facts });
        return { status: 202, headers: ['content-type', 'application/json'], body: '{"ok":true}' };
      },
      maxBodyBytes: (endpoint) => (endpoint === 'github' ? (settings.hookBytes ?? 1000) : null),
    },
    sockets: new Sockets(realClock),
    clock: realClock,
    seed: () => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), parentSpanId: null, sampled: true, link: null }),
    newId: () => `id-${++ids}`,
    verifyToken: (token, scope) => token === `${scope}-token`,
    shed: (_version, reason) => stub.sheds.push(reason),
    fault: (error) => stub.faults.push(error),
    ...settings.ports,
  };
  const edge = new Edge(ports, {
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    trustedProxies: [],
    maxConnections: 100,
    dev: false,
    timeouts: EDGE_TIMEOUTS,
    ...settings.options,
  });
  const webhook = { name: 'github', provider: 'github', secrets: [], function: 'hello', mode: 'async' } as const;
  edge.setFunctions(functions.map(version), [{ ...webhook, dedupHours: 1, attempts: 1, maxBodyBytes: 1000 }]);
  const { url, port } = await edge.listen();
  onTestFinished(() => edge.close(0));
  return Object.assign(stub, { edge, url, port });
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (chunk: Uint8Array | null): string => new TextDecoder().decode(chunk ?? new Uint8Array());

/** A stream body fed by the test; `pulls` counts reads, `cancelled` says whether the reader gave up. */
export class FedStream implements ByteStream {
  readonly length: number | null;
  pulls = 0;
  cancelled = false;
  readonly #produce: (pull: number) => Promise<Uint8Array | null>;

  constructor(produce: (pull: number) => Promise<Uint8Array | null>, length: number | null = null) {
    this.#produce = produce;
    this.length = length;
  }

  read(): Promise<Uint8Array | null> {
    return this.#produce(++this.pulls);
  }

  cancel(): void {
    this.cancelled = true;
  }
}

/** Speaks HTTP byte by byte. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  readonly closed: Promise<void>;
  #wake: () => void = () => {};

  constructor(port: number, first?: string | Uint8Array) {
    this.socket = connect(port, '127.0.0.1');
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk) => {
      this.received += chunk.toString('latin1');
      this.#wake();
    });
    this.socket.on('close', () => this.#wake());
    if (first !== undefined) this.socket.write(first);
    onTestFinished(() => {
      this.socket.destroy();
    });
  }

  /** Resolves when `part` has been received, rejects if the connection closes before. */
  async until(part: string): Promise<string> {
    while (!this.received.includes(part)) {
      if (this.socket.destroyed) throw new Error(`closed before "${part}" came; received: ${this.received}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.received;
  }

  /** Everything until the server closed. */
  async rest(): Promise<string> {
    await this.closed;
    return this.received;
  }
}

/** Sends one raw request that asks for the connection to be closed by being wrong or saying so. */
export function raw(port: number, request: string): Promise<string> {
  return new RawClient(port, request).rest();
}

/** Polls what only the event loop can bring about; fails loudly after two seconds. */
export async function eventually(condition: () => boolean): Promise<void> {
  const until = performance.now() + 2000;
  while (!condition()) {
    if (performance.now() > until) throw new Error(`never true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
