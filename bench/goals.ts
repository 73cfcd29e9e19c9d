/**
 * The promises of PROMISES.md that a benchmark owns, as a run can judge them: which rows, and what they must show. A promise
 * is judged by medians of one run; without its rows or subjects it is open, never kept.
 */
import { digits, type Row } from './figure.ts';

export interface Goal {
  /** As PROMISES.md has it. */
  readonly promise: string;
  readonly goal: string;
  /** The benchmark that measures it. */
  readonly bench: string;
  /** The rows it is judged by: what `compare` looks at, too. */
  readonly rows: readonly RegExp[];
  readonly judge: (figures: Figures) => readonly Check[];
}

/** One comparison that a goal consists of. */
export interface Check {
  readonly value: number;
  readonly bound: number;
  readonly more: boolean;
  readonly text: string;
}

export interface Verdict {
  readonly kept: boolean | null;
  readonly reached: string;
}

class Open extends Error {}

/** The rows of one run. */
export class Figures {
  readonly #rows: readonly Row[];

  constructor(rows: readonly Row[]) {
    this.#rows = rows;
  }

  /** Throws what makes a goal open. */
  of(pattern: RegExp, subject: string): number {
    const found = this.#rows.find((row) => pattern.test(row.name))?.figures[subject]?.median;
    if (found === undefined) throw new Open(`no ${subject} in this run`);
    return found;
  }

  /** Of every row that matches, the least of `subject`. */
  least(pattern: RegExp, subject: string): number {
    const found = this.#rows.flatMap((row) => (pattern.test(row.name) ? (row.figures[subject]?.median ?? []) : []));
    if (found.length === 0) throw new Open(`no ${subject} in this run`);
    return Math.min(...found);
  }
}

export function verdict(goal: Goal, rows: readonly Row[]): Verdict {
  try {
    const checks = goal.judge(new Figures(rows));
    return {
      kept: checks.every(({ value, bound, more }) => (more ? value >= bound : value <= bound)),
      reached: checks.map(({ text }) => text).join(', '),
    };
  } catch (error) {
    if (error instanceof Open) return { kept: null, reached: error.message };
    throw error;
  }
}

function ratio(figures: Figures, row: RegExp, over: string, bound: number): Check {
  const value = figures.of(row, 'isolane') / figures.of(row, over);
  return { value, bound, more: true, text: `${value.toFixed(2)} × ${over}` };
}

function atMost(figures: Figures, row: RegExp, bound: number, unit: string): Check {
  const value = figures.of(row, 'isolane');
  return { value, bound, more: false, text: `${digits(value)} ${unit}` };
}

const BUSY = /^requests\/s, 64 connections$/;
const ALONE = /^p50, 1 connection$/;
const HALF = /^p99 at half of its own most, open loop$/;
const OVERSHOOT = /^past a CPU limit of 100 ms, worst$/;
const BODY = /^body /;
const EVENTS = /^1,000 events\/s: p99 late$/;
const SAME_FLAGS = /: speed of plain Node with the same flags$/;
const PLAIN = /: speed of plain Node$/;
const COLD_P50 = /^cold start, hello, one every 10 ms, time added, p50$/;
const COLD_P99 = /^cold start, hello, one every 10 ms, time added, p99$/;
const COLD_LARGE = /^cold start, bundle of 500 KB, one every 10 ms, time added, p50$/;
const MEMORY = /^memory per idle warm function$/;
const SECOND_WORKER = /^2 workers against 1$/;
const WORKERS_ROOM = /^room beside 1 worker and its load$/;
const SECOND_CORE = /^2 workers against 1 on 1 core$/;
const JSON_CALLS = /^(Response|response|request)\.json\(\)$/;

