/**
 * A function that no kill ends, in a real lane: its caller learns that it crashed, nothing of it stays where others run,
 * and a bystander does not notice.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Path } from '../support/path.ts';

/** One operation that never looks whether it is to end (isolation facts §1.6); its thread is busy for seconds. */
const WEDGE = '`$' + '{2n ** (2n ** 27n)}`.length';

let path: Path;
beforeAll(async () => {
  path = await Path.open({ lanes: 2 });
});
afterAll(async () => {
  await path.close();
});

describe('a function that wedges its lane', () => {
  it('is moved out of the shared process at its first fall', async () => {
    const code = `if (request.url.endsWith('/wedge')) return new Response(${WEDGE}); return new Response('fine');`;
    const bad = path.handler(code, { cpuMs: 50, queueMs: 300 });
    const bystander = path.handler("return new Response('here')");
    const warm = await Promise.all([path.request(bad), path.request(bad), path.request(bystander)]);
    expect(warm.map(({ text }) => text)).toEqual(['fine', 'fine', 'here']);
    expect(path.pool.census(bad).isolates).toBeGreaterThan(0);
    const fall = path.run(bad, { path: '/wedge' });
    let over = false;
    fall.finally(() => {
      over = true;
    });
    while (!over) expect((await path.request(bystander)).text).toBe('here');
    const { reply, story } = await fall;
    expect([reply.status, reply.outcome, story.record.outcome]).toEqual([502, 'crashed', 'crashed']);
    expect(path.quarantine.view(bad)).toMatchObject({ state: 'confined', strikes: 1 });
    expect(path.quarantine.realmOf(bad)).toBe(`function:default/${bad.spec.name}`);
    expect(path.lines.at(-1)).toMatch(/brought its engine down \(a turn ignored its end\)/);
    // None that was warm in the host's own lanes is left for the next one.
    expect(path.pool.census(bad)).toEqual({ isolates: 0, running: 0 });
    expect((await path.request(bystander)).text).toBe('here');
  });

  it('is quarantined at the third, and let in again by a probe that goes well', async () => {
    const code = `if (request.url.endsWith('/wedge')) return new Response(${WEDGE}); return new Response('fine');`;
    const bad = path.handler(code, { cpuMs: 50 }, { isolation: 'process' });
    const bystander = path.handler("return new Response('here')");
    for (let i = 0; i < 3; i++) expect((await path.request(bad, { path: '/wedge' })).outcome).toBe('crashed');
    const refused = await path.request(bad);
    expect([refused.status, refused.outcome]).toEqual([503, 'quarantined']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(30);
    expect((await path.request(bystander)).text).toBe('here');
    path.aheadMs += 60_000;
    expect((await path.request(bad)).text).toBe('fine');
    const all = await Promise.all([path.request(bad), path.request(bad)]);
    expect(all.map(({ text }) => text)).toEqual(['fine', 'fine']);
    expect(path.quarantine.view(bad).state).toBe('confined');
  });
});
