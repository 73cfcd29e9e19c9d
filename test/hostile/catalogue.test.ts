/**
 * The catalogue of attacks and faults, all of it: every folder of `fixtures/hostile` on a real host, beside a bystander
 * whom nothing of it may fail. `make test` plays them on shared engines; `make hostile` in engine processes too. Cases
 * that need a process of their own are played in `alone.test.ts`.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boundMs, failures, quantileMs } from '../support/bystander.ts';
import { CATALOGUE_SIZE, flaws, type Mode, readCases } from '../support/hostile-cases.ts';
import { type Report, Scene } from '../support/hostile-scene.ts';
import { table } from '../support/table.ts';

const CASES = readCases();
const TOGETHER = CASES.filter((one) => !one.alone);
const MODES: readonly Mode[] = process.env['ISOLANE_TEST_ALL'] === '1' ? ['shared', 'process'] : ['shared'];

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
      const crowds = TOGETHER.filter(({ crowd }) => crowd).map(({ name }) => name);
      const during = reports.filter(({ name }) => !crowds.includes(name)).flatMap(({ bystander }) => bystander);
      const bound = boundMs(
        scene.undisturbed,
        reports.flatMap(({ control }) => control),
      );
      const p99 = quantileMs(during, 0.99);
      console.log(`bystander: p99 ${p99.toFixed(1)} ms among ${during.length}, at most ${bound.toFixed(1)} ms allowed`);
      expect(failures(during)).toEqual([]);
      expect(p99).toBeLessThanOrEqual(bound);
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
