/**
 * `node bench/run.ts [--only hello,cold,…] [--subjects hono,isolane,…] [--seconds 4] [--repetitions 3] [--small] [--list]`
 * runs benchmarks one after the other and prints a Markdown table for each; all figures, every repetition and the machine
 * go to bench/results/<time>.json, with a page of plots beside it. `--small` runs everything briefly, to see that it
 * still works; its figures mean nothing.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { choose, positive } from './arguments.ts';
import type { BenchOptions } from './benchmark.ts';
import { printTable } from './figure.ts';
import { GOALS } from './goals.ts';
import { machineFacts } from './machine.ts';
import { Progress } from './progress.ts';
import { BENCHMARK_NAMES, type BenchmarkName, benchmark } from './registry.ts';
import { reportPage } from './report.ts';
import type { BenchResult, RunResult } from './result.ts';
import { available, SUBJECTS, type SubjectName } from './subject.ts';

const SMALL_SECONDS = 0.5;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    subjects: { type: 'string' },
    seconds: { type: 'string', default: '4' },
    repetitions: { type: 'string', default: '3' },
    small: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const { small } = values;
const seconds = small ? SMALL_SECONDS : positive(values.seconds, '--seconds');
const repetitions = small ? 1 : Math.round(positive(values.repetitions, '--repetitions'));
const wanted = choose(values.subjects, SUBJECTS, '--subjects');
const names = choose(values.only, BENCHMARK_NAMES, '--only');

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function runAll(): Promise<void> {
  const asked = wanted.filter((subject) => names.some((name) => benchmark(name).subjects.includes(subject)));
  const { present, missing, versions } = await available(asked, { install: !small, progress: say });
  for (const [name, reason] of Object.entries(missing)) say(`${name} is missing: ${reason}`);
  const optionsOf = (name: BenchmarkName, progress: (line: string) => void): BenchOptions => {
    const subjects: readonly SubjectName[] = benchmark(name).subjects.filter((each) => present.includes(each));
    return { subjects, seconds, repetitions, small, progress };
  };
  const runnable = names.filter((name) => {
    const { subjects } = benchmark(name);
    return subjects.length === 0 || subjects.some((each) => present.includes(each));
  });
  const steps = runnable.map((name) => ({ bench: benchmark(name), options: optionsOf(name, () => {}) }));
  const progress = new Progress(steps, say);
  const machine = await machineFacts();
  const at = new Date().toISOString();
  const benches: BenchResult[] = [];
  const failed: Record<string, string> = {};
  for (const name of runnable) {
    const { title, measures } = benchmark(name);
    progress.begin(name);
    const rows = await benchmark(name)
      .run(optionsOf(name, (line) => progress.line(line)))
      .catch((error: unknown) => {
        failed[name] = error instanceof Error ? error.message : String(error);
        say(error instanceof Error ? (error.stack ?? error.message) : String(error));
        return null;
      });
    progress.end();
    if (rows === null) continue;
    benches.push({ name, title, measures, rows });
    process.stdout.write(`## ${title}\n\n${printTable(rows)}\n\n`);
  }
  for (const { bench, rows, promise } of GOALS) {
    const ran = benches.find(({ name }) => name === bench);
    const lost = ran && rows.find((pattern) => !ran.rows.some((row) => pattern.test(row.name)));
    if (lost) throw new Error(`no row of ${bench} is named like ${lost}, by which "${promise}" is judged`);
  }
  const result: RunResult = { at, machine, missing, failed, versions, small, seconds, repetitions, benches };
  const results = join(import.meta.dirname, 'results');
  await mkdir(results, { recursive: true });
  const file = join(results, `${at.replaceAll(':', '-')}.json`);
  await writeFile(file, `${JSON.stringify(result, null, 2)}\n`);
  const html = file.replace(/json$/, 'html');
  await writeFile(html, reportPage(result));
  process.stdout.write(
    `${machine.cores} cores (${machine.cpu}), Node ${machine.node}; ${repetitions === 1 ? 'one repetition' : `median of ${repetitions} (min–max)`}\n`,
  );
  for (const [name, reason] of Object.entries(missing)) process.stdout.write(`missing: ${name} (${reason})\n`);
  for (const [name, reason] of Object.entries(failed)) process.stdout.write(`failed: ${name} (${reason})\n`);
  say(`${file}\n${html}`);
  if (Object.keys(failed).length > 0) process.exitCode = 1;
}

if (values.list) {
  for (const name of BENCHMARK_NAMES) process.stdout.write(`${name.padEnd(16)} ${benchmark(name).measures}\n`);
} else {
  await runAll();
}
