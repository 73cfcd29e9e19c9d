/** A run as people and programs read it: one row a suite, and what makes the run fail. */
import { SUITES } from './checkout.ts';
import { type Expectations, regressions } from './expectations.ts';
import { behindNode, type Outcome, passes, type Side } from './outcome.ts';

interface Tally {
  passed: number;
  total: number;
  crashes: number;
  hangs: number;
}

export interface SuiteRow {
  readonly suite: string;
  readonly files: number;
  readonly isolane: Tally;
  readonly node: Tally | null;
}

export interface Verdict {
  readonly suites: readonly SuiteRow[];
  /** Empty: the run is good. */
  readonly problems: readonly string[];
}

function tally(sides: readonly Side[]): Tally {
  const sum: Tally = { passed: 0, total: 0, crashes: 0, hangs: 0 };
  for (const side of sides) {
    sum.passed += passes(side);
    sum.total += side.tests.length;
    if (side.state === 'crash') sum.crashes++;
    if (side.state === 'hang') sum.hangs++;
  }
  return sum;
}

export function judge(outcomes: readonly Outcome[], expectations: Expectations): Verdict {
  const problems: string[] = [];
  const suites = SUITES.flatMap((suite): SuiteRow[] => {
    const own = outcomes.filter(({ test }) => test.suite === suite);
    if (own.length === 0) return [];
    const isolane = tally(own.map((outcome) => outcome.isolane));
    const nodes = own.flatMap(({ node }) => node ?? []);
    const node = nodes.length === 0 ? null : tally(nodes);
    if (node !== null && isolane.passed < node.passed) {
      problems.push(`${suite}: ${isolane.passed} subtests pass, on Node ${node.passed}`);
    }
    return [{ suite, files: own.length, isolane, node }];
  });
  for (const outcome of outcomes) {
    const { test, isolane } = outcome;
    if (isolane.state === 'crash' || isolane.state === 'hang') {
      problems.push(`${test.name}: ${isolane.state}: ${isolane.note.trim()}`);
    }
    for (const one of regressions(expectations, outcome)) problems.push(`${test.name}: it passed before: ${one}`);
  }
  return { suites, problems };
}

export function table(rows: readonly SuiteRow[]): string {
  const head = ['suite', 'files', 'isolane', 'node', 'crashes', 'hangs'];
  const body = rows.map(({ suite, files, isolane, node }) => [
    suite,
    `${files}`,
    `${isolane.passed}/${isolane.total}`,
    node === null ? '-' : `${node.passed}/${node.total}`,
    `${isolane.crashes}`,
    `${isolane.hangs}`,
  ]);
  const lines = [head, ...body];
  const widths = head.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const SHOWN = 400;

/** Every subtest that Node passes and the isolate does not. */
export function diff(outcomes: readonly Outcome[]): string {
  return outcomes
    .flatMap((outcome) => {
      const behind = behindNode(outcome);
      if (behind.length === 0) return [];
      const { state, note } = outcome.isolane;
      const lines = behind.map(({ name, message }) => `  ${name}\n    ${message.slice(0, SHOWN)}`);
      return [`${outcome.test.name}${state === 'ok' ? '' : ` (${state}: ${note.slice(0, SHOWN)})`}`, ...lines];
    })
    .join('\n');
}

export function json(outcomes: readonly Outcome[], verdict: Verdict): string {
  const files = outcomes.map(({ test, isolane, node }) => ({ name: test.name, suite: test.suite, isolane, node }));
  return JSON.stringify({ ...verdict, files }, null, 1);
}
