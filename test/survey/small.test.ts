/**
 * The survey of small loops: `for (;;) x.method(…)` over every built-in there is, on real lanes, with a small CPU limit.
 * Each must end on time, whatever the optimising compiler makes of it: V8 has had loops over small arrays that ignore
 * their end for ever (the reason for --no-turboshaft-loop-unrolling). Kept for the day Node or V8 changes.
 * A seeded sample by default, everything with ISOLANE_TEST_ALL=1.
 */
import ivm from 'isolated-vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NS_PER_MS } from '../../src/contract/units.ts';
import { Guest } from '../support/isolate.ts';
import { Path } from '../support/path.ts';
import { ARGUMENTS, type BuiltIn, call, ENUMERATE, receivers, surveyed } from './catalogue.ts';
import { seeded } from './seeded.ts';

const CPU_MS = 25;
/** CPU, not wall: one look of the watch, one tick of accounting, one garbage collection; generous. */
const SLACK_MS = 150;
const SAMPLE = 150;
const BATCH = 4;

let path: Path;
let loops: readonly string[];
beforeAll(async () => {
  path = await Path.open({ maxLanes: 4 });
  const found = JSON.parse((await Guest.eval(`return (0, eval)(${JSON.stringify(ENUMERATE)})`)) as string) as BuiltIn[];
  const all = loopsOf(found.filter(surveyed));
  loops = process.env['ISOLANE_TEST_ALL'] === '1' ? all : seeded(all, SAMPLE);
}, 120_000);
afterAll(async () => {
  await path.close();
});

it('every built-in ends on time in a loop', async () => {
  const late: string[] = [];
  for (let at = 0; at < loops.length; at += BATCH) {
    const batch = loops.slice(at, at + BATCH);
    await Promise.all(
      batch.map(async (loop) => {
        const { story } = await path.run(path.handler(loop, { cpuMs: CPU_MS, memoryMiB: 64, wallMs: 20_000 }));
        const { outcome, cpuNs } = story.record;
        const ended = outcome === 'cpu_exceeded' || outcome === 'memory_exceeded';
        if (!ended || cpuNs > (CPU_MS + SLACK_MS) * NS_PER_MS)
          late.push(`${outcome} after ${cpuNs / NS_PER_MS} ms: ${loop}`);
      }),
    );
    expect(path.lines).toEqual([]);
  }
  expect(late).toEqual([]);
  expect(loops.length).toBeGreaterThanOrEqual(SAMPLE);
}, 3_600_000);

/** One loop a receiver, with the first arguments that do not throw; where all throw, the throw is part of the loop. */
function loopsOf(found: readonly BuiltIn[]): readonly string[] {
  const isolate = new ivm.Isolate({ memoryLimit: 64 });
  const context = isolate.createContextSync();
  const works = (text: string): boolean => {
    try {
      context.evalSync(text, { timeout: 100 });
      return true;
    } catch {
      return false;
    }
  };
  const all = found.flatMap((each) =>
    receivers(each.owner).map((receiver) => {
      const fits = ARGUMENTS.map((args) => call(each, receiver, args)).find(works);
      // A promise nobody waits for must not end the test's isolate by its rejection.
      return fits === undefined
        ? `for (;;) { try { ${call(each, receiver, '')}; } catch {} }`
        : `for (;;) { ${fits}; }`;
    }),
  );
  isolate.dispose();
  return [...new Set(all)];
}
