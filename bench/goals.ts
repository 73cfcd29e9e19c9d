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
    promise: 'a function that never yields, past its CPU limit on an idle host',
    goal: '≤ 50 ms',
    bench: 'cap',
    rows: [OVERSHOOT],
    judge: (figures) => [atMost(figures, OVERSHOOT, 50, 'ms')],
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
