/**
 * Conformance: the `.any.js` tests of a checkout of web-platform-tests, in real isolates of a real host and on plain Node.
 * `node test/wpt/run.ts CHECKOUT [--suite S] [--filter TEXT] [--diff] [--no-node] [--update] [--jobs N] [--json FILE]`.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Case, type Plan, readPlan } from './checkout.ts';
import { improve, readExpectations, regressions, writeExpectations } from './expectations.ts';
import { type Outcome, outcomeOf, passes } from './outcome.ts';
import { buildProgram } from './program.ts';
import { diff, json, judge, table } from './report.ts';
import { IsolaneSide, runOnNode } from './sides.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    suite: { type: 'string', default: '' },
    filter: { type: 'string', default: '' },
    jobs: { type: 'string', default: '2' },
    json: { type: 'string', default: '' },
    diff: { type: 'boolean', default: false },
    'no-node': { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
});

class Run {
  readonly #root: string;
  readonly #plan: Plan;
  readonly #side: IsolaneSide;
  #ended = 0;

  constructor(root: string, plan: Plan, side: IsolaneSide) {
    this.#root = root;
    this.#plan = plan;
    this.#side = side;
  }

  async #one(test: Case): Promise<Outcome> {
    const { cases } = this.#plan;
    const program = buildProgram(this.#root, test);
    const node = values['no-node'] ? null : await runOnNode(program);
    const outcome = outcomeOf(test, await this.#side.run(cases.indexOf(test), program), node);
    const { isolane } = outcome;
    const beside = outcome.node === null ? '' : `, node ${passes(outcome.node)}/${outcome.node.tests.length}`;
    const state = isolane.state === 'ok' ? '' : ` ${isolane.state}`;
    const progress = `[${++this.#ended}/${cases.length}]`;
    process.stderr.write(`${progress} ${test.name} ${passes(isolane)}/${isolane.tests.length}${state}${beside}\n`);
    return outcome;
  }

  async all(jobs: number): Promise<readonly Outcome[]> {
    const { cases } = this.#plan;
    const expectations = readExpectations();
    const outcomes = new Map<Case, Outcome>();
    const waiting = [...cases];
    const work = async (): Promise<void> => {
      for (let test = waiting.shift(); test !== undefined; test = waiting.shift()) {
        outcomes.set(test, await this.#one(test));
      }
    };
    await Promise.all(Array.from({ length: jobs }, work));
    // A machine that was busy, or a neighbour's crash, is no verdict: what went wrong runs once more, alone.
    for (const [test, outcome] of outcomes) {
      const { state } = outcome.isolane;
      if (state !== 'crash' && state !== 'hang' && regressions(expectations, outcome).length === 0) continue;
      this.#ended--;
      outcomes.set(test, await this.#one(test));
    }
    return cases.map((test) => outcomes.get(test)!);
  }
}

async function main(root: string): Promise<boolean> {
  const plan = readPlan(root, values.suite, values.filter);
  if (plan.cases.length === 0) throw new Error(`no test of ${root} fits --suite and --filter`);
  const side = await IsolaneSide.open(plan.cases.length);
  let outcomes: readonly Outcome[];
  try {
    outcomes = await new Run(root, plan, side).all(Math.max(1, Number(values.jobs) || 1));
  } finally {
    await side.close();
  }
  const expectations = readExpectations();
  const verdict = judge(outcomes, expectations);
  if (values.update) writeExpectations(improve(expectations, outcomes));
  if (values.diff) console.log(`${diff(outcomes)}\n`);
  if (values.json !== '') writeFileSync(values.json, json(outcomes, verdict));
  console.log(table(verdict.suites));
  for (const problem of verdict.problems) console.log(`✗ ${problem}`);
  if (plan.excluded.length > 0) console.log(`${plan.excluded.length} files left out (test/wpt/exclusions.ts)`);
  return verdict.problems.length === 0;
}

const root = positionals[0] ?? '';
if (!existsSync(join(root, 'resources/testharness.js'))) {
  console.error(`"${root}" is no checkout of web-platform-tests; say make wpt WPT=/path/to/web-platform-tests`);
  process.exit(2);
}
process.exit((await main(root)) ? 0 : 1);
