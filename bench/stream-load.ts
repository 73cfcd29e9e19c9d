/**
 * The client of `streaming.ts`, a process of its own: `node bench/stream-load.ts '<JSON of StreamPlan>'` prints one JSON
 * `StreamResult`. It checks every byte that comes back, and the order of every event.
 */
import { request } from 'node:http';

export type StreamPlan =
  | { readonly kind: 'body'; readonly port: number; readonly path: string; readonly bytes: number }
  | { readonly kind: 'events'; readonly port: number; readonly path: string; readonly count: number };

export interface StreamResult {
  readonly tookMs: number;
  /** Events: how late each came, against the schedule as the earliest of them shows it. */
  readonly lateP50Ms: number;
  readonly lateP99Ms: number;
}

/** A length no chunk size divides, so that nothing lost or out of order fits by chance. */
const PATTERN = Buffer.from(Uint8Array.from({ length: 65_521 }, (_, at) => (at * 31 + (at >> 8)) & 255));
const TWICE = Buffer.concat([PATTERN, PATTERN, PATTERN, PATTERN]);

function body(plan: Extract<StreamPlan, { kind: 'body' }>): Promise<StreamResult> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const { port, path, bytes } = plan;
    const headers = { 'content-length': bytes, 'content-type': 'application/octet-stream' };
    const outgoing = request({ host: '127.0.0.1', port, path, method: 'POST', headers }, (incoming) => {
      let received = 0;
      incoming.on('data', (chunk: Buffer) => {
        const at = received % PATTERN.length;
        if (!chunk.equals(TWICE.subarray(at, at + chunk.length))) reject(new Error(`wrong bytes at ${received}`));
        received += chunk.length;
      });
      incoming.on('error', reject);
      incoming.on('end', () => {
        if (incoming.statusCode !== 200 || received !== bytes)
          reject(new Error(`expected ${bytes} bytes, got status ${incoming.statusCode} and ${received}`));
        else resolve({ tookMs: performance.now() - startedAt, lateP50Ms: 0, lateP99Ms: 0 });
      });
    });
    outgoing.on('error', reject);
    let sent = 0;
    const more = (): void => {
      while (sent < bytes) {
        const size = Math.min(PATTERN.length, bytes - sent);
        sent += size;
        if (!outgoing.write(PATTERN.subarray(0, size))) {
          outgoing.once('drain', more);
          return;
        }
      }
      outgoing.end();
    };
    more();
  });
}

function events(plan: Extract<StreamPlan, { kind: 'events' }>): Promise<StreamResult> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const { port, path, count } = plan;
    const outgoing = request({ host: '127.0.0.1', port, path: `${path}?count=${count}` }, (incoming) => {
      const arrivals: number[] = [];
      let rest = '';
      incoming.setEncoding('latin1').on('data', (text: string) => {
        const now = performance.now();
        const parts = (rest + text).split('\n\n');
        rest = parts.pop()!;
        for (const part of parts) {
          if (!part.startsWith(`id: ${arrivals.length}\n`)) reject(new Error(`event ${arrivals.length} is ${part}`));
          arrivals.push(now);
        }
      });
      incoming.on('error', reject);
      incoming.on('end', () => {
        if (arrivals.length !== count) reject(new Error(`expected ${count} events, got ${arrivals.length}`));
        const offsets = arrivals.map((at, n) => at - n);
        const first = Math.min(...offsets);
        const late = offsets.map((at) => at - first).sort((a, b) => a - b);
        const at = (q: number): number => late[Math.min(count - 1, Math.floor(count * q))] ?? 0;
        resolve({ tookMs: performance.now() - startedAt, lateP50Ms: at(0.5), lateP99Ms: at(0.99) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

if (import.meta.main) {
  const plan = JSON.parse(process.argv[2] ?? '') as StreamPlan;
  const result = await (plan.kind === 'body' ? body(plan) : events(plan));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
