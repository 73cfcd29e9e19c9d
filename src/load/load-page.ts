/** The result of one load as a page: what was asked, what came back, the latencies as they were distributed. */
import { Histogram } from './histogram.ts';
import { ms } from './load-text.ts';
import { facts, page } from './page.ts';
import type { LoadPlan, LoadResult } from './plan.ts';
import { cumulativePlot, escapeHtml, type Line, percentilePlot } from './plots.ts';

export function loadPage(url: string, plan: LoadPlan, result: LoadResult): string {
  const { ratePerSecond, connections, durationMs, processes } = plan;
  const how =
    ratePerSecond === null
      ? 'Closed loop: every connection sent its next request when the last was answered.'
      : `Open loop: ${ratePerSecond} requests fell due every second, answered or not; a wait for a free connection counts from then on.`;
  const latencies: Line[] = [line('latency', 0, result.latency)];
  if (result.sinceDue !== null) latencies.push(line('since due, generator included', 2, result.sinceDue));
  const timings = Object.entries(result.serverTiming).map(([name, json], at) =>
    line(name, [0, 4, 6, 9][at % 4]!, json),
  );
  const told = {
    'answered a second': result.perSecond.toFixed(1),
    requests: result.count.toLocaleString('en-US'),
    failures: result.failures.toLocaleString('en-US'),
    p50: ms(result.p50Ms),
    p99: ms(result.p99Ms),
    'p99.9': ms(result.p999Ms),
    longest: ms(result.maxMs),
    connections: String(connections),
    seconds: String(durationMs / 1000),
    'generator processes': String(processes),
    'generator late, p99': ratePerSecond === null ? 'closed loop' : ms(result.lagP99Ms),
  };
  const sections = [
    section(
      'Latency by percentile',
      'To the right ever fewer requests: the slowest in ten, in a hundred, in a thousand.',
      percentilePlot(latencies),
    ),
    section(
      'Answered within',
      'What part of the requests was answered within which time.',
      cumulativePlot(latencies, false),
    ),
  ];
  if (timings.length > 0) {
    sections.push(
      section(
        'Inside the host',
        "By its server-timing: the queue, the isolate's start, the run, CPU.",
        cumulativePlot(timings),
      ),
    );
  }
  return page(url, `<h1>${escapeHtml(url)}</h1><p>${escapeHtml(how)}</p>${facts(told)}${sections.join('')}`);
}

function line(name: string, colour: number, json: LoadResult['latency']): Line {
  return { name, colour, histogram: Histogram.from(json) };
}

function section(title: string, about: string, body: string): string {
  return `<section><h2>${escapeHtml(title)}</h2><p>${escapeHtml(about)}</p>${body}</section>`;
}
