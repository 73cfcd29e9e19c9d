/** The admin plane over a real socket, with the real token file and the real telemetry behind it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTokens, type Tokens } from '../../src/admin/admin.ts';
import { type AdminServer, openAdmin } from '../../src/admin/server.ts';
import { MIB } from '../../src/contract/units.ts';
import { createTelemetry, type Telemetry } from '../../src/telemetry/telemetry.ts';
import { type Asked, fakePorts, INVOCATION_ID } from '../unit/admin/fakes.ts';
import { aStory, TRACE_ID } from '../unit/telemetry/story.ts';

let dir = '';
let admin: AdminServer;
let tokens: Tokens;
let telemetry: Telemetry;
let asked: Asked;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'isolane-admin-'));
  tokens = openTokens(dir);
  telemetry = createTelemetry({ env: {}, sampleRatio: 0, serviceVersion: '1.2.3', hostId: 'h-1', now: Date.now });
  const { ports, asked: seen } = fakePorts({
    recent: telemetry.recent,
    metricsText: () => telemetry.metricsText(),
    verifyToken: (token) => tokens.verify(token)?.scopes ?? null,
  });
  asked = seen;
  admin = await openAdmin(ports, 0);
});
afterEach(async () => {
  await admin.close();
  rmSync(dir, { recursive: true, force: true });
});

async function get(path: string, token = readFileSync(tokens.adminTokenFile, 'utf8').trim()): Promise<Response> {
  return fetch(`${admin.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
}

describe('the admin plane', () => {
  it('opens with the token of the file, and with no other', async () => {
    expect((await get('/v1/functions')).status).toBe(200);
    expect((await get('/v1/functions', `iso_${'a'.repeat(43)}`)).status).toBe(401);
    const { token } = tokens.create(['invoke'], '');
    expect((await get('/v1/functions', token)).status).toBe(403);
  });

  it('takes a body of unknown length up to its cap, and a DELETE without any', async () => {
    const authorization = `Bearer ${readFileSync(tokens.adminTokenFile, 'utf8').trim()}`;
    const send = (path: string, init: RequestInit) =>
      fetch(`${admin.url}${path}`, { headers: { authorization }, ...init });
    const chunked = (bytes: number) =>
      send('/v1/functions/hello/invoke', {
        method: 'POST',
        body: new Blob(['a'.repeat(bytes)]).stream(),
        duplex: 'half',
      } as RequestInit);
    expect((await chunked(3)).status).toBe(200);
    expect((await chunked(MIB + 1)).status).toBe(413);
    expect(asked.invoked.map(({ body }) => body)).toEqual(['aaa']);
    expect((await send('/v1/functions/hello/quarantine', { method: 'DELETE' })).status).toBe(200);
    expect(asked.lifted).toEqual(['hello']);
  });

  it('shows a settled invocation, its trace and its metrics at once', async () => {
    telemetry.settled(
      aStory({
        record: { cold: true, initNs: 3_000_000 },
        story: { logs: [{ level: 'info', text: '<b>hi</b>', epochMs: 1 }] },
      }),
    );
    const shown = (await (await get(`/v1/invocations/${INVOCATION_ID}`)).json()) as {
      spans: { name: string }[];
      logs: { text: string }[];
    };
    expect(shown.spans.map(({ name }) => name)).toEqual(['GET /hello/:who', 'isolate.init']);
    expect(shown.logs[0]?.text).toBe('<b>hi</b>');
    const list = (await (await get('/v1/traces?function=hello')).json()) as { items: { traceId: string }[] };
    expect(list.items.map(({ traceId }) => traceId)).toEqual([TRACE_ID]);
    const trace = (await (await get(`/v1/traces/${TRACE_ID}`)).json()) as { resourceSpans: unknown[] };
    expect(trace.resourceSpans).toHaveLength(1);
    expect(await (await get('/metrics')).text()).toMatch(/^faas_coldstarts_total\{.*faas_name="hello".*\} 1$/m);
  });

  it('refuses a cursor that it did not give out', async () => {
    const answer = await get('/v1/traces?cursor=..%2F');
    expect(answer.status).toBe(400);
  });

  it('refuses a page of another name that resolves to it', async () => {
    const status = await new Promise<number>((resolve, reject) => {
      const headers = { host: `rebound.example:${admin.port}` };
      const asking = request({ host: '127.0.0.1', port: admin.port, path: '/', headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      asking.on('error', reject).end();
    });
    expect(status).toBe(403);
  });

  it('serves the page to a browser without a token', async () => {
    const answer = await fetch(`${admin.url}/`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('<title>isolane</title>');
  });

  it('says in one sentence that its port is taken', async () => {
    await expect(openAdmin(fakePorts().ports, admin.port)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`port ${admin.port}`),
    });
    await expect(openAdmin(fakePorts({ adminHost: '203.0.113.1' }).ports, 0)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('closes although a connection stays open', async () => {
    const socket = connect(admin.port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write('GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n');
    // A reset is an end too.
    socket.on('error', () => {});
    const ended = new Promise((resolve) => socket.once('close', resolve));
    await admin.close();
    await ended;
    admin = await openAdmin(fakePorts().ports, 0);
  });
});
