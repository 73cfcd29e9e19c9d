/** The page of a run, and the promises it judges. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { figure, type Row } from '../../../bench/figure.ts';
import { GOALS, verdict } from '../../../bench/goals.ts';
import { BENCHMARK_NAMES } from '../../../bench/registry.ts';
import { reportPage } from '../../../bench/report.ts';
import type { RunResult } from '../../../bench/result.ts';
import { Histogram } from '../../../src/load/histogram.ts';

function hello(isolane: number): readonly Row[] {
  const histogram = new Histogram();
  for (let ms = 1; ms <= 3000; ms++) histogram.record(ms / 100);
  return [
    {
      name: 'requests/s, 64 connections',
      figures: {
        isolane: figure('requests/s', [isolane, isolane * 1.1]),
        workerd: figure('requests/s', [10_000]),
        hono: figure('requests/s', [60_000]),
      },
      distributions: { isolane: histogram.toJSON() },
      parts: { isolane: { 'main thread': 10, lanes: 5 } },
      note: '<closed> loop',
    },
  ];
}

function run(rows: readonly Row[]): RunResult {
  const machine = {
    cores: 2,
    cpu: 'x',
    memoryGiB: 4,
    system: 'linux',
    node: 'v26',
    v8: '14',
    loadBefore: 0,
    tree: null,
  };
  return {
    ...{ at: '2026-11-22T05:00:00.000Z', machine, small: false, seconds: 1, repetitions: 2 },
    missing: { deno: 'no deno for <this>' },
    failed: { cap: 'it fell over' },
    versions: { bun: '1.4.5' },
    benches: [{ name: 'hello', title: 'Hello', measures: 'greetings', rows }],
  };
}

describe('report', () => {
  it('is one file that asks nobody for anything', () => {
    const html = reportPage(run(hello(50_000)));
    expect(html).toContain('<!doctype html>');
    expect(html.match(/(src|href)="(?!#|data:,")[^"]*"|@import|url\(/g)).toBeNull();
    expect(html).not.toContain('<script');
  });

  it('shows figures, plots, parts, notes, who is missing, and nothing as markup that is text', () => {
    const html = reportPage(run(hello(50_000)));
    expect(html).toContain('52,500 (50,000–55,000)');
    expect(html).toContain('class="line c0"');
    expect(html).toContain('main thread');
    expect(html).toContain('&#60;closed&#62; loop');
    expect(html).toContain('deno is missing: no deno for &#60;this&#62;');
    expect(html).toContain('cap: it fell over');
    expect(html).not.toContain('NaN');
  });

  it('marks promises that are kept, that are not, and that this run cannot judge', () => {
    const marks = (isolane: number): string[] =>
      [
        ...reportPage(run(hello(isolane)))
          .split('id="promises"')[1]!
          .matchAll(/class="mark (\w+)"/g),
      ].map((m) => m[1]!);
    expect(marks(50_000)[0]).toBe('yes');
    expect(marks(20_000)[0]).toBe('no');
    expect(marks(50_000).slice(1)).toEqual(['open', 'open', 'open']);
  });
});

describe('promises', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../bench/PROMISES.md'), 'utf8');

  it.each(GOALS.map(({ promise, bench }) => [promise, bench]))(
    '%s: is in PROMISES.md, owned by a benchmark that exists',
    (promise, bench) => {
      expect(page).toContain(`| ${promise} |`);
      expect(BENCHMARK_NAMES).toContain(bench);
    },
  );

  it('are judged by every part of their goal', () => {
    const goal = GOALS[0]!;
    expect(verdict(goal, hello(50_000))).toEqual({ kept: true, reached: '5.25 × workerd, 0.88 × hono' });
    // 2.6 × workerd, but less than 45 % of Hono.
    expect(verdict(goal, hello(25_000)).kept).toBe(false);
    expect(verdict(goal, []).kept).toBeNull();
  });
});
