/**
 * Cases of the catalogue that may bring a process down, each on a host of its own: on shared engines the host may be
 * replaced, and then only what was under way in it is lost; in engine processes nobody beside the culprit notices.
 * Part of `make hostile` and `make test-all` only.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { boundMs, failures, quantileMs, type Sample } from '../support/bystander.ts';
import { type Mode, readCases } from '../support/hostile-cases.ts';
import { type Report, Scene } from '../support/hostile-scene.ts';
import { table } from '../support/table.ts';

/** Fewer samples have no 99th percentile. */
const ENOUGH = 500;
/** Around a broken connection: the host was being replaced. */
const TAKEOVER_MS = 1500;

const CASES = readCases().filter(({ alone, requests }) => alone && requests.length > 0);
const MODES: readonly Mode[] = ['shared', 'process'];

describe.runIf(process.env['ISOLANE_TEST_ALL'] === '1')('alone', () => {
  const reports: Report[] = [];
  afterAll(() => {
    console.log(table(reports));
  });

  for (const mode of MODES) {
    it.for(CASES)(`${mode}: $name`, { timeout: 120_000 }, async (one) => {
      const scene = await Scene.open([one], mode);
      try {
        const report = await scene.play(one);
        reports.push({ ...report, name: `${report.name} (${mode})` });
        const records = await scene.records();
        const expected = one.requests.flatMap(({ expect: wanted }) => wanted.outcome ?? []);
        for (const { outcome } of records) expect(expected).toContain(outcome);
        const served = outsideTakeover(report.bystander);
        if (served.length >= ENOUGH) {
          expect(quantileMs(served, 0.99)).toBeLessThanOrEqual(boundMs(scene.undisturbed, report.control));
        }
      } finally {
        await scene.close();
      }
    });
  }
});

function outsideTakeover(samples: readonly Sample[]): readonly Sample[] {
  const moments = failures(samples).map(({ dueAt, tookMs }) => dueAt + tookMs);
  return samples.filter(({ dueAt, tookMs }) =>
    moments.every((moment) => dueAt > moment + TAKEOVER_MS || dueAt + tookMs < moment - TAKEOVER_MS),
  );
}
