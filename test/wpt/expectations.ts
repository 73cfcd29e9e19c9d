/**
 * What each file is known to pass, and which of its subtests are known to fail. It only ever improves: what passed once
 * must pass, and an update writes down nothing that is worse.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { failures, type Outcome, passes } from './outcome.ts';

interface Expected {
  readonly pass: number;
  /** Subtests that may fail. */
  readonly fail: readonly string[];
}

export type Expectations = Readonly<Record<string, Expected>>;

const FILE = join(import.meta.dirname, 'expectations.json');

export const readExpectations = (): Expectations =>
  existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Expectations) : {};

/** What is worse than expected; nothing for a file that is not known yet. */
export function regressions(expectations: Expectations, { test, isolane }: Outcome): readonly string[] {
  const expected = expectations[test.name];
  if (expected === undefined) return [];
  const known = new Set(expected.fail);
  const worse = failures(isolane)
    .filter(({ name }) => !known.has(name))
    .map(({ name, message }) => `${name}: ${message}`);
  const count = passes(isolane);
  if (count < expected.pass && worse.length === 0) worse.push(`${count} subtests pass, ${expected.pass} did`);
  return worse;
}

/** The same with what `outcomes` improve and what is new. */
export function improve(expectations: Expectations, outcomes: readonly Outcome[]): Expectations {
  const next: Record<string, Expected> = { ...expectations };
  for (const outcome of outcomes) {
    const { test, isolane } = outcome;
    if (isolane.state === 'crash' || isolane.state === 'hang') continue;
    if (regressions(expectations, outcome).length > 0) continue;
    next[test.name] = { pass: passes(isolane), fail: failures(isolane).map(({ name }) => name) };
  }
  return next;
}

export function writeExpectations(expectations: Expectations): void {
  const sorted = Object.fromEntries(Object.entries(expectations).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(FILE, `${JSON.stringify(sorted, null, 1)}\n`);
}
