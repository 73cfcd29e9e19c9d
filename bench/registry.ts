/** Every benchmark there is, in the order they run. One that is not in this table does not exist. */
import { APP_SUBJECTS } from './app.ts';
import type { Benchmark } from './benchmark.ts';
import { benchBurst } from './burst.ts';
import { benchCap } from './cap.ts';
import { benchCold } from './cold.ts';
import { benchCpuBound } from './cpu-bound.ts';
import { benchEcho } from './echo.ts';
import { benchFanOut } from './fan-out.ts';
import { benchGuestRuntime } from './guest-runtime.ts';
import { benchHello } from './hello.ts';
import { benchJsonApi } from './json-api.ts';
import { benchLedger } from './ledger.ts';
import { benchMany } from './many.ts';
import { benchMemory } from './memory.ts';
import { benchNeighbour, NEIGHBOUR_SUBJECTS } from './neighbour.ts';

import { benchOverhead } from './overhead.ts';
import { benchStreaming } from './streaming.ts';
import { SUBJECTS } from './subject.ts';
import { benchWebhook } from './webhook.ts';
import { benchWorkers } from './workers.ts';

export const BENCHMARKS = {
  hello: {
    title: 'Hello',
    measures: 'requests per second and latency of the smallest function: 64 connections, one, and half of its own most',
    subjects: SUBJECTS,
    comparable: true,
    estimateSeconds: ({ subjects, seconds }) => subjects.length * (3 * seconds + 6),
    run: benchHello,
  },
  'json-api': {
    title: 'JSON API',
    measures: 'a Hono app with zod inside the function: a search, and an order whose body is checked',
    subjects: APP_SUBJECTS,
    comparable: true,
    estimateSeconds: ({ subjects, seconds }) => subjects.length * (seconds + 5),
    run: benchJsonApi,
  },
  echo: {
    title: 'Echo of 64 KiB',
    measures: 'a body read and sent back: as text, as bytes, as a stream',
    subjects: APP_SUBJECTS,
    comparable: true,
    estimateSeconds: ({ subjects, seconds }) => 3 * subjects.length * (seconds + 5),
    run: benchEcho,
  },
  'fan-out': {
    title: 'Fan-out',
    measures: 'five fetches at once from inside the function, their answers added up',
    subjects: APP_SUBJECTS,
    comparable: true,
    estimateSeconds: ({ subjects, seconds }) => subjects.length * (seconds + 5),
    run: benchFanOut,
  },
  'cpu-bound': {
    title: 'CPU-bound functions',
    measures: 'integers, floats, JSON, regular expressions and strings: CPU inside an isolate, plain Node being 100 %',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small }) => (small ? 8 : 40),
    run: (options) => benchCpuBound({ ...options, rounds: options.small ? 2 : 20 }),
  },
  cold: {
    title: 'Cold start',
    measures: 'what the first call of a function takes longer than its next ones',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small }) => (small ? 15 : 60),
    run: (options) => benchCold({ ...options, functions: options.small ? 3 : 60 }),
  },
  memory: {
    title: 'Memory of warm functions',
    measures:
      'by how much a process is larger for each function that has answered some requests and idles; workerd likewise',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small }) => (small ? 12 : 25),
    run: (options) => benchMemory({ ...options, functions: options.small ? 5 : 100 }),
  },
  burst: {
    title: 'Burst from zero',
    measures: 'a hundred functions that were never loaded, called at once, and a warm bystander meanwhile',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small }) => (small ? 6 : 25),
    run: (options) => benchBurst({ ...options, functions: options.small ? 8 : 100, rounds: options.small ? 1 : 3 }),
  },
  many: {
    title: 'Thousands of functions',
    measures: 'a host with thousands of functions deployed, and with thousands of them warm, against one with few',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small }) => (small ? 15 : 180),
    run: (options) => benchMany(options),
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
  webhook: {
    title: 'Webhooks',
    measures: 'signed deliveries that are fsynced before they are answered, while their function runs',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ seconds }) => 5 * seconds + 10,
    run: benchWebhook,
  },
  neighbour: {
    title: 'Noisy neighbours',
    measures: 'a bystander at 200 requests a second beside eight that do nothing but compute',
    subjects: NEIGHBOUR_SUBJECTS,
    comparable: true,
    estimateSeconds: ({ subjects, seconds }) => subjects.length * (seconds + 8),
    run: benchNeighbour,
  },
  workers: {
    title: 'Several workers',
    measures: 'hello with two workers against one, and what one worker and its load leave of the machine',
    subjects: [],
    comparable: true,
    estimateSeconds: ({ small, seconds }) => 3 * (seconds + (small ? 5 : 12)),
    run: benchWorkers,
  },
  overhead: {
    title: 'Overhead of billing and traces',
    measures: 'hello without a ledger, and with one at 0, 5 and 100 % of traces kept',
    subjects: [],
    // It takes this tree's ledger out.
    comparable: false,
    estimateSeconds: ({ seconds }) => 4 * (2 * seconds + 4),
    run: benchOverhead,
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
