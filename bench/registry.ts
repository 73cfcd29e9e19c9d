/** Every benchmark there is, in the order they run. One that is not in this table does not exist. */
import type { Benchmark } from './benchmark.ts';
import { benchBurst } from './burst.ts';
import { benchCap } from './cap.ts';
import { benchCold } from './cold.ts';
import { benchGuestRuntime } from './guest-runtime.ts';
import { benchHello } from './hello.ts';
import { benchLedger } from './ledger.ts';
import { benchStreaming } from './streaming.ts';
import { SUBJECTS } from './subject.ts';

export const BENCHMARKS = {
  hello: {
    title: 'Hello',
    measures: 'requests per second and latency of the smallest function: 64 connections, one, and half of its own most',
    subjects: SUBJECTS,
    comparable: true,
    estimateSeconds: ({ subjects, seconds }) => subjects.length * (3 * seconds + 6),
    run: benchHello,
  },
  cold: {
    title: 'Cold start',
    measures: 'what the first call of a function takes longer than its next ones, and the memory it then holds',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small }) => (small ? 15 : 60),
    run: (options) => benchCold({ ...options, functions: options.small ? 3 : 60 }),
  },
  burst: {
    title: 'Burst from zero',
    measures: 'functions that were never loaded, called all at once, and what a warm bystander feels meanwhile',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small }) => (small ? 5 : 12),
    run: (options) => benchBurst({ ...options, functions: options.small ? 8 : 100, rounds: options.small ? 1 : 3 }),
  },
  cap: {
    title: 'Overshoot of the CPU limit',
    measures: 'how long a function that never yields runs past its limit',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small }) => (small ? 3 : 5),
    run: (options) => benchCap({ ...options, kills: options.small ? 2 : 10 }),
  },
  streaming: {
    title: 'Streaming',
    measures: 'bodies through a function, the memory they take, and how late server-sent events come',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small }) => (small ? 12 : 75),
    run: (options) =>
      benchStreaming({ ...options, mib: options.small ? 16 : 1024, events: options.small ? 200 : 10_000 }),
  },
  'guest-runtime': {
    title: 'The guest runtime',
    measures: 'single calls of the platform inside an isolate against the same on plain Node',
    subjects: [],
    comparable: false,
    estimateSeconds: ({ small }) => (small ? 3 : 10),
    run: (options) => benchGuestRuntime({ ...options, calls: options.small ? 500 : 20_000 }),
  },
  ledger: {
    title: 'Ledger',
    measures: "CPU of a record: its line on the main thread, its way into the database in the writer's",
    subjects: [],
    comparable: false,
    estimateSeconds: ({ small }) => (small ? 1 : 3),
    run: (options) => benchLedger({ ...options, rows: options.small ? 2000 : 60_000 }),
  },
} satisfies Readonly<Record<string, Benchmark>>;

export type BenchmarkName = keyof typeof BENCHMARKS;

export const BENCHMARK_NAMES = Object.keys(BENCHMARKS) as readonly BenchmarkName[];

export function benchmark(name: BenchmarkName): Benchmark {
  return BENCHMARKS[name];
}
