/**
 * Isolates that start from one snapshot share nothing a guest could tell: random numbers, clocks, keys, counters, caches
 * and what one of them has changed. Each pair here is booted from the same snapshot and from the same bundle.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { type Guest, openGuest, START_MS } from '../support/isolate.ts';

const CODE = `
let calls = 0;
export default { async fetch(request) {
  const job = new URL(request.url).pathname.slice(1);
  return Response.json(await jobs[job](++calls));
} };
const jobs = {
  random: () => Array.from({ length: 64 }, () => Math.random()),
  bytes: () => [...crypto.getRandomValues(new Uint8Array(64))],
  uuids: () => Array.from({ length: 64 }, () => crypto.randomUUID()),
  key: async () => {
    const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign']);
    return [...new Uint8Array(await crypto.subtle.exportKey('raw', key))];
  },
  clock: () => [performance.timeOrigin, performance.now(), Date.now(), new Date().getTime()],
  marks: () => {
    performance.mark('mine');
    return performance.getEntries().length;
  },
  calls: (n) => n,
  spoil: () => {
    Math.random = () => 4;
    Array.prototype.map = undefined;
    Object.prototype.leak = 1;
    globalThis.secret = 1;
    URL.prototype.secret = 1;
    performance.secret = 1;
    return 0;
  },
  clean: () => [Math.random() === 4, typeof [].map, {}.leak, globalThis.secret, URL.prototype.secret, performance.secret],
  objectUrl: () => typeof URL.createObjectURL === 'function' ? URL.createObjectURL(new Blob(['x'])) : crypto.randomUUID(),
  timer: () => setTimeout(() => {}, 1e6),
};`;

const guests: Guest[] = [];
afterAll(() => {
  for (const guest of guests) guest.close();
});

const open = async (nowMs: number = START_MS): Promise<(job: string) => Promise<unknown>> => {
  const guest = await openGuest(CODE, { snapshot: true, nowMs });
  guests.push(guest);
  return async (job) => {
    const turn = await guest.settled(guest.fetch(`http://h/${job}`));
    return JSON.parse((turn.get('head').body as { text: string }).text);
  };
};

describe('two isolates of one snapshot', () => {
  it.each(['random', 'bytes', 'uuids', 'key', 'objectUrl'])('have nothing of %s in common', async (job) => {
    const all = new Set<unknown>();
    let count = 0;
    for (let i = 0; i < 8; i++) {
      const ask = await open();
      for (let j = 0; j < 2; j++) {
        const answer = await ask(job);
        // Bytes are compared as a whole: single ones repeat.
        const parts = job === 'random' || job === 'uuids' ? (answer as unknown[]) : [JSON.stringify(answer)];
        for (const part of parts) all.add(part);
        count += parts.length;
      }
    }
    expect(all.size).toBe(count);
  });

  it('have clocks of their own', async () => {
    const early = await open(START_MS);
    const late = await open(START_MS + 5000);
    expect(await early('clock')).toEqual([START_MS, 0, START_MS, START_MS]);
    expect(await late('clock')).toEqual([START_MS + 5000, 0, START_MS + 5000, START_MS + 5000]);
  });

  it('see nothing of what the other one did', async () => {
    const one = await open();
    const two = await open();
    for (let i = 1; i <= 3; i++) {
      expect(await one('marks')).toBe(i);
      await one('timer');
    }
    await one('spoil');
    expect(await two('marks')).toBe(1);
    expect(await two('timer')).toBe(1);
    expect(await two('calls')).toBe(3);
    expect(await two('clean')).toEqual([false, 'function', null, null, null, null]);
  });
});
