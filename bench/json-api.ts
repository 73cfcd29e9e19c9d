/** A JSON API of Hono and zod: a search with a query and an order to be checked, in turn, by the same app everywhere. */
import { type Expected, loadApp } from './app-load.ts';
import type { BenchOptions } from './benchmark.ts';
import type { Row } from './figure.ts';
import api from './functions/json-api.ts';

const ORDER = JSON.stringify({
  country: 'DE',
  email: 'someone@example.com',
  lines: Array.from({ length: 5 }, (_, n) => ({ sku: `sku-${n * 3}`, quantity: n + 1 })),
});

export async function benchJsonApi(options: BenchOptions): Promise<readonly Row[]> {
  const search = { path: '/v1/products?tag=group-3&limit=5' };
  const order = { path: '/v1/quotes', method: 'POST', headers: { 'content-type': 'application/json' }, body: ORDER };
  const requests: Expected[] = [];
  for (const request of [search, order]) {
    const { path, ...init } = request;
    // The app itself says what is right.
    const answer = await (await api.fetch(new Request(`http://bench${path}`, init))).text();
    requests.push({ ...request, answer });
  }
  return loadApp(options, { title: 'JSON API', app: { name: 'json-api' }, requests, connections: 64 });
}
