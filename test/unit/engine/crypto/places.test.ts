/** Places in the thread pool, and what is made of them: who waits, and what an operation used for certain. */
import { expect, it } from 'vitest';
import { NS_PER_MS } from '../../../../src/contract/units.ts';
import { Desk, type Result, Workshop } from '../../../../src/engine/crypto/desk.ts';
import { Meter } from '../../../../src/engine/crypto/meter.ts';
import { Places } from '../../../../src/engine/crypto/places.ts';

it('are counted over all lanes; what is long never takes those of what is quick', () => {
  const memory = Places.memory(4);
  const [one, other] = [new Places(memory), new Places(memory)];
  expect([one.take(true), other.take(true)]).toEqual([true, false]);
  let quick = 0;
  while ((quick % 2 === 0 ? one : other).take(false)) quick += 1;
  expect(quick).toBeGreaterThan(1);
  one.give(true);
  expect(other.take(true)).toBe(true);
  one.give(false);
  expect([other.take(false), one.take(false)]).toEqual([true, false]);
});

it('know how long how many were taken', async () => {
  const places = new Places(Places.memory(8));
  const before = places.taken();
  places.take(false);
  places.take(false);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const taken = places.taken() - before;
  expect(taken).toBeGreaterThan(2 * 15 * NS_PER_MS);
  places.give(false);
  places.give(false);
  const after = places.taken();
  expect(places.taken()).toBe(after);
});

const desk = (shop: Workshop): { desk: Desk; results(count: number): Promise<readonly Result[]> } => {
  let wake = (): void => undefined;
  const made = new Desk(shop, { later: (ms, retry) => setTimeout(retry, ms), done: () => wake() });
  const found: Result[] = [];
  const results = async (count: number): Promise<readonly Result[]> => {
    for (;;) {
      found.push(...made.take());
      if (found.length >= count) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { desk: made, results };
};
const derive = async (
  of: { desk: Desk; results(count: number): Promise<readonly Result[]> },
  inv: number,
): Promise<void> => {
  const key = of.desk.start(inv, 'importKey', '["raw",{"b":0},"PBKDF2",false,{"l":["deriveBits"]}]', [
    new Uint8Array(9),
  ]);
  const id = (JSON.parse(key as string) as { k: unknown[] }).k[0] as number;
  const algorithm = '{"d":{"name":"PBKDF2","hash":"SHA-512","salt":{"b":0},"iterations":100000}}';
  expect(of.desk.start(inv, 'deriveBits', `[${algorithm},{"k":${id}},512]`, [new Uint8Array(16)])).toBeTypeOf('number');
};

it('what runs alone is measured exactly, side by side never more than all together', async () => {
  const shop = new Workshop(Places.memory(4));
  const alone = desk(shop);
  await derive(alone, 1);
  const [first] = await alone.results(1);
  const { mostNs, sureNs } = first!.spent;
  expect(mostNs).toBeGreaterThan(5 * NS_PER_MS);
  // The first one starts the pool, whose threads do nothing else.
  expect(sureNs).toBeGreaterThan(0.8 * mostNs);

  const both = new Workshop(Places.memory(12));
  const meter = new Meter(both.places);
  const mark = meter.begin();
  const [a, b] = [desk(both), desk(both)];
  await derive(a, 1);
  await derive(b, 2);
  const spent = [...(await a.results(1)), ...(await b.results(1))].map((one) => one.spent);
  const { mostNs: together } = meter.end(mark);
  const sure = spent.reduce((sum, one) => sum + one.sureNs, 0);
  expect(sure).toBeLessThanOrEqual(2 * together + NS_PER_MS);
  for (const one of spent) expect(one.mostNs).toBeGreaterThanOrEqual(one.sureNs);
});

it('operations of one invocation go one after another, of two side by side', async () => {
  const shop = new Workshop(Places.memory(12));
  const one = desk(shop);
  await derive(one, 1);
  await derive(one, 1);
  expect(shop.working).toBe(1);
  await derive(one, 2);
  expect(shop.working).toBe(2);
  one.desk.forget(1);
  const results = await one.results(2);
  expect(results.map(({ inv }) => inv).sort()).toEqual([1, 2]);
  expect([shop.working, one.desk.owes(1), one.desk.owes(2)]).toEqual([0, false, false]);
});
