/** A run of the benchmarks as one page: promises kept and not, figures with their spread, latencies as they were distributed. */
import { Histogram } from '../src/load/histogram.ts';
import { facts, page } from '../src/load/page.ts';
import {
  bars,
  cumulativePlot,
  escapeHtml,
  type Line,
  milliseconds,
  percentilePlot,
  stackedBars,
} from '../src/load/plots.ts';
import { digits, type Figure, printFigure, type Row, subjectsOf } from './figure.ts';
import { GOALS, verdict } from './goals.ts';
import type { BenchResult, RunResult } from './result.ts';

/** The page's colours; a subject keeps its own in every plot. */
const COLOURS: Readonly<Record<string, number>> = {
  isolane: 0,
  process: 1,
  node: 2,
  hono: 3,
  workerd: 4,
  miniflare: 5,
  deno: 6,
  bun: 7,
  'lambda-local': 8,
};
const OTHER_COLOUR = 9;

export function reportPage(run: RunResult): string {
  const { machine, at } = run;
  const about = run.small
    ? 'A run at small size, which shows that everything works. Its figures mean nothing.'
    : `${run.repetitions === 1 ? 'One repetition.' : `Median of ${run.repetitions} repetitions with the smallest and the largest.`} Every subject in a fresh process each time, in alternating order, after a warm-up, its answers checked. Compare within this page, not across machines.`;
  const told = {
    machine: `${machine.cores} cores, ${machine.memoryGiB} GiB`,
    processor: machine.cpu,
    system: machine.system,
    Node: machine.node,
    tree: machine.tree ?? 'unknown',
    'load before': String(machine.loadBefore),
    ...run.versions,
  };
  const missing = Object.entries(run.missing).map(
    ([name, reason]) => `<p>${escapeHtml(`${name} is missing: ${reason}`)}</p>`,
  );
  for (const [name, reason] of Object.entries(run.failed)) {
    missing.push(`<p><span class="mark no">failed</span> ${escapeHtml(`${name}: ${reason}`)}</p>`);
  }
  const links = run.benches.map(({ name, title }) => `<a href="#${name}">${escapeHtml(title)}</a>`);
  return page(
    'isolane, measured',
    `<h1>isolane, measured</h1><p>${escapeHtml(`${at.slice(0, 16).replace('T', ' ')} UTC. ${about}`)}</p>${facts(told)}` +
      `${missing.join('')}<nav>${links.join('')}</nav>${promises(run.benches)}${run.benches.map(section).join('')}`,
  );
}

function promises(benches: readonly BenchResult[]): string {
  const rows = GOALS.flatMap((goal) => {
    const bench = benches.find(({ name }) => name === goal.bench);
    if (bench === undefined) return [];
    const { kept, reached } = verdict(goal, bench.rows);
    const mark = kept === null ? ['open', 'open'] : kept ? ['yes', 'kept'] : ['no', 'not kept'];
    return [
      `<tr><th>${escapeHtml(plain(goal.promise))}</th><td data-label="goal">${escapeHtml(goal.goal)}</td>` +
        `<td data-label="reached">${escapeHtml(reached)}</td><td><span class="mark ${mark[0]}">${mark[1]}</span></td></tr>`,
    ];
  });
  if (rows.length === 0) return '';
  const head = '<tr><th>promise</th><td>goal</td><td>reached</td><td></td></tr>';
  return `<section id="promises"><h2>Promises</h2><p>What the project promises, as far as this run measures it.</p><table class="promises">${head}${rows.join('')}</table></section>`;
}

function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}

function section({ name, title, measures, rows }: BenchResult): string {
  const body = rows.map((row) => rowPlots(row)).join('');
  return (
    `<section id="${name}"><h2>${escapeHtml(title)}</h2><p>${escapeHtml(sentence(measures))}</p>${body}` +
    `<details><summary>All figures of ${escapeHtml(title)}</summary>${table(rows)}</details></section>`
  );
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function rowPlots(row: Row): string {
  const note = row.note === undefined ? '' : ` <small>${escapeHtml(row.note)}</small>`;
  const figures = Object.entries(row.figures);
  const parts: string[] = [`<h3>${escapeHtml(row.name)}${note}</h3>`];
  parts.push(
    bars(
      figures.map(([name, each]) => ({
        name,
        colour: colourOf(name),
        value: each.median,
        from: each.min,
        to: each.max,
        text: shown(each),
        isOwn: name === 'isolane' && figures.length > 1,
      })),
    ),
  );
  if (row.parts !== undefined) {
    const all = Object.entries(row.parts).filter(
      ([, each]) => Object.values(each).filter((value) => value > 0).length > 1,
    );
    const unit = figures[0]?.[1].unit ?? '';
    const sum = (each: Readonly<Record<string, number>>): number => Object.values(each).reduce((a, b) => a + b, 0);
    parts.push(`<h3>${escapeHtml(row.name)}, by thread</h3>`);
    parts.push(stackedBars(all.map(([name, each]) => ({ name, parts: each, text: `${digits(sum(each))} ${unit}` }))));
  }
  if (row.distributions !== undefined) parts.push(distribution(row));
  return parts.join('');
}

function distribution(row: Row): string {
  const lines: Line[] = Object.entries(row.distributions ?? {}).map(([name, json]) => ({
    name,
    colour: colourOf(name),
    histogram: Histogram.from(json),
  }));
  // A handful of cold starts has no tail worth a logarithm.
  const many = lines.some(({ histogram }) => histogram.count >= 2000);
  return many ? percentilePlot(lines) : cumulativePlot(lines);
}

function colourOf(subject: string): number {
  return COLOURS[subject] ?? OTHER_COLOUR;
}

function shown(each: Figure): string {
  if (each.unit !== 'ms') return printFigure(each);
  const spread = each.runs > 1 ? ` (${milliseconds(each.min)} – ${milliseconds(each.max)})` : '';
  return `${milliseconds(each.median)}${spread}`;
}

function table(rows: readonly Row[]): string {
  const subjects = subjectsOf(rows);
  const head = subjects.map((name) => `<th>${escapeHtml(name)}</th>`).join('');
  const lines = rows.map((row) => {
    const cells = subjects.map((name) => {
      const each = row.figures[name];
      if (each === undefined) return '<td></td>';
      const [first = '', spread = ''] = printFigure(each).split(/ (?=\()/);
      return `<td>${escapeHtml(first)}<br><small>${escapeHtml(spread)}</small></td>`;
    });
    return `<tr><th>${escapeHtml(row.name)}</th>${cells.join('')}</tr>`;
  });
  return `<div class="scroll"><table><tr><th></th>${head}</tr>${lines.join('')}</table></div>`;
}
