/**
 * Plots as HTML that needs no script: lines are SVG stretched to the width there is, words are text beside it, so that they
 * stay readable on a phone. Colours are classes `c0` to `c9` of the page around them.
 */
import type { Histogram } from './histogram.ts';

export interface Line {
  readonly name: string;
  /** Which of the page's colours, 0 to 9. */
  readonly colour: number;
  readonly histogram: Histogram;
}

export interface Bar {
  readonly name: string;
  readonly colour: number;
  readonly value: number;
  /** Smallest and largest repetition; the same as `value` where there is one. */
  readonly from: number;
  readonly to: number;
  /** As it is printed. */
  readonly text: string;
  /** Stand out. */
  readonly isOwn: boolean;
}

export interface StackedBar {
  readonly name: string;
  readonly parts: Readonly<Record<string, number>>;
  readonly text: string;
}

interface Tick {
  /** From 0 to 1. */
  readonly at: number;
  readonly text: string;
}

/** `1 / (1 - q)` of the last percentile drawn: 99.99 %. */
const NINES = 4;
const STEPS = 160;
const QUANTILES = [0.5, 0.9, 0.99, 0.999, 1];

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function milliseconds(value: number): string {
  if (value >= 1000) return `${(value / 1000).toPrecision(3)} s`;
  if (value >= 100) return `${Math.round(value)} ms`;
  return value >= 1 ? `${value.toPrecision(3)} ms` : `${(value * 1000).toPrecision(3)} µs`;
}

/** Latency by percentile, as HdrHistogram draws it: to the right ever fewer requests, each step of the axis a nine more. */
export function percentilePlot(lines: readonly Line[]): string {
  const drawn = lines.filter((line) => line.histogram.count > 0);
  const scale = logScale(drawn.flatMap(({ histogram }) => [histogram.quantileMs(0.01), histogram.quantileMs(0.9999)]));
  const paths = drawn.map(({ histogram, colour }) => {
    const points = Array.from({ length: STEPS + 1 }, (_, step): [number, number] => {
      const x = step / STEPS;
      return [x, scale.at(histogram.quantileMs(1 - 10 ** (-x * NINES)))];
    });
    return { colour, points };
  });
  const below = ['0 %', '90 %', '99 %', '99.9 %', '99.99 %'].map((text, n) => ({ at: n / NINES, text }));
  return figure(plot(paths, scale.ticks, below), legend(drawn), quantileTable(drawn));
}

/** What part of the requests was answered within which time. */
export function cumulativePlot(lines: readonly Line[], table = true): string {
  const drawn = lines.filter((line) => line.histogram.count > 0);
  const scale = logScale(drawn.flatMap(({ histogram }) => [histogram.quantileMs(0.01), histogram.quantileMs(1)]));
  const paths = drawn.map(({ histogram, colour }) => {
    const points = Array.from({ length: STEPS + 1 }, (_, step): [number, number] => {
      const q = step / STEPS;
      return [scale.at(histogram.quantileMs(q)), q];
    });
    return { colour, points };
  });
  const left = [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: `${at * 100} %` }));
  return figure(plot(paths, left, scale.ticks), legend(drawn), table ? quantileTable(drawn) : '');
}

/** One row a bar, with a whisker from the smallest to the largest repetition. */
export function bars(all: readonly Bar[]): string {
  const most = Math.max(...all.map((bar) => bar.to), Number.MIN_VALUE);
  const percent = (value: number): string => `${((value / most) * 100).toFixed(2)}%`;
  const rows = all.map(
    ({ name, colour, value, from, to, text, isOwn }) =>
      `<div class="bar${isOwn ? ' own' : ''}"><span class="name">${escapeHtml(name)}</span>` +
      `<span class="track"><i class="c${colour}" style="width:${percent(value)}"></i>` +
      `${to > from ? `<b style="left:${percent(from)};width:${percent(to - from)}"></b>` : ''}</span>` +
      `<span class="value">${escapeHtml(text)}</span></div>`,
  );
  return `<div class="bars">${rows.join('')}</div>`;
}

