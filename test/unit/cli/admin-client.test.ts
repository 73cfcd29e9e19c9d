import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/cli.ts';
import { Project } from '../config/project.ts';
import { FakeTerminal } from './terminal.ts';

const TOKEN = 'iso_test-token';
const GROUP = {
  key: { function: 'a', outcome: 'ok' },
  invocations: 2,
  coldStarts: 1,
  billedMs: 27,
  cpuNs: '12345678901234567890',
  initNs: '1',
  runNs: '2',
  mibMs: '3',
  requestBytes: '4',
  responseBytes: '5',
};
const FUNCTION = {
  name: 'a',
  version: 3,
  routes: ['GET /a'],
  url: '/fn/a/',
  cron: [],
  isolates: 1,
  running: 0,
  more: 1,
};
const ANSWER = {
  invocationId: 'id-1',
  outcome: 'ok',
  status: 200,
  headers: [['a', 'b']],
  body: 'hi',
  bodyEncoding: 'text',
};

const project = new Project();
let server: Server;
let seen: { url: string; method: string; token: string; body: string }[];
let reply: { status: number; body: unknown };
beforeAll(async () => {
  server = createServer(async (request: IncomingMessage, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({
      url: request.url ?? '',
      method: request.method ?? '',
      token: request.headers.authorization ?? '',
      body,
    });
    response.writeHead(reply.status, { 'content-type': 'application/json', location: '/elsewhere' });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  project.write(
    'isolane.json',
    JSON.stringify({
      functions: { a: { entry: 'gone.ts', env: { X: { env: 'UNSET' } } } },
      server: { adminPort: port },
    }),
  );
  project.write('.isolane/admin-token', `${TOKEN}\n`);
});
afterAll(() => {
  server.close();
  project.remove();
});
beforeEach(() => {
  seen = [];
});

async function run(env: Record<string, string>, ...args: string[]) {
  const terminal = new FakeTerminal(project.directory, env);
  const code = await runCli(args, terminal);
  return { code, stdout: terminal.stdout.join('\n'), stderr: terminal.stderr.join('\n') };
}

describe('list', () => {
  it('asks the host of the configuration with the token of its data dir', async () => {
    reply = { status: 200, body: { items: [FUNCTION], nextCursor: null } };
    const { code, stdout } = await run({}, 'list');
    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      'FUNCTION  VERSION  ISOLATES  RUNNING  CALLED BY',
      'a               3         1        0  GET /a, /fn/a/',
    ]);
    expect(seen).toEqual([{ url: '/v1/functions', method: 'GET', token: `Bearer ${TOKEN}`, body: '' }]);
    expect(JSON.parse((await run({}, 'list', '--json')).stdout)).toEqual({ items: [FUNCTION] });
  });

  it('says which functions fell, where one did', async () => {
    const quarantined = { state: 'quarantined', strikes: 3, nextProbe: '2026-01-01T00:01:00.000Z' };
    const confined = { state: 'confined', strikes: 1, nextProbe: null };
    const ordinary = { state: 'ordinary', strikes: 0, nextProbe: null };
    const items = [quarantined, confined, ordinary].map((quarantine) => ({ ...FUNCTION, quarantine }));
    reply = { status: 200, body: { items, nextCursor: null } };
    expect((await run({}, 'list')).stdout.split('\n')).toEqual([
      'FUNCTION  VERSION  ISOLATES  RUNNING  STATE                                             CALLED BY',
      'a               3         1        0  quarantined, next probe 2026-01-01T00:01:00.000Z  GET /a, /fn/a/',
      'a               3         1        0  confined, 1 of 3 falls                            GET /a, /fn/a/',
      'a               3         1        0                                                    GET /a, /fn/a/',
    ]);
    reply = { status: 200, body: { items: [items[2]], nextCursor: null } };
    expect((await run({}, 'list')).stdout).not.toContain('STATE');
  });

  it('prefers ISOLANE_TOKEN', async () => {
    await run({ ISOLANE_TOKEN: 'other' }, 'list');
    expect(seen[0]?.token).toBe('Bearer other');
  });
});