export const GOALS: readonly Goal[] = [
  {
    promise: 'hello, 64 connections, requests/s',
    goal: '≥ 2.5 × workerd and ≥ 45 % of plain Hono',
    bench: 'hello',
    rows: [BUSY],
    judge: (figures) => [ratio(figures, BUSY, 'workerd', 2.5), ratio(figures, BUSY, 'hono', 0.45)],
  },
  {
    promise: 'p50 at 1 connection, added to plain Hono',
    goal: '≤ 110 µs',
    bench: 'hello',
    rows: [ALONE],
    judge: (figures) => {
      const value = (figures.of(ALONE, 'isolane') - figures.of(ALONE, 'hono')) * 1000;
      return [{ value, bound: 110, more: false, text: `${value.toFixed(0)} µs` }];
    },
  },
  {
    promise: 'p99 under 50 % load',
    goal: "≤ 3 × plain Hono's",
    bench: 'hello',
    rows: [HALF],
    judge: (figures) => {
      const value = figures.of(HALF, 'isolane') / figures.of(HALF, 'hono');
      return [{ value, bound: 3, more: false, text: `${value.toFixed(2)} ×` }];
    },
  },
  {
    promise: 'engine processes: throughput, and p50 at one connection',
    goal: '≥ 80 % of the shared mode, ≤ 60 µs more',
    bench: 'hello',
    rows: [],
    judge: (figures) => {
      const share = figures.of(BUSY, 'process') / figures.of(BUSY, 'isolane');
      const added = (figures.of(ALONE, 'process') - figures.of(ALONE, 'isolane')) * 1000;
      return [
        { value: share, bound: 0.8, more: true, text: `${(share * 100).toFixed(0)} %` },
        { value: added, bound: 60, more: false, text: `${added.toFixed(0)} µs` },
      ];
    },
  },
  {
    promise: 'CPU-bound functions, against Node with the same V8 flags and without',
    goal: '≥ 95 % and ≥ 80 % of plain Node, each kind',
    bench: 'cpu-bound',
    rows: [SAME_FLAGS, PLAIN],
    judge: (figures) => {
      const [same, plain] = [figures.least(SAME_FLAGS, 'isolane'), figures.least(PLAIN, 'isolane')];
      return [
        { value: same, bound: 95, more: true, text: `${same.toFixed(0)} %` },
        { value: plain, bound: 80, more: true, text: `${plain.toFixed(0)} %` },
      ];
    },
  },
  {
    promise: 'cold start over a warm call, hello, one every 10 ms (spares on), p50 / p99',
    goal: '≤ 2 / 8 ms',
    bench: 'cold',
    rows: [COLD_P50, COLD_P99],
    judge: (figures) => [atMost(figures, COLD_P50, 2, 'ms'), atMost(figures, COLD_P99, 8, 'ms')],
  },
  {
    promise: 'the same with a bundle of 500 KB, p50',
    goal: '≤ 10 ms',
    bench: 'cold',
    rows: [COLD_LARGE],
    judge: (figures) => [atMost(figures, COLD_LARGE, 10, 'ms')],
  },
  {
    promise: 'memory of an idle warm isolate',
    goal: '≤ 1.6 MiB, and ≤ workerd per worker',
    bench: 'memory',
    rows: [MEMORY],
    judge: (figures) => [
      atMost(figures, MEMORY, 1.6, 'MiB'),
      atMost(figures, MEMORY, figures.of(MEMORY, 'workerd'), 'MiB'),
    ],
  },
  {
    promise: 'burst of 100 never-loaded functions at once, spares exhausted',
    goal: 'all answered within 600 ms, bystander p99 ≤ 15 ms meanwhile',
    bench: 'burst',
    rows: [/^burst of \d+ never-loaded functions, last answer$/, /^bystander meanwhile, p99$/],
    judge: (figures) => [
      atMost(figures, /^burst of 100 never-loaded functions, last answer$/, 600, 'ms'),
      atMost(figures, /^bystander meanwhile, p99$/, 15, 'ms'),
    ],
  },
  {
    promise: '5,000 deployed functions',
    goal: 'warm p50 ≤ 1.1 × that with one, start of the host ≤ 3 s',
    bench: 'many',
    rows: [/deployed against one, p50$/, /^start of the host/],
    judge: (figures) => [
      atMost(figures, /^warm call, 5000 deployed against one, p50$/, 1.1, '×'),
      atMost(figures, /^start of the host, 5000 deployed/, 3, 's'),
    ],
  },
  {
    promise: '1,000 functions round-robin in a pool of 200',
    goal: 'no error, ≤ 4 ms p50 per request',
    bench: 'many',
    rows: [/^\d+ functions in turn, room for \d+, p50$/],
    judge: (figures) => [atMost(figures, /^1000 functions in turn, room for 200, p50$/, 4, 'ms')],
  },
  {
    promise: 'billing / telemetry 5 % / telemetry 100 %, of throughput',
    goal: '≤ 8 % / 5 % / 25 %',
    bench: 'overhead',
    rows: [],
    judge: (figures) => [
      atMost(figures, /^throughput lost to billing$/, 8, '%'),
      atMost(figures, /^throughput lost to 5 % of traces$/, 5, '%'),
      atMost(figures, /^throughput lost to 100 % of traces$/, 25, '%'),
    ],
  },
  {
    promise: 'webhook accept, durable',
    goal: '≥ 3,000/s, p99 ack ≤ 25 ms at 500/s',
    bench: 'webhook',
    rows: [/^webhooks accepted\/s/, /^p99 at 500\/s, open loop$/],
    judge: (figures) => {
      const value = figures.of(/^webhooks accepted\/s/, 'isolane');
      return [
        { value, bound: 3000, more: true, text: `${digits(value)}/s` },
        atMost(figures, /^p99 at 500\/s, open loop$/, 25, 'ms'),
      ];
    },
  },
  {
    promise: 'eight functions burning CPU on two cores: p99 of a bystander at 200 requests/s',
    goal: '≤ 30 ms, no failure',
    bench: 'neighbour',
    rows: [/^bystander beside \d+ that burn: p99$/],
    judge: (figures) => [atMost(figures, /^bystander beside \d+ that burn: p99$/, 30, 'ms')],
  },
  {
    promise: 'a function that never yields, past its CPU limit on an idle host',
    goal: '≤ 50 ms',
    bench: 'cap',
    rows: [OVERSHOOT],
    judge: (figures) => [atMost(figures, OVERSHOOT, 50, 'ms')],
  },
  {
    promise: '`--workers 2` on 2 cores',
    goal: '≥ 1.5 × one worker where the load generator leaves room',
    bench: 'workers',
    rows: [SECOND_CORE],
    judge: (figures) => {
      const value = figures.of(SECOND_WORKER, 'isolane');
      const room = figures.of(WORKERS_ROOM, 'isolane');
      const text = `${value.toFixed(2)} × (one worker that has one core: ${figures.of(SECOND_CORE, 'isolane').toFixed(2)} ×)`;
      if (room < 1.5) throw new Open(`${text}; one worker and its load leave room for ${room.toFixed(2)} × at most`);
      return [{ value, bound: 1.5, more: true, text }];
    },
  },
  {
    promise: '1 GiB through an echo function: throughput against plain Hono',
    goal: '≥ 40 %',
    bench: 'streaming',
    rows: [BODY],
    judge: (figures) => [
      ratio(figures, /^body handed on$/, 'hono', 0.4),
      ratio(figures, /^body through a TransformStream$/, 'hono', 0.4),
    ],
  },
  {
    promise: "1 GiB through an echo function: growth of the host's memory",
    goal: '≤ 64 MiB',
    bench: 'streaming',
    rows: [/^memory of the host, grown/],
    judge: (figures) => [
      atMost(figures, /^memory of the host, grown by a body handed on$/, 64, 'MiB'),
      atMost(figures, /^memory of the host, grown by one through a TransformStream$/, 64, 'MiB'),
    ],
  },
  {
    promise: "10,000 server-sent events at 1,000/s: p99 added to plain Hono's",
    goal: '≤ 5 ms',
    bench: 'streaming',
    rows: [EVENTS],
    judge: (figures) => {
      const value = figures.of(EVENTS, 'isolane') - figures.of(EVENTS, 'hono');
      return [{ value, bound: 5, more: false, text: `${value.toFixed(2)} ms` }];
    },
  },
  {
    promise: '`Response.json()`, `response.json()`, `request.json()` in an isolate, against Node',
    goal: '≤ 1.5 ×',
    bench: 'guest-runtime',
    rows: [JSON_CALLS],
    judge: (figures) =>
      ['Response', 'response', 'request'].map((name) => {
        const row = new RegExp(`^${name}\\.json\\(\\)$`);
        const value = figures.of(row, 'isolane') / figures.of(row, 'node');
        return { value, bound: 1.5, more: false, text: `${value.toFixed(2)} ×` };
      }),
  },
];
