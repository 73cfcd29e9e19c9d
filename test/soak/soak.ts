/**
 * `make soak MINUTES=60`: a real host under a steady mixture of everything, looked at from outside. Ends with a table,
 * a picture and an exit code: 0 when memory, descriptors, handles and threads stay where they are once it is warm, no
 * answer was wrong, and every answer and webhook is in the books.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type RunningHost, startHost } from '../support/host.ts';
import { checkDeliveries, checkRecords } from '../support/host-books.ts';
import { processTree } from '../support/processes.ts';
import { openUpstream, Traffic } from '../support/traffic.ts';
import { writeTrafficFunctions } from '../support/traffic-functions.ts';
import { chart, text } from './chart.ts';
import { Series, type SeriesRule } from './series.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    rate: { type: 'string', default: '60' },
    out: { type: 'string', default: join(import.meta.dirname, '../../bench/results/soak.svg') },
  },
});
const MINUTES = Number(values.minutes);
const RATE = Number(values.rate);
if (!(MINUTES > 0 && RATE > 0)) {
  console.error('usage: soak.ts [--minutes 60] [--rate 60] [--out FILE.svg]');
  process.exit(2);
}

const DURATION_MS = MINUTES * 60_000;
/** Heaps grow to their working size and every function is met in this time. */
const WARM_MS = Math.min(5 * 60_000, DURATION_MS / 3);
const SAMPLE_MS = Math.max(500, DURATION_MS / 600);
/** Lanes are still being started and heaps settle: a short run shows coarse leaks alone. */
const COARSE = MINUTES < 15 ? 5 : 1;
const MIB = 2 ** 20;
/** What the store of recent traces holds: full from the start, it does not look like a leak. */
const RECENT_TRACES = 5000;
const RULES = {
  rss: { name: 'RSS of all processes', unit: 'MiB', share: 0.08 * COARSE, least: 32 * COARSE },
  heap: { name: 'heap of the host', unit: 'MiB', share: 0.2, least: 24 * COARSE },
  fds: { name: 'open descriptors', unit: '', share: 0.05, least: 6 },
  handles: { name: 'active handles', unit: '', share: 0.1, least: 8 },
  threads: { name: 'threads', unit: '', share: 0, least: 3 * COARSE },
  processes: { name: 'processes', unit: '', share: 0, least: 1 },
  isolates: { name: 'warm isolates', unit: '', share: 0.1, least: 3 },
  queued: { name: 'queued or running', unit: '', share: 0, least: 20 },
  delay: { name: 'event loop delay p99', unit: 'ms', share: 0.5, least: 30 },
  books: { name: 'a look into the ledger', unit: 'ms', share: 1, least: 150 },
} as const satisfies Record<string, SeriesRule>;
type Measure = keyof typeof RULES;

interface Stats {
  readonly running: number;
  readonly queued: number;
  readonly activeHandles: number;
  readonly pool: { readonly isolates: number };
}

const series = Object.fromEntries(
  Object.entries(RULES).map(([measure, rule]) => [measure, new Series(rule)]),
) as Record<Measure, Series>;

async function sample(host: RunningHost, atMs: number): Promise<void> {
  const tree = processTree(host.pid);
  const sum = (pick: (facts: (typeof tree)[number]) => number): number => tree.reduce((all, one) => all + pick(one), 0);
  series.rss.add(atMs, sum((one) => one.rssBytes) / MIB);
  series.fds.add(
    atMs,
    sum((one) => one.fds),
  );
  series.threads.add(
    atMs,
    sum((one) => one.threads),
  );
  series.processes.add(atMs, tree.length);
  const stats = (await (await host.admin('/v1/stats')).json()) as Stats;
  series.handles.add(atMs, stats.activeHandles);
  series.isolates.add(atMs, stats.pool.isolates);
  series.queued.add(atMs, stats.running + stats.queued);
  const metrics = await (await host.admin('/metrics')).text();
  series.delay.add(atMs, gauge(metrics, 'nodejs_eventloop_delay_p99') * 1000);
  series.heap.add(atMs, gauge(metrics, 'v8js_memory_heap_used') / MIB);
  const asked = performance.now();
  await (await host.admin('/v1/usage/records?limit=1')).arrayBuffer();
  series.books.add(atMs, performance.now() - asked);
}

function gauge(metrics: string, name: string): number {
  return Number(new RegExp(`^${name}\\S*(?:\\{.*\\})? ([\\d.e+-]+)`, 'm').exec(metrics)?.[1] ?? 0);
}

async function run(): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'isolane-soak-'));
  const upstream = await openUpstream();
  const config = writeTrafficFunctions(join(dir, 'functions'), { upstream: upstream.address });
  const host = await startHost({ config, dataDir: join(dir, 'data'), supervised: true });
  const problems: string[] = [];
  try {
    const traffic = new Traffic(host.url);
    const begun = performance.now();
    const elapsed = (): number => performance.now() - begun;
    await traffic.fill(RECENT_TRACES);
    traffic.start(RATE);
    for (let next = SAMPLE_MS; next <= DURATION_MS; next += SAMPLE_MS) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - elapsed())));
      await sample(host, elapsed()).catch((error: unknown) => problems.push(`a look at the host failed: ${error}`));
      if (host.child.exitCode !== null) throw new Error(`the host ended: ${host.stderr()}`);
    }
    await traffic.stop();
    for (const [what, count] of traffic.surprises) problems.push(`${count} × ${what}`);
    problems.push(...(await checkRecords(host, traffic.answers)));
    problems.push(...(await checkDeliveries(host, traffic.accepted, 60_000)));
    console.log(
      `${MINUTES} min at ${RATE}/s: ${traffic.sent} sent, ${traffic.answers.length} answers of functions, ${traffic.accepted.length} webhooks\n`,
    );
    problems.push(...tell());
  } finally {
    const { code } = await host.stop();
    if (code !== 0) problems.push(`the host ended with code ${code}: ${host.stderr()}`);
    upstream.server.close();
    rmSync(dir, { recursive: true, force: true });
  }
  for (const problem of problems.slice(0, 20)) console.error(`  ✗ ${problem}`);
  console.log(problems.length === 0 ? 'flat' : `not well: ${problems.length} problem(s)`);
  return problems.length === 0 ? 0 : 1;
}

/** Prints the table, writes the picture; sentences about what grows. */
function tell(): string[] {
  const judged = Object.values(series).map((one) => ({ series: one, verdict: one.judge(WARM_MS) }));
  console.log(['measure', 'median', 'per hour', 'grew', 'allowed', ''].map(cell).join(' '));
  for (const { series: one, verdict } of judged) {
    const { median, perHour, growth, allowed, isFlat } = verdict;
    const figures = [median, perHour, growth, allowed].map((value) => `${text(value)} ${one.rule.unit}`.trim());
    console.log([one.rule.name, ...figures, isFlat ? 'flat' : 'GROWS'].map(cell).join(' '));
  }
  mkdirSync(join(values.out, '..'), { recursive: true });
  writeFileSync(values.out, chart(judged, WARM_MS));
  console.log(`\npicture: ${values.out}`);
  return judged
    .filter(({ verdict }) => !verdict.isFlat)
    .map(
      ({ series: one, verdict }) =>
        `${one.rule.name} grew by ${text(verdict.growth)} ${one.rule.unit}, ${text(verdict.allowed)} are allowed`,
    );
}

function cell(value: string, column: number): string {
  return column === 0 ? value.padEnd(24) : value.padStart(14);
}

process.exitCode = await run();
