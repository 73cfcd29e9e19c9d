/**
 * `node bench/compare.ts REF [--only hello,…] [--pairs 10] [--seconds 2] [--threshold 5] [--small]`: this working tree
 * against a git ref (or a folder), measured by this tree's benchmarks in pairs, the order turned round each time. Says for
 * each figure how large the difference is and whether it can be chance (bench/statistics.ts). Exit code 1: a figure that a
 * promise is judged by (*) is significantly worse by more than the threshold, %.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { choose, positive } from './arguments.ts';
import type { BenchOptions } from './benchmark.ts';
import type { Row } from './figure.ts';
import { type BenchRow, type Judgement, judge, type Pair, printJudgements } from './judgement.ts';
import { machineFacts } from './machine.ts';
import { checkOut } from './reference.ts';
import { BENCHMARK_NAMES, type BenchmarkName, benchmark } from './registry.ts';
import { fewestPairs } from './statistics.ts';

export interface CompareOptions {
  readonly names: readonly BenchmarkName[];
  readonly pairs: number;
  readonly seconds: number;
  readonly small: boolean;
  /** 0.05 is 5 %. */
  readonly threshold: number;
  readonly progress: (line: string) => void;
}

const ROOT = join(import.meta.dirname, '..');
const COMPARABLE = BENCHMARK_NAMES.filter((name) => benchmark(name).comparable);
const SMALL_SECONDS = 0.5;

/** Which tree hosts are started from: see test/support/host.ts. */
async function measure(folder: string, name: BenchmarkName, options: CompareOptions): Promise<readonly Row[]> {
  process.env['ISOLANE_TREE'] = folder;
  try {
    const { seconds, small } = options;
    const subjects = benchmark(name).subjects.filter((each) => each === 'isolane');
    const plan: BenchOptions = { subjects, seconds, small, repetitions: 1, progress: () => {} };
    return await benchmark(name).run(plan);
  } finally {
    delete process.env['ISOLANE_TREE'];
  }
}

/** `folder` against this tree. */
export async function compare(folder: string, options: CompareOptions): Promise<readonly Judgement[]> {
  const pairs: Pair[] = [];
  const all = async (tree: string): Promise<readonly BenchRow[]> => {
    const rows: BenchRow[] = [];
    for (const bench of options.names) {
      for (const row of await measure(tree, bench, options)) rows.push({ ...row, bench });
    }
    return rows;
  };
  for (let pair = 0; pair < options.pairs; pair++) {
    options.progress(`pair ${pair + 1} of ${options.pairs}`);
    if (pair % 2 === 0) {
      const before = await all(folder);
      pairs.push({ before, after: await all(ROOT) });
    } else {
      const after = await all(ROOT);
      pairs.push({ before: await all(folder), after });
    }
  }
  const judgements = judge(pairs, 'isolane', options.threshold);
  const needed = fewestPairs(judgements.length);
  if (options.pairs < needed) {
    options.progress(
      `${options.pairs} pairs cannot show a difference among ${judgements.length} figures; take ${needed}`,
    );
  }
  return judgements;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', default: 'hello' },
      pairs: { type: 'string', default: '10' },
      seconds: { type: 'string', default: '2' },
      threshold: { type: 'string', default: '5' },
      small: { type: 'boolean', default: false },
    },
  });
  const [ref] = positionals;
  if (ref === undefined) throw new Error('a git ref is missing: make compare REF=main');
  const { small } = values;
  const options: CompareOptions = {
    names: choose(values.only, COMPARABLE, '--only'),
    pairs: Math.round(positive(values.pairs, '--pairs')),
    seconds: small ? SMALL_SECONDS : positive(values.seconds, '--seconds'),
    small,
    threshold: positive(values.threshold, '--threshold') / 100,
    progress: (line) => void process.stderr.write(`${line}\n`),
  };
  const reference = await checkOut(ref);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void reference.remove().finally(() => process.exit(130)));
  }
  let judgements: readonly Judgement[];
  try {
    judgements = await compare(reference.folder, options);
  } finally {
    await reference.remove();
  }
  process.stdout.write(`${printJudgements(reference.title, judgements)}\n\n`);
  process.stdout.write('* promised; p: paired permutation test after Holm; ratio: of medians, bootstrap over pairs\n');
  const at = new Date().toISOString();
  const results = join(import.meta.dirname, 'results');
  await mkdir(results, { recursive: true });
  const file = join(results, `compare-${at.replaceAll(':', '-')}.json`);
  const { names, pairs, seconds, threshold } = options;
  const facts = { at, machine: await machineFacts(), ref: reference.title, names, pairs, seconds, threshold, small };
  await writeFile(file, `${JSON.stringify({ ...facts, judgements }, null, 2)}\n`);
  const regressions = judgements.filter((each) => each.isPromised && each.isRegression);
  for (const { name } of regressions) process.stdout.write(`worse by more than ${values.threshold} %: ${name}\n`);
  return regressions.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main();