describe('invoke', () => {
  it('posts the event and prints the body alone', async () => {
    reply = { status: 200, body: ANSWER };
    project.write('event.json', '{"b":2}');
    expect(await run({}, 'invoke', 'a', '--data', '@event.json')).toEqual({
      code: 0,
      stdout: 'hi',
      stderr: '200 ok id-1',
    });
    expect(seen).toEqual([
      { url: '/v1/functions/a/invoke', method: 'POST', token: `Bearer ${TOKEN}`, body: '{"b":2}' },
    ]);
    expect(JSON.parse((await run({}, 'invoke', 'a', '--json')).stdout)).toEqual(ANSWER);
  });

  it('fails when the function failed', async () => {
    reply = { status: 200, body: { ...ANSWER, outcome: 'cpu_exceeded', status: 503 } };
    expect((await run({}, 'invoke', 'a')).code).toBe(1);
  });

  it('says why a function failed, and nothing of that steers the terminal', async () => {
    const problem = { name: 'Error', message: 'x', stack: 'Error: x\u001b[2J\n    at read (a.ts:1:2)' };
    reply = { status: 200, body: { ...ANSWER, outcome: 'function_error', status: 500, problem } };
    expect((await run({}, 'invoke', 'a')).stderr).toBe(
      '500 function_error id-1\nError: x\\x1b[2J\n    at read (a.ts:1:2)',
    );
  });
});

describe('usage', () => {
  beforeEach(() => {
    reply = { status: 200, body: { items: [GROUP], nextCursor: null } };
  });

  it('prints tables, CSV and JSON, and keeps every digit', async () => {
    const args = ['usage', '--by', 'function,outcome', '--from', '2026-11-01', '--to', '2026-11-02T01:00:00+01:00'];
    expect((await run({}, ...args)).stdout.split('\n')[1]).toMatch(/^a {9}ok {17}2 .* 12345678901234567890 /);
    expect(decodeURIComponent(seen[0]?.url ?? '')).toBe(
      '/v1/usage?by=function,outcome&from=2026-11-01T00:00:00.000Z&to=2026-11-02T00:00:00.000Z',
    );
    expect((await run({}, ...args, '--format', 'csv')).stdout).toBe(
      'function,outcome,invocations,coldStarts,billedMs,cpuNs,initNs,runNs,mibMs,requestBytes,responseBytes\r\na,ok,2,1,27,12345678901234567890,1,2,3,4,5',
    );
    expect(JSON.parse((await run({}, ...args, '--json')).stdout)).toEqual({ items: [GROUP] });
  });
});

describe('what can go wrong', () => {
  it('is no host', async () => {
    const { code, stderr } = await run({}, 'list', '--admin-url', 'http://127.0.0.1:1');
    expect([code, stderr]).toEqual([
      1,
      'isolane: No isolane host answers at http://127.0.0.1:1; start one with "isolane serve" or name another with --admin-url. [HOST_UNREACHABLE]',
    ]);
  });

  it.each([
    [401, {}, /refused the token of .*admin-token; set ISOLANE_TOKEN to a valid one\. \[UNAUTHORIZED\]$/],
    [
      404,
      { error: { code: 'NOT_FOUND', message: 'There is no function `b`.' } },
      /^isolane: There is no function `b`\. \[NOT_FOUND\]$/,
    ],
    [400, { error: { code: 'constructor', message: 'No.' } }, /^isolane: No\. \[BAD_REQUEST\]$/],
    [500, 'plain', /answered with status 500; .* \[BAD_REQUEST\]$/],
    [200, '<html>', /answered \/v1\/functions as no isolane of this version does; .* \[BAD_REQUEST\]$/],
    [302, '', /^isolane: No isolane host answers at .* \[HOST_UNREACHABLE\]$/],
  ])('is status %i', async (status, body, sentence) => {
    reply = { status, body };
    const { code, stdout, stderr } = await run({}, 'list');
    expect([code, stdout]).toEqual([1, '']);
    expect(seen).toHaveLength(1);
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toContain(TOKEN);
  });
});
