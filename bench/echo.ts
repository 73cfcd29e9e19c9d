/** A body of 64 KiB that comes back: read whole as text or as bytes first, and handed on as a stream. */
import { loadApp } from './app-load.ts';
import type { BenchOptions } from './benchmark.ts';
import type { Row } from './figure.ts';

const BODY_BYTES = 64 * 1024;

export async function benchEcho(options: BenchOptions): Promise<readonly Row[]> {
  const body = 'The quick brown fox jumps over the lazy dog.\n'.repeat(1500).slice(0, BODY_BYTES);
  const rows: Row[] = [];
  for (const how of ['text', 'bytes', 'streamed']) {
    const requests = [{ path: `/${how}`, method: 'POST', body, answer: body }];
    const plan = { title: `echo, ${how}`, app: { name: 'echo' }, requests, connections: 32, bodyBytes: BODY_BYTES };
    rows.push(...(await loadApp(options, plan)));
  }
  return rows;
}
