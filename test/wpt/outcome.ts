/** What came of one case on both sides, with the subtests that count. */
import type { Case } from './checkout.ts';
import type { SubtestResult } from './page.ts';
import { REFUSAL } from './program.ts';
import type { Ending } from './sides.ts';

export interface Side {
  /** Anything but `ok` says why in `note`. */
  readonly state: 'ok' | 'error' | 'timeout' | 'crash' | 'hang';
  readonly note: string;
  /** Subtests that count, in order; names are made distinct. */
  readonly tests: readonly SubtestResult[];
}

export interface Outcome {
  readonly test: Case;
  readonly isolane: Side;
  /** `null`: not asked for. */
  readonly node: Side | null;
}

const PASSED = 0;

export const passes = (side: Side): number => side.tests.filter((test) => test.status === PASSED).length;
export const failures = (side: Side): readonly SubtestResult[] => side.tests.filter((test) => test.status !== PASSED);

/** The second subtest of one name is `name (2)`. */
function distinct(tests: readonly SubtestResult[]): readonly SubtestResult[] {
  const seen = new Map<string, number>();
  return tests.map((test) => {
    const count = (seen.get(test.name) ?? 0) + 1;
    seen.set(test.name, count);
    return count === 1 ? test : { ...test, name: `${test.name} (${count})` };
  });
}

function sideOf(ending: Ending): Side {
  if (ending.kind !== 'ended') return { state: ending.kind, note: ending.why, tests: [] };
  const { status, message, tests } = ending.page;
  const state = status === 0 ? 'ok' : status === 2 ? 'timeout' : 'error';
  return { state, note: message, tests: distinct(tests) };
}

/** Leaves out, on both sides, what needs shared memory or WebAssembly on either. */
export function outcomeOf(test: Case, isolane: Ending, node: Ending | null): Outcome {
  const sides = [sideOf(isolane), node === null ? null : sideOf(node)] as const;
  const uncounted = new Set(
    sides.flatMap(
      (side) => side?.tests.filter(({ message }) => message.includes(REFUSAL)).map(({ name }) => name) ?? [],
    ),
  );
  const counted = (side: Side): Side => ({ ...side, tests: side.tests.filter(({ name }) => !uncounted.has(name)) });
  return { test, isolane: counted(sides[0]), node: sides[1] === null ? null : counted(sides[1]) };
}

/** Subtests that Node passes and the isolate does not, or never ran. */
export function behindNode({ isolane, node }: Outcome): readonly SubtestResult[] {
  if (node === null) return [];
  const own = new Map(isolane.tests.map((test) => [test.name, test]));
  return node.tests
    .filter((test) => test.status === PASSED && own.get(test.name)?.status !== PASSED)
    .map((test) => own.get(test.name) ?? { ...test, status: 3, message: 'it never ran' });
}
