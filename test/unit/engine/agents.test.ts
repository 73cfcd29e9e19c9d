/**
 * Names, addresses and sockets of a guest's fetch, with a DNS server and origins of our own. 127.0.0.2 and 127.0.0.3
 * stand for the public internet here, all else is private: so real connections can be made and refused.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Socket } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { isStream } from '../../../src/contract/invocation.ts';
import { Agents } from '../../../src/engine/bridge/agents.ts';
import { readAll } from '../../../src/engine/bridge/bodies.ts';
import { exchange, type OutgoingRequest, type Terms } from '../../../src/engine/bridge/fetch.ts';
import { type Answers, startDns } from '../../support/dns-server.ts';

vi.mock('../../../src/engine/bridge/addresses.ts', async (original) => {
  const real = await original<typeof import('../../../src/engine/bridge/addresses.ts')>();
  const isInternet = (address: string): boolean => address === '127.0.0.2' || address === '127.0.0.3';
  class Machine extends real.Machine {
    override isOwn(address: string): boolean {
      return !isInternet(address) && super.isOwn(address);
    }
  }
  return { ...real, isPublic: isInternet, Machine };
});

const open: Agents[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((agents) => agents.close()));
});

function terms(of: { tenant?: string; privateHosts?: string[]; responseBytes?: number; depth?: number } = {}): Terms {
  const { tenant = 'default', privateHosts = [], responseBytes = 1_000_000, depth = 1 } = of;
  return { policy: { tenant, allow: null, privateHosts }, responseBytes, depth, hop: () => undefined };
}

async function world(answer: (name: string, type: 'A' | 'AAAA', nth: number) => Answers, closedPorts: number[] = []) {
  const dns = await startDns(answer);
  onTestFinished(() => dns.close());
  const agents = new Agents({ dnsServers: [dns.address], closedPorts: () => closedPorts });
  open.push(agents);
  const get = (url: string, over: Partial<OutgoingRequest> = {}, under: Terms = terms()) =>
    exchange(
      { url, method: 'GET', headers: [], body: null, redirect: 'follow', ...over },
      under,
      agents,
      new AbortController().signal,
    );
  return { dns, agents, get };
}

async function origin(host: string, answer: (response: ServerResponse, url: string) => void, port = 0) {
  const hits: string[] = [];
  const server: Server = createServer((request, response) => {
    hits.push(request.url ?? '');
    answer(response, request.url ?? '');
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, hits, server };
}

async function bytesOf(answer: Awaited<ReturnType<typeof exchange>>): Promise<Uint8Array> {
  const { body } = answer;
  return isStream(body) ? readAll(body, 100_000_000) : (body ?? new Uint8Array());
}

describe('case 92: names', () => {
  it('connect to the address that was judged, however the next answer reads', async () => {
    const good = await origin('127.0.0.2', (response) => response.setHeader('connection', 'close').end('public'));
    const evil = await origin('127.0.0.1', (response) => response.end('private'), good.port);
    const { dns, get } = await world((_name, type, nth) =>
      type === 'AAAA' ? [] : [nth === 0 ? '127.0.0.2' : '127.0.0.1'],
    );
    expect(Buffer.from(await bytesOf(await get(`http://rebind.test:${good.port}/`))).toString()).toBe('public');
    expect(dns.asked.filter((question) => question === 'A rebind.test')).toHaveLength(1);
    await expect(get(`http://rebind.test:${good.port}/`)).rejects.toThrow(/rebind\.test is refused: .*not a public/);
    expect([good.hits.length, evil.hits.length]).toEqual([1, 0]);
  });

  it.each<[string, (type: 'A' | 'AAAA') => Answers]>([
    ['a private address', (type) => (type === 'A' ? ['127.0.0.1'] : [])],
    ['a private address among public ones', (type) => (type === 'A' ? ['127.0.0.2', '10.0.0.1'] : [])],
    ['a private IPv6 address beside a public IPv4 one', (type) => (type === 'A' ? ['127.0.0.2'] : ['::1'])],
    ['a mapped address', (type) => (type === 'A' ? ['127.0.0.2'] : ['::ffff:7f00:2'])],
    ['a thousand addresses, the last one private', (type) => (type === 'A' ? many(1000, '10.9.9.9') : [])],
  ])('are refused for %s', async (_, answers) => {
    const good = await origin('127.0.0.2', (response) => response.end('public'));
    const { get } = await world((_name, type) => answers(type));
    await expect(get(`http://name.test:${good.port}/`)).rejects.toThrow(/not a public address/);
    expect(good.hits).toEqual([]);
  });

  it('are refused for an alias of an internal machine', async () => {
    const good = await origin('127.0.0.2', (response) => response.end('public'));
    const { get } = await world((_name, type) => (type === 'A' ? ['cname:db.corp.test', '10.1.2.3'] : []));
    await expect(get(`http://alias.test:${good.port}/`)).rejects.toThrow(/not a public address/);
    expect(good.hits).toEqual([]);
  });

  it('work with one family alone, and with a thousand public answers', async () => {
    const good = await origin('127.0.0.2', (response) => response.end('public'));
    const { get } = await world((name, type) =>
      type === 'AAAA' ? 'nxdomain' : name === 'many.test' ? many(1000, '127.0.0.2') : ['127.0.0.2'],
    );
    expect((await get(`http://one.test:${good.port}/`)).status).toBe(200);
    expect((await get(`http://many.test:${good.port}/`)).status).toBe(200);
  });

  it('without an answer, or without addresses, fail with a code and no more', async () => {
    const { get } = await world((name) => (name === 'empty.test' ? [] : 'nxdomain'));
    await expect(get('http://empty.test/')).rejects.toThrow(
      /^fetch to empty\.test failed: ENODATA \(the name has no address\)$/,
    );
    await expect(get('http://none.test/')).rejects.toThrow(
      /^fetch to none\.test failed: ENOTFOUND \(the name does not exist\)$/,
    );
  });

  it('that a server is silent about fail after a while, and hold none of the few threads of the system resolver', async () => {
    const { agents, get } = await world(() => null);
    const failed = get('http://silent.test/').catch((error: Error) => error.message);
    const settled = vi.fn();
    void failed.then(settled);
    await new Promise<void>((resolve) => setTimeout(resolve, 20));
    expect(settled).not.toHaveBeenCalled();
    await agents.close();
    expect(await failed).toMatch(/^fetch to silent\.test failed/);
  });

  function many(count: number, last: string): string[] {
    return [...Array<string>(count - 1).fill('127.0.0.2'), last];
  }
});

describe('case 91: redirects', () => {
  it.each([
    ['a private address', 'http://127.0.0.1:PORT/secret', /not a public address/],
    ['the metadata service', 'http://169.254.169.254/', /not a public address/],
    ['a private name', 'http://private.test:PORT/secret', /not a public address/],
    ['another host by //', '//private.test:PORT/secret', /not a public address/],
    ['another scheme', 'file:///etc/passwd', /only http/],
    ['a data URL', 'data:text/plain,x', /only http/],
    ['credentials', 'http://u:p@public.test:PORT/', /credentials/],
    ['a refused port', 'http://public.test:25/', /port 25/],
  ])('are judged: to %s', async (_, to, message) => {
    const good = await origin('127.0.0.2', (response) => {
      response.writeHead(302, { location: to.replace('PORT', String(good.port)) }).end();
    });
    const evil = await origin('127.0.0.1', (response) => response.end('private'), good.port);
    const { get } = await world((name, type) =>
      type === 'AAAA' ? [] : [name === 'private.test' ? '127.0.0.1' : '127.0.0.2'],
    );
    await expect(get(`http://public.test:${good.port}/`)).rejects.toThrow(message);
    await expect(get(`http://public.test:${good.port}/`, { method: 'POST', body: Buffer.from('x') })).rejects.toThrow(
      message,
    );
    expect(evil.hits).toEqual([]);
  });

  it('to another origin lose credentials, to the same keep them; a Refresh header is only a header', async () => {
    const seen: Record<string, unknown>[] = [];
    const last = await origin('127.0.0.3', () => undefined);
    last.server.removeAllListeners('request');
    last.server.on('request', (request, response) => {
      seen.push(request.headers);
      response.setHeader('refresh', '0; url=http://127.0.0.1/').end('there');
    });
    const first = await origin('127.0.0.2', (response, url) => {
      const location = url === '/' ? '/again' : `http://other.test:${last.port}/`;
      response.writeHead(307, { location }).end();
    });
    first.server.on('request', (request) => seen.push(request.headers));
    const { get } = await world((name, type) =>
      type === 'AAAA' ? [] : [name === 'other.test' ? '127.0.0.3' : '127.0.0.2'],
    );
    const headers = ['authorization', 'Bearer x', 'cookie', 'a=1', 'x-kept', '1', 'proxy-authorization', 'Basic x'];
    const answer = await get(`http://first.test:${first.port}/`, {
      headers,
      method: 'POST',
      body: Buffer.from('body'),
    });
    expect(answer.status).toBe(200);
    expect(seen.map((one) => [one['authorization'], one['cookie'], one['x-kept'], one['proxy-authorization']])).toEqual(
      [
        ['Bearer x', 'a=1', '1', undefined],
        ['Bearer x', 'a=1', '1', undefined],
        [undefined, undefined, '1', undefined],
      ],
    );
    expect(seen.at(-1)?.['content-length']).toBe('4');
  });
});

describe('case 93: the admin port', () => {
  it('is closed to lifted names and addresses alike, at every connection', async () => {
    const admin = await origin('127.0.0.1', (response) => response.end('admin'));
    const { get } = await world(() => [], [admin.port]);
    const lifted = ['localhost', '127.0.0.1', '0.0.0.0'].map((host) => `${host}:${admin.port}`);
    for (const host of lifted) {
      await expect(get(`http://${host}/`, {}, terms({ privateHosts: lifted }))).rejects.toThrow(/admin plane/);
    }
    expect(admin.hits).toEqual([]);
    const other = await origin('127.0.0.1', (response) => response.end('other'));
    const allowed = terms({ privateHosts: [`localhost:${other.port}`] });
    expect((await get(`http://localhost:${other.port}/`, {}, allowed)).status).toBe(200);
  });
});

describe('case 94: what a request says', () => {
  it.each([
    ['a line break in a value', ['x', 'a\r\nb: c']],
    ['a NUL in a value', ['x', 'a\0']],
    ['a name with a space', ['a b', '1']],
    ['a name with a line break', ['a\r\nb', '1']],
    ['five hundred and thirteen headers', Array<string>(1026).fill('a')],
    ['a megabyte', ['x', 'y'.repeat(1_000_000)]],
  ])('%s is refused before anything is sent', async (_, headers) => {
    const { get, dns } = await world(() => []);
    await expect(get('http://a.test/', { headers })).rejects.toThrow(/^fetch (?:cannot send|may send)/);
    expect(dns.asked).toEqual([]);
  });

  it.each(['CONNECT', 'trace', 'TRACK', 'GET /x HTTP/1.1\r\nx:', 'A B', ''])('method %j is refused', async (method) => {
    const { get } = await world(() => []);
    await expect(get('http://a.test/', { method })).rejects.toThrow(/^fetch cannot send the method/);
  });

  it('framing and hop-by-hop headers are ours; so are loop count and platform', async () => {
    let raw: string[] = [];
    const good = await origin('127.0.0.2', () => undefined);
    good.server.removeAllListeners('request');
    good.server.on('request', (request, response) => {
      raw = request.rawHeaders.map((text) => text.toLowerCase());
      response.end();
    });
    const { get } = await world((_name, type) => (type === 'A' ? ['127.0.0.2'] : []));
    const lies = ['Host', 'evil', 'content-length', '99', 'transfer-encoding', 'chunked', 'connection', 'close'];
    const more = ['upgrade', 'websocket', 'te', 'x', 'trailer', 'x', 'keep-alive', '1', 'proxy-x', '1', 'expect', 'x'];
    const loop = ['cdn-loop', 'other, isolane;depth=0', 'CDN-Loop', 'isolane'];
    await get(`http://a.test:${good.port}/`, { headers: [...lies, ...more, ...loop] }, terms({ depth: 3 }));
    const of = (name: string) => raw.filter((_text, i) => i % 2 === 1 && raw[i - 1] === name);
    expect(of('host')).toEqual([`a.test:${good.port}`]);
    expect(of('connection')).toEqual(['keep-alive']);
    expect(of('cdn-loop')).toEqual(['other, isolane;depth=3']);
    expect(of('user-agent')).toEqual(['isolane']);
    for (const name of [
      'content-length',
      'transfer-encoding',
      'upgrade',
      'te',
      'trailer',
      'keep-alive',
      'proxy-x',
      'expect',
    ])
      expect(of(name)).toEqual([]);
  });
});

describe('case 97: sockets', () => {
  /** Answers every request at once, and the first of a connection with a second response nobody asked for. */
  async function poisoner() {
    const sockets: Socket[] = [];
    const server = createTcp((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => {
        const one = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood';
        socket.write(`${one}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison`);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.2', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return { port: (server.address() as AddressInfo).port, sockets };
  }

  it('are never shared between tenants, and what came unasked reaches nobody', async () => {
    const { port, sockets } = await poisoner();
    const { get } = await world((_name, type) => (type === 'A' ? ['127.0.0.2'] : []));
    const text = async (tenant: string) =>
      Buffer.from(await bytesOf(await get(`http://a.test:${port}/`, {}, terms({ tenant })))).toString();
    for (const tenant of ['one', 'two', 'one', 'two']) expect(await text(tenant)).toBe('good');
    expect(sockets.length).toBe(4);
  });

  it('of one tenant are used again by it alone', async () => {
    const good = await origin('127.0.0.2', (response) => response.end('ok'));
    let connections = 0;
    good.server.on('connection', () => {
      connections += 1;
    });
    const { get } = await world((_name, type) => (type === 'A' ? ['127.0.0.2'] : []));
    for (const tenant of ['one', 'one', 'two', 'one', 'two']) {
      await bytesOf(await get(`http://a.test:${good.port}/`, {}, terms({ tenant })));
      // A socket is free again one turn of the loop after its last byte.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(connections).toBe(2);
  });
});

describe('sockets', () => {
  it('are bounded for a tenant, and for all tenants together', async () => {
    const held: ServerResponse[] = [];
    const { port } = await origin('127.0.0.2', (response) => held.push(response));
    const dns = await startDns((_name, type) => (type === 'A' ? ['127.0.0.2'] : []));
    onTestFinished(() => dns.close());
    const agents = new Agents({ dnsServers: [dns.address], socketsPerTenant: 2, socketsInAll: 3 });
    open.push(agents);
    const abort = new AbortController();
    const get = (tenant: string) => {
      const request = { url: `http://one.test:${port}/`, method: 'GET', headers: [], body: null } as const;
      return exchange({ ...request, redirect: 'follow' }, terms({ tenant }), agents, abort.signal);
    };
    const waiting = [get('a'), get('a'), get('b')].map((one) => one.catch((error: Error) => error.message));
    await vi.waitUntil(() => held.length === 3);
    await expect(get('a')).rejects.toThrow(/2 connections of this tenant are open/);
    await expect(get('c')).rejects.toThrow(/3 connections of all functions are open, .*ulimit -n/);
    held.pop()!.setHeader('connection', 'close').end();
    await vi.waitUntil(
      async () =>
        (await Promise.race([
          get('c').then(
            () => true,
            () => false,
          ),
          held.length > 2,
        ])) === true,
    );
    abort.abort();
    await Promise.all(waiting);
  });
});
