/** What a fan-out calls: a small JSON document for each path, on plain `node:http`. Prints its port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const server = createServer((request, response) => {
  const id = Number(request.url?.split('/').at(-1));
  const body = JSON.stringify({ id, name: `item ${id}`, price: id * 10, tags: ['a', 'b', 'c'] });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
