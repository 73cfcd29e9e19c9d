/**
 * Hands our metric cells to the SDK's readers as a `MetricProducer`, the SDK's own bridge for metrics that were not
 * aggregated by it. Temporality is always cumulative, also where an exporter would prefer delta.
 */
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import { millisToHrTime } from '@opentelemetry/core';
import { emptyResource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type CollectionResult,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import { DURATION_BOUNDS, type DurationHistogram } from './histogram.ts';
import { A, M, OWN } from './names.ts';
import { OUTCOME_LIST, type SeriesTable, type TriggerCells, type VersionSeries } from './series.ts';
import { faasTrigger } from './trigger.ts';

interface Points {
  readonly sums: Map<string, DataPoint<number>[]>;
  readonly histograms: Map<string, DataPoint<Histogram>[]>;
}

/** Name → unit and description; the order is the order of `/metrics`. */
const SUMS: Readonly<Record<string, readonly [string, string]>> = {
  'isolane.invocations': ['{invocation}', 'Invocations by outcome.'],
  [M.faasInvocations]: ['{invocation}', 'Successful invocations.'],
  [M.faasErrors]: ['{error}', 'Invocations that ended in an error.'],
  [M.faasTimeouts]: ['{timeout}', 'Invocations that reached their wall-time limit.'],
  [M.faasColdstarts]: ['{coldstart}', 'Invocations that waited for an isolate to load.'],
  'isolane.billed.milliseconds': ['ms', 'Billed milliseconds.'],
  'isolane.shed': ['{request}', 'Requests refused before they started, by reason.'],
  'isolane.limits.reached': ['{invocation}', 'Invocations and requests that ran into a limit, by limit.'],
  'isolane.limits.warnings': ['{invocation}', 'Invocations that used at least 80 % of a limit, by limit.'],
  'isolane.falls': ['{fall}', 'Times a function brought its engine down, by how.'],
  'isolane.stray.lines': ['{line}', 'Log lines and errors outside any invocation.'],
};

const HISTOGRAMS: Readonly<Record<string, string>> = {
  [M.faasInvokeDuration]: 'First turn to settled.',
  [M.faasInitDuration]: 'Creating and loading an isolate.',
  [M.faasCpuUsage]: 'Thread CPU of an invocation, guest and host.',
  'isolane.queue.duration': 'Accepted to first turn.',
  [M.httpServerDuration]: 'Accepted to settled.',
};

export class SeriesProducer implements MetricProducer {
  readonly #table: SeriesTable;
  readonly #now: () => number;
  readonly #start: HrTime;

  constructor(table: SeriesTable, now: () => number) {
    this.#table = table;
    this.#now = now;
    this.#start = millisToHrTime(now());
  }

  async collect(): Promise<CollectionResult> {
    const points: Points = { sums: new Map(), histograms: new Map() };
    const times = { startTime: this.#start, endTime: millisToHrTime(this.#now()) };
    for (const series of this.#table.all()) addVersion(points, series, times);
    const metrics = [...sumData(points), ...histogramData(points)];
    const scopeMetrics = metrics.length === 0 ? [] : [{ scope: { name: 'isolane' }, metrics }];
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
  }
}

type Times = Pick<DataPoint<number>, 'startTime' | 'endTime'>;

function addVersion(points: Points, series: VersionSeries, times: Times): void {
  const base = { [A.faasName]: series.name, [A.faasVersion]: series.version };
  const add = (name: string, value: number, attributes: Attributes) => {
    if (value > 0) push(points.sums, name, { ...times, attributes, value });
  };
  const addHistogram = (name: string, histogram: DurationHistogram, attributes: Attributes) => {
    if (histogram.count > 0) push(points.histograms, name, { ...times, attributes, value: histogramValue(histogram) });
  };
  for (const [trigger, cells] of series.triggers) {
    // Two of our triggers may be one to the convention; ours keeps the series apart.
    const attributes = { ...base, [A.faasTrigger]: faasTrigger(trigger), [OWN.trigger]: trigger };
    addOutcomes(add, cells, attributes);
    add(M.faasColdstarts, cells.coldStarts, attributes);
    add('isolane.billed.milliseconds', cells.billedMs, attributes);
    addHistogram(M.faasInvokeDuration, cells.run, attributes);
    addHistogram(M.faasInitDuration, cells.init, attributes);
    addHistogram(M.faasCpuUsage, cells.cpu, attributes);
    addHistogram('isolane.queue.duration', cells.queue, attributes);
  }
  for (const [limit, count] of series.limitHits) add('isolane.limits.reached', count, { ...base, limit });
  for (const [limit, count] of series.limitWarnings) add('isolane.limits.warnings', count, { ...base, limit });
  for (const [reason, count] of series.shed) add('isolane.shed', count, { ...base, reason });
  for (const [how, count] of series.falls) add('isolane.falls', count, { ...base, how });
  add('isolane.stray.lines', series.strayLines, base);
  for (const cell of series.http()) {
    const attributes: Attributes = { ...base };
    if (cell.overflow) attributes['otel.metric.overflow'] = true;
    else {
      attributes[A.httpMethod] = cell.method;
      attributes[A.urlScheme] = cell.scheme;
      attributes[A.httpStatus] = cell.status;
      if (cell.route !== null) attributes[A.httpRoute] = cell.route;
      if (cell.errorType !== null) attributes[A.errorType] = cell.errorType;
    }
    addHistogram(M.httpServerDuration, cell.duration, attributes);
  }
}

function addOutcomes(
  add: (name: string, value: number, attributes: Attributes) => void,
  cells: TriggerCells,
  attributes: Attributes,
): void {
  for (const outcome of OUTCOME_LIST) {
    const count = cells.count(outcome);
    add('isolane.invocations', count, { ...attributes, outcome });
    if (outcome === 'ok') add(M.faasInvocations, count, attributes);
    else if (outcome !== 'client_closed') add(M.faasErrors, count, { ...attributes, [A.errorType]: outcome });
    if (outcome === 'wall_timeout') add(M.faasTimeouts, count, attributes);
  }
}

function histogramValue(histogram: DurationHistogram): Histogram {
  return {
    buckets: { boundaries: [...DURATION_BOUNDS], counts: histogram.counts() },
    sum: histogram.sumSeconds,
    count: histogram.count,
  };
}

function sumData(points: Points): MetricData[] {
  return Object.entries(SUMS).flatMap(([name, [unit, description]]) => {
    const dataPoints = points.sums.get(name);
    if (dataPoints === undefined) return [];
    const descriptor = { name, unit, description, valueType: ValueType.INT };
    const dataPointType = DataPointType.SUM as const;
    return [{ descriptor, dataPointType, aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints }];
  });
}

function histogramData(points: Points): MetricData[] {
  return Object.entries(HISTOGRAMS).flatMap(([name, description]) => {
    const dataPoints = points.histograms.get(name);
    if (dataPoints === undefined) return [];
    const descriptor = { name, unit: 's', description, valueType: ValueType.DOUBLE };
    const dataPointType = DataPointType.HISTOGRAM as const;
    return [{ descriptor, dataPointType, aggregationTemporality: CUMULATIVE, dataPoints }];
  });
}

const CUMULATIVE = AggregationTemporality.CUMULATIVE;

function push<T>(into: Map<string, T[]>, name: string, point: T): void {
  const list = into.get(name);
  if (list === undefined) into.set(name, [point]);
  else list.push(point);
}
