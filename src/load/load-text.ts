/** The result of a load for a terminal. */
import { Histogram, type HistogramJson } from './histogram.ts';
import type { LoadPlan, LoadResult } from './plan.ts';

const QUANTILES = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
  ['max', 1],
] as const;
/** A generator later than this saw a load that was not the one asked for. */
const LATE_MS = 5;

export function ms(value: number): string {
  return `${value >= 100 ? Math.round(value) : value.toPrecision(3)} ms`;
}

export function loadText(plan: LoadPlan, result: LoadResult): string {
  const { count, perSecond, failures, statuses, errors, wrongBodies, lagP99Ms } = result;
  const rows: [string, string][] = [
    ['requests', `${count.toLocaleString('en-US')}, ${perSecond.toFixed(1)} answered a second`],
    ['status', listed(statuses)],
    ['failures', failures === 0 ? 'none' : `${failures}: ${listed({ ...errors, ...wrong(wrongBodies) }) || 'status'}`],
    ['latency', quantiles(result.latency)],
  ];
  if (result.sinceDue !== null)
    rows.push(['since due', `${quantiles(result.sinceDue)} (generator's lateness included)`]);
  for (const [name, histogram] of Object.entries(result.serverTiming)) rows.push([name, quantiles(histogram)]);
  const late = plan.ratePerSecond === null ? '' : `, late by ${ms(lagP99Ms)} at p99`;
  rows.push(['generator', `${result.generatorCpuUs.toFixed(0)} µs of CPU a request${late}`]);
  const lines = rows.map(([name, text]) => `${name.padEnd(10)} ${text}`);
  if (lagP99Ms > LATE_MS) {
    lines.push('The generator was late: give it more --processes, or a machine of its own.');
  }
  return lines.join('\n');
}

function quantiles(json: HistogramJson): string {
  const histogram = Histogram.from(json);
  return QUANTILES.map(([name, q]) => `${name} ${ms(histogram.quantileMs(q))}`).join('  ');
}

function wrong(bodies: number): Record<string, number> {
  return bodies === 0 ? {} : { 'another body': bodies };
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} × ${count.toLocaleString('en-US')}`)
    .join(', ');
}