export function stackedBars(all: readonly StackedBar[]): string {
  const sum = (bar: StackedBar): number => Object.values(bar.parts).reduce((total, each) => total + each, 0);
  const most = Math.max(...all.map(sum), Number.MIN_VALUE);
  const parts = [...new Set(all.flatMap((bar) => Object.keys(bar.parts)))];
  const rows = all.map((bar) => {
    const pieces = parts.map((part, colour) => {
      const value = bar.parts[part] ?? 0;
      const title = `${part}: ${value.toPrecision(3)}`;
      return value === 0
        ? ''
        : `<i class="c${colour % 10}" style="width:${((value / most) * 100).toFixed(2)}%" title="${escapeHtml(title)}"></i>`;
    });
    return (
      `<div class="bar"><span class="name">${escapeHtml(bar.name)}</span><span class="track">${pieces.join('')}</span>` +
      `<span class="value">${escapeHtml(bar.text)}</span></div>`
    );
  });
  const key = legend(parts.map((name, at) => ({ name, colour: at % 10 })));
  return `<div class="bars">${rows.join('')}</div>${key}`;
}

function figure(...parts: readonly string[]): string {
  return `<figure>${parts.join('')}</figure>`;
}

function legend(items: readonly { readonly name: string; readonly colour: number }[]): string {
  const entries = items.map(({ name, colour }) => `<li><i class="c${colour}"></i>${escapeHtml(name)}</li>`);
  return `<ul class="legend">${entries.join('')}</ul>`;
}

function quantileTable(lines: readonly Line[]): string {
  const head = ['p50', 'p90', 'p99', 'p99.9', 'max'].map((text) => `<th>${text}</th>`).join('');
  const rows = lines.map(({ name, histogram }) => {
    const cells = QUANTILES.map((q) => `<td>${milliseconds(histogram.quantileMs(q))}</td>`).join('');
    return `<tr><th>${escapeHtml(name)}</th>${cells}</tr>`;
  });
  return `<div class="scroll"><table><tr><th></th>${head}</tr>${rows.join('')}</table></div>`;
}

function plot(
  lines: readonly { readonly colour: number; readonly points: readonly (readonly [number, number])[] }[],
  left: readonly Tick[],
  below: readonly Tick[],
): string {
  const y = (at: number): string => ((1 - at) * 100).toFixed(2);
  const x = (at: number): string => (at * 100).toFixed(2);
  const grid = [
    ...left.map(({ at }) => `<path class="grid" d="M0 ${y(at)}H100"/>`),
    ...below.map(({ at }) => `<path class="grid" d="M${x(at)} 0V100"/>`),
  ];
  const curves = lines.map(({ colour, points }) => {
    const d = points.map(([px, py], n) => `${n === 0 ? 'M' : 'L'}${x(px)} ${y(py)}`).join('');
    return `<path class="line c${colour}" d="${d}"/>`;
  });
  const labels = [
    ...left.map(({ at, text }) => `<span class="left" style="top:${y(at)}%">${escapeHtml(text)}</span>`),
    ...below.map(({ at, text }) => `<span class="below" style="left:${x(at)}%">${escapeHtml(text)}</span>`),
  ];
  return (
    `<div class="plot"><svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">` +
    `${grid.join('')}${curves.join('')}</svg>${labels.join('')}</div>`
  );
}

/** Milliseconds on a logarithmic axis, with its round values. */
function logScale(values: readonly number[]): { at(value: number): number; readonly ticks: readonly Tick[] } {
  const known = values.filter((value) => value > 0);
  const low = Math.log10(Math.min(...known, 1e9) * 0.8);
  const high = Math.max(low + 0.5, Math.log10(Math.max(...known, 1e-9) * 1.25));
  const at = (value: number): number =>
    Math.min(1, Math.max(0, (Math.log10(Math.max(value, 1e-9)) - low) / (high - low)));
  const ticks: Tick[] = [];
  const steps = high - low > 2.2 ? [1] : high - low > 1.2 ? [1, 3] : [1, 2, 5];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
    for (const step of steps) {
      const value = step * 10 ** power;
      const place = (Math.log10(value) - low) / (high - low);
      if (place >= 0 && place <= 1) ticks.push({ at: place, text: round(value) });
    }
  }
  return { at, ticks };
}

function round(value: number): string {
  if (value >= 1000) return `${value / 1000} s`;
  return value >= 1 ? `${value} ms` : `${Number((value * 1000).toPrecision(1))} µs`;
}
