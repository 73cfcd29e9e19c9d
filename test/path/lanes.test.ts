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
