/** What hostile cases did to a bystander, for people to read. */
import { failures, quantileMs } from './bystander.ts';
import type { Report } from './hostile-scene.ts';

export function table(reports: readonly Report[]): string {
  const rows = reports.map(({ name, outcomes, bystander, control, tookMs }) => [
    name,
    summary(outcomes),
    `${Math.round(tookMs)} ms`,
    `${bystander.length}`,
    `${failures(bystander).length}`,
    `${quantileMs(bystander, 0.99).toFixed(1)} ms`,
    `${quantileMs(control, 0.99).toFixed(1)} ms`,
  ]);
  const all = [['case', 'outcomes', 'took', 'bystander', 'failed', 'p99', 'p99 of a plain server'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')).join('\n');
}

/** Equal ones once, with their number. */
function summary(outcomes: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const text = [...counts].map(([outcome, count]) => (count === 1 ? outcome : `${count} ${outcome}`)).join(', ');
  return text.length > 60 ? `${text.slice(0, 57)}…` : text || '-';
}
