/**
 * OTLP export of traces and metrics in batches. It may fail, lag or drop; it is counted, said at most once a minute,
 * and never felt by an invocation. The exporters are loaded only when an endpoint is configured.
 */
import type { MeterProvider as MeterProviderApi } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import {
  type IMetricReader,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace';
import type { OtlpSettings, SignalSettings } from './otlp-settings.ts';

const ONE_MINUTE_MS = 60_000;

/** Says what failed once a minute per signal, with the number of failures since. */
export class FailureLog {
  readonly #now: () => number;
  readonly #warn: (sentence: string) => void;
  readonly #last = new Map<string, { saidAtMs: number; since: number }>();
  #failures = 0;

  constructor(now: () => number, warn: (sentence: string) => void) {
    this.#now = now;
    this.#warn = warn;
  }

  get failures(): number {
    return this.#failures;
  }

  failed(signal: 'traces' | 'metrics', url: string, error: Error | undefined): void {
    this.#failures++;
    const state = this.#last.get(signal) ?? { saidAtMs: Number.NEGATIVE_INFINITY, since: 0 };
    this.#last.set(signal, state);
    state.since++;
    if (this.#now() - state.saidAtMs < ONE_MINUTE_MS) return;
    // The URL may hold credentials, and a collector's answer may repeat headers: neither is repeated here.
    const why = (error?.message ?? 'no reason given').split('\n')[0]?.slice(0, 200) ?? '';
    const count = state.since === 1 ? '' : ` (${state.since} times since the last such line)`;
    this.#warn(`Telemetry export of ${signal} to ${new URL(url).origin} failed${count}: ${why}`);
    state.saidAtMs = this.#now();
    state.since = 0;
  }
}

export async function spanExport(
  settings: SignalSettings,
  batch: OtlpSettings['batch'],
  context: { readonly failures: FailureLog; readonly meters: MeterProviderApi },
): Promise<SpanProcessor> {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  const inner: SpanExporter = new OTLPTraceExporter(exporterOptions(settings));
  const exporter: SpanExporter = {
    export: (spans, done) => inner.export(spans, watch('traces', settings.url, context.failures, done)),
    shutdown: () => inner.shutdown(),
    forceFlush: async () => inner.forceFlush?.(),
  };
  return new BatchSpanProcessor({
    exporter,
    maxQueueSize: batch.queue,
    maxExportBatchSize: batch.size,
    scheduledDelayMillis: batch.delayMs,
    exportTimeoutMillis: batch.timeoutMs,
    // Its queue and what it drops show as otel.sdk.processor.span.*.
    selfObsMeterProvider: context.meters,
  });
}

export async function metricExport(
  settings: SignalSettings,
  intervalMs: number,
  context: { readonly failures: FailureLog; readonly producer: MetricProducer },
): Promise<IMetricReader> {
  const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-http');
  const inner: PushMetricExporter = new OTLPMetricExporter(exporterOptions(settings));
  const exporter: PushMetricExporter = {
    export: (metrics, done) => inner.export(metrics, watch('metrics', settings.url, context.failures, done)),
    shutdown: () => inner.shutdown(),
    forceFlush: () => inner.forceFlush(),
    selectAggregation: (type) => inner.selectAggregation?.(type) ?? { type: 0 },
    selectAggregationTemporality: (type) => inner.selectAggregationTemporality?.(type) ?? 1,
  };
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(intervalMs, 30_000),
    metricProducers: [context.producer],
  });
}

function watch(
  signal: 'traces' | 'metrics',
  url: string,
  failures: FailureLog,
  done: (result: ExportResult) => void,
): (result: ExportResult) => void {
  return (result) => {
    if (result.code === ExportResultCode.SUCCESS) return done(result);
    failures.failed(signal, url, result.error);
    // Handed on as done: the SDK would only tell its global error handler, and we have counted it.
    done(result);
  };
}

function exporterOptions(settings: SignalSettings): object {
  const { url, headers, timeoutMillis } = settings;
  return { url, headers: { ...headers }, timeoutMillis, ...(settings.gzip ? { compression: 'gzip' } : {}) };
}
