/** Noisy neighbours in real lanes: who runs long turns is moved to a lane of its own, and quick functions stay off it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NS_PER_MS } from '../../src/contract/units.ts';
import { Path } from '../support/path.ts';

let path: Path;
beforeAll(async () => {
  path = await Path.open({ lanes: 2, maxLanes: 6 });
});
afterAll(async () => {
  await path.close();
});

it('nobody shares a lane with a function that burns CPU', async () => {
  const quick = Array.from({ length: 4 }, () => path.handler("return new Response('quick')"));
  const burner = path.handler(
    'let x = 0; for (let i = 0; i < 1e7; i++) x = (x * 31 + i) | 0; return new Response(String(x));',
  );
  const laneOf = async (of: typeof burner): Promise<string> => (await path.run(of)).story.record.engineId;
  const before = new Set(await Promise.all(quick.map(laneOf)));
  for (let i = 0; i < 6; i++) {
    const { story } = await path.run(burner);
    expect(story.record.cpuNs).toBeGreaterThan(3 * NS_PER_MS);
  }
  const apart = await laneOf(burner);
  expect(before).not.toContain(apart);
  const late = Array.from({ length: 3 }, () => path.handler("return new Response('late')"));
  for (const of of [...quick, ...late]) expect(await laneOf(of)).not.toBe(apart);
});

it('under a mix of both, what is short waits for no long turn', async () => {
  const burn = 'let x = 0; for (let i = 0; i < 5e6; i++) x = (x * 31 + i) | 0; return new Response(String(x));';
  // Long turns give way to whatever else the machine does: there all this takes minutes.
  const patient = { queueMs: 120_000 };
  const long = Array.from({ length: 4 }, () => path.handler(burn, patient));
  const short = Array.from({ length: 4 }, () => path.handler("return new Response('short')", patient));
  // Known for what they are.
  for (let i = 0; i < 8; i++) await Promise.all([...long, ...short].map((of) => path.run(of)));
  let burning = true;
  const longRuns: { lane: string; runNs: number }[] = [];
  const burners = long.map(async (of) => {
    while (burning) {
      const { record } = (await path.run(of)).story;
      longRuns.push({ lane: record.engineId, runNs: record.runNs });
    }
  });
  const shortRuns: { lane: string; queueNs: number }[] = [];
  while (longRuns.length < 12 || shortRuns.length < 100) {
    for (const { story } of await Promise.all(short.map((of) => path.run(of)))) {
      shortRuns.push({ lane: story.record.engineId, queueNs: story.record.queueNs });
    }
  }
  burning = false;
  await Promise.all(burners);
  const apart = new Set(longRuns.map(({ lane }) => lane));
  expect(shortRuns.filter(({ lane }) => apart.has(lane))).toEqual([]);
  const waits = shortRuns.map(({ queueNs }) => queueNs).sort((a, b) => a - b);
  const turns = longRuns.map(({ runNs }) => runNs).sort((a, b) => a - b);
  expect(waits[Math.floor(waits.length * 0.99)]!).toBeLessThan(turns[Math.floor(turns.length / 2)]!);
}, 150_000);
