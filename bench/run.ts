/**
 * `node bench/run.ts [--only hello,cold,burst,cap,ledger,streaming,guest-runtime] [--subjects hono,workerd,isolane,process] [--seconds 4] [--repetitions 3] [--small]`
 * runs the benchmarks and prints one Markdown table; figures and the machine go to bench/results/<time>.json.
 * `--small` runs everything briefly, to see that it still works; its figures mean nothing.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchBurst } from './burst.ts';
import { benchCap } from './cap.ts';
import { benchCold } from './cold.ts';
import { printTable, type Row } from './figure.ts';
import { benchGuestRuntime } from './guest-runtime.ts';
import { benchHello } from './hello.ts';
import { benchLedger } from './ledger.ts';
import { benchStreaming } from './streaming.ts';
import type { SubjectName } from './subject.ts';

const BENCHES = ['hello', 'cold', 'burst', 'cap', 'ledger', 'streaming', 'guest-runtime'] as const;
const SUBJECTS: readonly SubjectName[] = ['hono', 'workerd', 'isolane', 'process'];

function choose<T extends string>(text: string | undefined, known: readonly T[], flag: string): readonly T[] {
  if (text === undefined) return known;
  return text.split(',').map((word) => {
    const found = known.find((each) => each === word);
    if (!found) throw new Error(`${flag} knows ${known.join(', ')}, not "${word}"`);
    return found;
  });
}

function positive(text: string, flag: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${flag} takes a number above 0, not "${text}"`);
  return value;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    subjects: { type: 'string' },
    seconds: { type: 'string', default: '4' },
    repetitions: { type: 'string', default: '3' },
    small: { type: 'boolean', default: false },
  },
});

const progress = (line: string): void => void process.stderr.write(`${line}\n`);
const { small } = values;
const seconds = small ? 0.5 : positive(values.seconds, '--seconds');
const repetitions = small ? 1 : Math.round(positive(values.repetitions, '--repetitions'));
const subjects = choose(values.subjects, SUBJECTS, '--subjects');
const run: Record<(typeof BENCHES)[number], () => Promise<readonly Row[]>> = {
  hello: () => benchHello({ subjects, seconds, repetitions, progress }),
  cold: () => benchCold({ functions: small ? 3 : 60, repetitions, progress }),
  burst: () => benchBurst({ functions: small ? 8 : 100, rounds: small ? 1 : 3, repetitions, progress }),
  cap: () => benchCap({ kills: small ? 2 : 10, repetitions, progress }),
  streaming: () => benchStreaming({ mib: small ? 16 : 1024, events: small ? 200 : 10_000, repetitions, progress }),
  'guest-runtime': () => benchGuestRuntime({ calls: small ? 500 : 20_000, repetitions, progress }),
  ledger: () => benchLedger({ rows: small ? 2000 : 60_000, repetitions, progress }),
};

const rows: Row[] = [];
for (const name of choose(values.only, BENCHES, '--only')) rows.push(...(await run[name]()));

const machine = {
  cores: availableParallelism(),
  cpu: cpus()[0]?.model ?? 'unknown',
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${process.platform} ${release()}`,
  node: process.version,
};
const results = join(import.meta.dirname, 'results');
await mkdir(results, { recursive: true });
const at = new Date().toISOString();
const file = join(results, `${at.replaceAll(':', '-')}.json`);
await writeFile(file, `${JSON.stringify({ at, machine, small, seconds, repetitions, rows }, null, 2)}\n`);
process.stdout.write(
  `${machine.cores} cores (${machine.cpu}), Node ${machine.node}; median of ${repetitions} (min–max)\n\n${printTable(rows)}\n`,
);
