/** A function that asks five upstreams at once: what the way out costs. The upstream is a process on this machine. */
import { startBaseline } from './app.ts';
import { loadApp } from './app-load.ts';
import type { BenchOptions } from './benchmark.ts';
import type { Row } from './figure.ts';

export async function benchFanOut(options: BenchOptions): Promise<readonly Row[]> {
  const upstream = await startBaseline('upstream.ts');
  try {
    const address = `127.0.0.1:${upstream.port}`;
    const app = { name: 'fan-out', env: { UPSTREAM: `http://${address}` }, privateHosts: [address] };
    const requests = [{ path: '/', answer: JSON.stringify({ ids: [1, 2, 3, 4, 5], total: 150 }) }];
    return await loadApp(options, { title: 'fan-out to 5', app, requests, connections: 32 });
  } finally {
    await upstream.stop();
  }
}
