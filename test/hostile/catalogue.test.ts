/**
 * The catalogue of attacks and faults, all of it: every folder of `fixtures/hostile` on a real host, beside a bystander
 * whom nothing of it may fail. `make test` plays them on shared engines; `make hostile` in engine processes too. Cases
 * that need a process of their own are played in `alone.test.ts`.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sample } from '../support/bystander.ts';
import { CATALOGUE_SIZE, flaws, type Mode, readCases } from '../support/hostile-cases.ts';
import { figures, type Report, Scene } from '../support/hostile-scene.ts';
import { table } from '../support/table.ts';

const CASES = readCases();
const TOGETHER = CASES.filter((one) => !one.alone);
const MODES: readonly Mode[] = process.env['ISOLANE_TEST_ALL'] === '1' ? ['shared', 'process'] : ['shared'];
/** A machine with other work on it is slow at times by itself: below this nothing is said about the host. */
const FLOOR_MS = 30;

it('has every case of the catalogue once, each with its proof', () => {
  expect(CASES.map(({ number }) => number)).toEqual(Array.from({ length: CATALOGUE_SIZE }, (_, index) => index + 1));
  expect(CASES.flatMap((one) => flaws(one).map((flaw) => `${one.name}: ${flaw}`))).toEqual([]);
});

for (const mode of MODES) {
  describe(`isolation: ${mode}`, () => {
    let scene: Scene;
    const reports: Report[] = [];

    beforeAll(async () => {
      scene = await Scene.open(TOGETHER, mode);
    });
    afterAll(async () => {
      await scene?.close();
      console.log(table(reports));
    });

    it.for(TOGETHER.filter(({ files, requests }) => files.includes('client.ts') || requests.length > 0))(
      '$name',
      { timeout: 60_000 },
      async (one) => {
        reports.push(await scene.play(one));
      },
    );

    it('after all of them a neighbour is answered as before', async () => {
      const during: readonly Sample[] = reports.flatMap(({ bystander }) => bystander);
      const { undisturbedP99Ms, p99Ms, samples, failed } = figures(scene.undisturbed, during);
      console.log(
        `bystander: p99 ${undisturbedP99Ms.toFixed(1)} ms undisturbed, ${p99Ms.toFixed(1)} ms among ${samples}`,
      );
      expect(failed).toBe(0);
      expect(p99Ms).toBeLessThanOrEqual(Math.max(3 * undisturbedP99Ms, FLOOR_MS));
      const { lanes } = await scene.stats();
      expect(lanes.length).toBeGreaterThan(0);
    });
  });
}

describe('with a host of their own', () => {
  it.for(CASES.filter(({ files }) => files.includes('host.ts')))('$name', { timeout: 60_000 }, async (one) => {
    const { run } = (await import(join(one.directory, 'host.ts'))) as { run(): Promise<void> };
    await run();
  });
});
