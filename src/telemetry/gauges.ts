/**
 * What is, as opposed to what happened: read when somebody collects, never on the path. The host hands in one
 * function; a gauge it does not know is left out rather than shown as zero.
 */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Meter } from '@opentelemetry/api';
import { A } from './names.ts';

const GAUGES = {
  'isolane.invocations.running': ['{invocation}', 'Invocations that have started and not settled.'],
  'isolane.queue.waiting': ['{invocation}', 'Invocations waiting for an isolate.'],
  'isolane.pool.memory': ['By', 'Bytes the pool of isolates counts against its budget.'],
  'isolane.pool.memory.limit': ['By', 'The budget of the pool of isolates.'],
  'isolane.pool.memory.allowed': ['By', 'What of it the pool may use now: less while the process holds too much.'],
  'isolane.lanes': ['{lane}', 'Engine threads.'],
  'isolane.lanes.busy': ['{lane}', 'Engine threads within a turn.'],
  'isolane.functions.quarantined': ['{function}', 'Functions that let nobody in but probes.'],
  'isolane.connections': ['{connection}', 'Open connections of the data plane.'],
  'isolane.inbox.ready': ['{delivery}', 'Webhook deliveries that wait for an attempt.'],
  'isolane.ledger.pending': ['{row}', 'Ledger rows not yet durable.'],
} as const;

export type GaugeName = keyof typeof GAUGES;

export type IsolateState = 'starting' | 'ready' | 'busy' | 'retiring';

export interface HostStats {
  readonly gauges: Readonly<Partial<Record<GaugeName, number>>>;
  readonly isolates: readonly {
    readonly function: string;
    readonly version: number;
    readonly state: IsolateState;
    readonly count: number;
  }[];
  /** Hosts that the supervisor replaced, by cause. */
  readonly restarts: Readonly<Record<string, number>>;
}

export function observeHost(meter: Meter, read: () => HostStats): void {
  const named = Object.entries(GAUGES).map(([name, [unit, description]]) => {
    return [name as GaugeName, meter.createObservableGauge(name, { unit, description })] as const;
  });
  const isolates = meter.createObservableGauge('isolane.isolates', { unit: '{isolate}', description: 'Isolates.' });
  const restarts = meter.createObservableCounter('isolane.host.restarts', {
    unit: '{host}',
    description: 'Host processes that the supervisor replaced, by cause.',
  });
  const all = [isolates, restarts, ...named.map(([, gauge]) => gauge)];
  meter.addBatchObservableCallback((result) => {
    const stats = read();
    for (const [name, gauge] of named) {
      const value = stats.gauges[name];
      if (value !== undefined) result.observe(gauge, value);
    }
    for (const [cause, count] of Object.entries(stats.restarts)) result.observe(restarts, count, { cause });
    for (const { function: name, version, state, count } of stats.isolates) {
      result.observe(isolates, count, { [A.faasName]: name, [A.faasVersion]: String(version), state });
    }
  }, all);
}

type DelayMonitor = ReturnType<typeof monitorEventLoopDelay>;
/** The monitor's own timer; it counts into what it measures. */
const RESOLUTION_MS = 10;
const QUANTILES = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'] as const;

/** Event loop delay and utilization, memory of the process. The returned function stops the monitor. */
export function observeProcess(meter: Meter): () => void {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  const delays = QUANTILES.map((quantile) => {
    const name = `nodejs.eventloop.delay.${quantile}`;
    return [quantile, meter.createObservableGauge(name, { unit: 's', description: 'Event loop delay.' })] as const;
  });
  const options = { unit: '1', description: 'Event loop utilization since the start.' };
  const utilization = meter.createObservableGauge('nodejs.eventloop.utilization', options);
  const rss = meter.createObservableGauge('process.memory.usage', { unit: 'By', description: 'Resident memory.' });
  const heap = meter.createObservableGauge('v8js.memory.heap.used', { unit: 'By', description: 'Heap of the host.' });
  meter.addBatchObservableCallback(
    (result) => {
      for (const [quantile, gauge] of delays) result.observe(gauge, delay(monitor, quantile));
      // Two readers may collect: what they read is at least since the earlier of the last two collections.
      monitor.reset();
      result.observe(utilization, performance.eventLoopUtilization().utilization);
      result.observe(rss, process.memoryUsage.rss());
      result.observe(heap, process.memoryUsage().heapUsed);
    },
    [utilization, rss, heap, ...delays.map(([, gauge]) => gauge)],
  );
  return () => monitor.disable();
}

/** Seconds that timers came late. */
function delay(monitor: DelayMonitor, quantile: (typeof QUANTILES)[number]): number {
  if (monitor.count === 0) return 0;
  if (quantile === 'stddev') return monitor.stddev / 1e9;
  return Math.max(0, measured(monitor, quantile) - RESOLUTION_MS * 1e6) / 1e9;
}

function measured(monitor: DelayMonitor, quantile: Exclude<(typeof QUANTILES)[number], 'stddev'>): number {
  switch (quantile) {
    case 'p50':
      return monitor.percentile(50);
    case 'p90':
      return monitor.percentile(90);
    case 'p99':
      return monitor.percentile(99);
    default:
      return monitor[quantile];
  }
}
