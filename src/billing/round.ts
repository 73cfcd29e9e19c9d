/**
 * From nanoseconds to billed milliseconds: the one place where billing rounds. Initialisation and run are summed
 * first and rounded up once, so that two halves never cost two extra milliseconds. Knows outcomes, no prices.
 */
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import { NS_PER_MS } from '../contract/units.ts';

/** `runNs` is what may be billed of the run: a caller that knows a limit or a checkpoint has cut it already. */
export function billedMs(outcome: Outcome, initNs: number, runNs: number): number {
  const billed = OUTCOMES[outcome].billed;
  switch (billed) {
    case 'no':
      return 0;
    case 'init':
      return ceilMs(initNs);
    case 'yes':
    case 'limit':
      return ceilMs(initNs + runNs);
    case 'checkpoint':
      // Without a checkpoint nothing was measured, and what was not measured is not billed.
      return initNs + runNs === 0 ? 0 : ceilMs(initNs + runNs);
    default:
      return billed satisfies never;
  }
}

/** At least 1: a started and billed invocation is never free. Exact up to 2^53 ns, 104 days. */
function ceilMs(ns: number): number {
  return Math.max(1, Math.ceil(ns / NS_PER_MS));
}
