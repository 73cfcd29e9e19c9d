/** Code caches on the path: made for what is published, used by loads, and never handed to V8 when they are not sound. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FunctionVersion } from '../../src/contract/function.ts';
import { cachePath } from '../../src/engine/code-cache.ts';
import { Path } from '../support/path.ts';

const WITHIN_MS = 10_000;
let path: Path;
beforeAll(async () => {
  path = await Path.open({ lanes: 2, maxLanes: 4 });
});
afterAll(async () => {
  await path.close();
});

/** As the bundler leaves it; what it answers tells whether it ran as a script: there the bundler's own
 * `this` would be none, but this text never went through it. */
function deploy(top = ''): FunctionVersion {
  const text = `${top}
var how = this === undefined ? 'module' : 'script';
var f_default = { fetch: () => new Response(how) };
export {
  f_default as default
};
`;
  return { ...path.deploy(text), bundleBytes: 10_000 };
}

async function made(of: FunctionVersion, before: Buffer | null = null): Promise<void> {
  for (const untilMs = Date.now() + WITHIN_MS; Date.now() < untilMs; await sleep(10)) {
    const file = cachePath(of.bundlePath);
    if (existsSync(file) && (before === null || !readFileSync(file).equals(before))) return;
  }
  throw new Error('no code cache was made');
}

describe('code caches', () => {
  it('are made when a version is published, before anybody asks for it, and used', async () => {
    const of = deploy();
    const loads = path.pool.stats().loads;
    path.engine.press([of]);
    await made(of);
    expect(path.pool.stats().loads).toBe(loads);
    expect((await path.request(of)).text).toBe('script');
  });

  it('are not needed: what is asked for sooner is loaded as a module', async () => {
    expect((await path.request(deploy())).text).toBe('module');
  });

  it('that were tampered with are not run: the function is loaded without, and the cache is made again', async () => {
    const of = deploy();
    path.engine.press([of]);
    await made(of);
    const good = readFileSync(cachePath(of.bundlePath));
    const bad = Buffer.from(good);
    // Code of somebody else's choice in place of the function's own.
    const at = bad.indexOf('new Response(how)');
    bad.write('new Response(666)', at);
    writeFileSync(cachePath(of.bundlePath), bad);
    expect((await path.request(of)).text).toBe('module');
    await made(of, bad);
  });

  it('of what has top-level await are none: it stays a module, and nobody tries again', async () => {
    const of = deploy('await crypto.subtle.digest("SHA-256", new Uint8Array(1));');
    path.engine.press([of]);
    await made(of);
    expect((await path.request(of)).text).toBe('module');
  });

  it('of what does not load are none, and others get theirs', async () => {
    const bad = deploy('throw new Error("broken");');
    const endless = { ...deploy('for (;;);'), bundleBytes: 10_000 };
    const good = deploy();
    path.engine.press([bad, endless, good]);
    await made(good);
    expect(existsSync(cachePath(bad.bundlePath))).toBe(false);
    expect(existsSync(cachePath(endless.bundlePath))).toBe(false);
  });
});

describe('loads', () => {
  it('many at once of one function are few loads: no stampede', async () => {
    const of = deploy();
    const before = path.pool.stats().loads;
    const replies = await Promise.all(Array.from({ length: 50 }, () => path.request(of)));
    expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([200]));
    expect(path.pool.stats().loads - before).toBeLessThanOrEqual(4);
  });

  it('of many functions at once are all answered, and a bystander is answered before most of them', async () => {
    const bystander = path.handler("return new Response('fine')");
    for (let i = 0; i < 20; i++) await path.request(bystander);
    let answered = 0;
    const burst = Array.from({ length: 40 }, () => path.request(deploy()).then(() => answered++));
    expect((await path.request(bystander)).text).toBe('fine');
    expect(answered).toBeLessThan(20);
    await Promise.all(burst);
    expect(answered).toBe(40);
  });
});
