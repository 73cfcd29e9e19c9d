/** A supervised host with functions of a test's own: which process serves, and load that counts what became of each request. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Standing } from '../../src/contract/host-wire.ts';
import { type HostOptions, type RunningHost, startHost } from './host.ts';

const WHOLE_WITHIN_MS = 25_000;

export interface Stats extends Standing {
  readonly pid: number;
  readonly hostId: string;
  readonly running: number;
}

export interface Supervised extends RunningHost {
  /** Of the host that answers on a new connection. */
  stats(): Promise<Stats>;
  /** Resolves when a spare waits and the host that answers satisfies `when`. */
  whole(when?: (stats: Stats) => boolean): Promise<Stats>;
}

/** A folder with a configuration; functions by the body of their `fetch`. */
export class FunctionFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'isolane-supervised-'));

  write(functions: Readonly<Record<string, string>>, more: object = {}, limits: object = {}): string {
    const specs: Record<string, object> = {};
    for (const [name, body] of Object.entries(functions)) {
      writeFileSync(join(this.path, `${name}.mjs`), `export default { async fetch(request, env, ctx) { ${body} } };`);
      specs[name] = { entry: `${name}.mjs`, url: true, limits: { cpuMs: 200, instances: 200, ...limits } };
    }
    const config = join(this.path, 'isolane.json');
    writeFileSync(config, JSON.stringify({ functions: specs, ...more }));
    return config;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export async function startSupervised(options: HostOptions): Promise<Supervised> {
  const host = await startHost({ ...options, supervised: true });
  const stats = async (): Promise<Stats> => {
    const response = await host.admin('/v1/stats', { headers: { connection: 'close' } });
    return (await response.json()) as Stats;
  };
  return {
    ...host,
    stats,
    whole: async (when = () => true) => {
      for (const untilMs = performance.now() + WHOLE_WITHIN_MS; ; ) {
        const last = await stats().catch(() => null);
        if (last !== null && last.role === 'active' && last.spares > 0 && when(last)) return last;
        if (performance.now() > untilMs) throw new Error(`not whole: ${JSON.stringify(last)}\n${host.stderr()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
  };
}

export function isAlive(pid: number): boolean {
  try {
    // A process that is dead and not yet waited for does not run any more.
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

export function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly invocationId: string | null;
  readonly closes: boolean;
}

/** Rejects with the socket's error; an answer that breaks off counts as ECONNRESET. */
export function ask(url: string, options: RequestOptions = { agent: false }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        const id = response.headers['x-invocation-id'];
        const closes = response.headers.connection === 'close';
        const invocationId = typeof id === 'string' ? id : null;
        resolve({ status: response.statusCode ?? 0, text, invocationId, closes });
      });
    });
    request.on('error', reject);
  });
}

export interface Failure {
  readonly code: string;
  readonly begunMs: number;
}

/** Requests without pause on `connections` kept open, or each on a connection of its own; every one is accounted for. */
export class Load {
  readonly received: string[] = [];
  readonly statuses: Map<number, number> = new Map();
  readonly failures: Failure[] = [];
  inFlight = 0;
  readonly #agent: Agent | null;
  readonly #clients: Promise<void>[];
  #over = false;

  constructor(
    url: string,
    {
      clients,
      pauseMs,
      keepAlive,
    }: { readonly clients: number; readonly pauseMs: number; readonly keepAlive: boolean },
  ) {
    this.#agent = keepAlive ? new Agent({ keepAlive: true, maxSockets: clients }) : null;
    this.#clients = Array.from({ length: clients }, () => this.#client(url, pauseMs));
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#clients);
    this.#agent?.destroy();
  }

  async #client(url: string, pauseMs: number): Promise<void> {
    while (!this.#over) {
      const begunMs = performance.now();
      this.inFlight += 1;
      try {
        const { status, invocationId } = await ask(url, { agent: this.#agent ?? false });
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
        if (invocationId !== null) this.received.push(invocationId);
      } catch (error) {
        this.failures.push({ code: String((error as NodeJS.ErrnoException).code), begunMs });
      }
      this.inFlight -= 1;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
    }
  }
}

/** Every invocation id the ledger has. */
export async function recordedIds(host: RunningHost): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let cursor = ''; ; ) {
    const page = (await (await host.admin(`/v1/usage/records?limit=1000${cursor}`)).json()) as {
      items: { invocationId: string }[];
      nextCursor: string | null;
    };
    ids.push(...page.items.map((item) => item.invocationId));
    if (page.nextCursor === null) return ids;
    cursor = `&cursor=${encodeURIComponent(page.nextCursor)}`;
  }
}
