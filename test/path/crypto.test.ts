/** Cryptography in the thread pool, seen from outside: who pays for it, who waits for it, what becomes of it at the end. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NS_PER_MS } from '../../src/contract/units.ts';
import { Path } from '../support/path.ts';

/** About 70 ms of one core. */
const ITERATIONS = 200_000;
const derive = (iterations: number): string => `
  const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
  const derive = () => crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(16), iterations: ${iterations} }, key, 512);`;
const ONCE = `${derive(ITERATIONS)} await derive(); return new Response('derived');`;

describe.each([
  ['in the host', ''],
  ['in an engine process', 'r'],
])('%s', (_where, realm) => {
  let path: Path;
  beforeAll(async () => {
    path = await Path.open({ lanes: 1, maxLanes: 1, realm });
    await path.request(path.handler("return new Response('up')", { queueMs: 60_000 }));
  });
  afterAll(async () => {
    await path.close();
  });

  it('the invocation pays for its CPU', async () => {
    const { reply, story } = await path.run(path.handler(ONCE, { cpuMs: 5000 }));
    expect(reply.text).toBe('derived');
    const { cpuNs, hostCpuNs, runNs } = story.record;
    expect(cpuNs).toBeGreaterThan(15 * NS_PER_MS);
    expect(hostCpuNs).toBeGreaterThan(15 * NS_PER_MS);
    expect(cpuNs).toBeLessThan(runNs + 10 * NS_PER_MS);
  });

  it('and is ended when its limit is reached', async () => {
    const { story } = await path.run(path.handler(`${derive(ITERATIONS)} for (;;) await derive();`, { cpuMs: 150 }));
    expect(story.record.outcome).toBe('cpu_exceeded');
    expect(story.record.cpuNs).toBeGreaterThanOrEqual(150 * NS_PER_MS);
  });

  it('others run on the same lane meanwhile', async () => {
    const long = path.handler(`${derive(1_500_000)} await derive(); return new Response('derived');`, {
      cpuMs: 20_000,
    });
    const quick = path.handler("return new Response('quick')", { queueMs: 60_000 });
    await path.request(quick);
    let settled = false;
    const slow = path.run(long).finally(() => {
      settled = true;
    });
    let answers = 0;
    while (!settled && answers < 2000) answers += (await path.request(quick)).text === 'quick' ? 1 : 0;
    expect(answers).toBeGreaterThan(50);
    expect((await slow).reply.text).toBe('derived');
  });

  it('its wall limit holds while it waits, and its isolate is not used again', async () => {
    const waits = path.handler(`${derive(1_500_000)} await derive(); return new Response('derived');`, {
      wallMs: 60,
      cpuMs: 20_000,
    });
    const { story } = await path.run(waits);
    expect(story.record.outcome).toBe('wall_timeout');
    const again = await path.run(waits);
    expect(again.story.record.isolateId).not.toBe(story.record.isolateId);
  });

  it("what several use at once is nobody else's: no limit is reached by a neighbour", async () => {
    const modest = path.handler(`${derive(50_000)} await derive(); await derive(); return new Response('derived');`, {
      cpuMs: 600,
      queueMs: 60_000,
    });
    const runs = await Promise.all(Array.from({ length: 6 }, () => path.run(modest)));
    expect(runs.map(({ story }) => story.record.outcome)).toEqual(Array(6).fill('ok'));
  });

  it('keys may be made while the module loads', async () => {
    const version = path.deploy(
      `
      const { privateKey } = await crypto.subtle.generateKey({ name: 'RSA-PSS', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, false, ['sign']);
      const other = crypto.subtle.generateKey('Ed25519', false, ['sign']);
      export default { async fetch() {
        const signature = await crypto.subtle.sign({ name: 'RSA-PSS', saltLength: 32 }, privateKey, new Uint8Array(3));
        return Response.json([signature.byteLength, (await crypto.subtle.sign('Ed25519', (await other).privateKey, new Uint8Array(1))).byteLength]);
      } }`,
      { initMs: 10_000, queueMs: 60_000 },
    );
    for (let i = 0; i < 3; i++) expect((await path.request(version)).text).toBe('[128,64]');
  });

  it('a module whose keys take too long does not load', async () => {
    const version = path.deploy(
      `${derive(1_500_000)} await derive(); export default { fetch: () => new Response() };`,
      { initMs: 50 },
    );
    expect((await path.run(version)).story.record.outcome).toBe('init_error');
    expect((await path.request(path.handler("return new Response('alive')", { queueMs: 60_000 }))).text).toBe('alive');
  });
});
