/**
 * The telemetry observer (CONTRACT §9): metrics for every invocation, traces of those worth keeping. On the path it adds
 * to cells it already holds and, if the trace is kept, puts its facts aside; spans are made when somebody asks, or in small
 * lots for export. Nothing here throws into the path, waits for anything, or is needed for billing.
 */
import type { Meter } from '@opentelemetry/api';
import { defaultResource, type Resource, resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Fall, LogLine } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { newSpanId, newTraceId } from '../contract/ids.ts';
import type { TraceSeed } from '../contract/invocation.ts';
import type { LimitName } from '../contract/limits.ts';
import type { InvocationStory, Observer } from '../contract/observer.ts';
import type { Unstarted } from '../contract/outcome.ts';
import { type HostStats, observeHost, observeProcess } from './gauges.ts';
import { isKept } from './keep.ts';
import { FailureLog, metricExport, spanExport } from './otlp.ts';
import { type Env, pairs, readOtlpSettings } from './otlp-settings.ts';
import { SeriesProducer } from './producer.ts';
import { PrometheusText } from './prometheus.ts';
import { isReceiptKept, type ReceiptFacts } from './receipt.ts';
import { RecentStore, type Telling } from './recent.ts';
import { createSeed, type SeedInput, type SeedSource } from './seed.ts';
import { SeriesTable } from './series.ts';
import type { SpanOrigin } from './span.ts';
import { ReceiptTelling, StoryTelling } from './telling.ts';

export interface TelemetryOptions {
  readonly env: Env;
  /** 0–1: the share of new traces that is kept by the head decision. */
  readonly sampleRatio: number;
  readonly serviceVersion: string;
  readonly hostId: string;
  /** Epoch ms. */
  readonly now: () => number;
  /** One sentence for the operator; standard error when left out. */
  readonly warn?: (sentence: string) => void;
}

export interface Telemetry extends Observer {
  /** Begins to export and to watch the process; construction alone starts nothing. */
  start(): Promise<void>;
  /** The trace context of an event that a door accepts. */
  seed(input: SeedInput): TraceSeed;
  /** A function brought its engine down. */
  felled(version: FunctionVersion, how: Fall): void;
  /** A webhook was answered. */
  receipt(facts: ReceiptFacts): void;
  /** What the host shows as gauges, read at each collection. Call once. */
  observe(read: () => HostStats): void;
  readonly recent: Pick<RecentStore, 'invocation' | 'trace' | 'traces' | 'strays' | 'logs' | 'follow'>;
  /** Prometheus text. */
  metricsText(): Promise<string>;
  /** Flushes for at most `deadlineMs`, then gives up. */
  shutdown(deadlineMs: number): Promise<void>;
}

/** Events whose spans wait to be made and exported. */
const BUFFER = 8192;
/** Spans of so many are made in one go; at about 10 µs each the loop stays free. */
const LOT = 64;

export function createTelemetry(options: TelemetryOptions): Telemetry {
  return new HostTelemetry(options);
}

class HostTelemetry implements Telemetry {
  readonly recent: Telemetry['recent'];
  readonly #options: TelemetryOptions;
  readonly #warn: (sentence: string) => void;
  readonly #series = new SeriesTable();
  readonly #store = new RecentStore();
  readonly #seeds: SeedSource;
  readonly #origin: SpanOrigin;
  readonly #producer: SeriesProducer;
  readonly #prometheus: PrometheusText;
  readonly #meters: MeterProvider;
  readonly #failures: FailureLog;
  #exportMeters: MeterProvider | null = null;
  #spans: SpanProcessor | null = null;
  #stops: (() => void)[] = [];
  #host: () => HostStats = () => ({ gauges: {}, isolates: [], restarts: {} });
  #pending: Telling[] = [];
  #scheduled = false;
  #dropped = 0;
  #faults = 0;

  constructor(options: TelemetryOptions) {
    this.#options = options;
    this.#warn = options.warn ?? ((sentence) => process.stderr.write(`${sentence}\n`));
    this.#seeds = { newTraceId, newSpanId, sampleRatio: options.sampleRatio };
    this.#origin = { resource: resourceOf(options), scope: { name: 'isolane', version: options.serviceVersion } };
    this.#producer = new SeriesProducer(this.#series, options.now);
    this.#failures = new FailureLog(options.now, this.#warn);
    this.#prometheus = new PrometheusText(this.#producer);
    this.#meters = new MeterProvider({ resource: this.#origin.resource, readers: [this.#prometheus] });
    this.#observeGauges(this.#meters.getMeter('isolane'));
    this.recent = {
      invocation: (id) => this.#asked(() => this.#store.invocation(id)),
      trace: (traceId) => this.#asked(() => this.#store.trace(traceId)),
      traces: (query) => this.#store.traces(query),
      strays: (name) => this.#store.strays(name),
      logs: (query) => this.#store.logs(query),
      follow: (tell) => this.#store.follow(tell),
    };
  }

  async start(): Promise<void> {
    this.#stops.push(observeProcess(this.#meters.getMeter('isolane')));
    const { traces, metrics, batch, metricIntervalMs, problems } = readOtlpSettings(this.#options.env);
    for (const problem of problems) this.#warn(problem);
    const failures = this.#failures;
    if (traces !== null) this.#spans = await spanExport(traces, batch, { failures, meters: this.#meters });
    if (metrics === null) return;
    const reader = await metricExport(metrics, metricIntervalMs, { failures, producer: this.#producer });
    this.#exportMeters = new MeterProvider({ resource: this.#origin.resource, readers: [reader] });
    const meter = this.#exportMeters.getMeter('isolane');
    this.#observeGauges(meter);
    // A monitor for each reader: reading resets it.
    this.#stops.push(observeProcess(meter));
  }

  seed(input: SeedInput): TraceSeed {
    return createSeed(input, this.#seeds);
  }

  settled(story: InvocationStory): void {
    try {
      this.#series.of(story.invocation.version).settled(story);
      const kept = isKept(story);
      if (kept || story.logs.length > 0)
        this.#keep(new StoryTelling(story, kept, this.#origin, story.record.cold ? newSpanId() : ''));
    } catch {
      this.#faults++;
    }
  }

  shed(version: FunctionVersion, reason: Unstarted, limit?: LimitName): void {
    this.#series.of(version).refused(reason, limit);
  }

  stray(version: FunctionVersion, line: LogLine): void {
    this.#series.of(version).strayLines++;
    this.#store.stray(version.spec.name, line);
  }

  felled(version: FunctionVersion, how: Fall): void {
    const { falls } = this.#series.of(version);
    falls.set(how, (falls.get(how) ?? 0) + 1);
  }

  receipt(facts: ReceiptFacts): void {
    if (isReceiptKept(facts)) this.#keep(new ReceiptTelling(facts, this.#origin));
  }

  observe(read: () => HostStats): void {
    this.#host = read;
  }

  async metricsText(): Promise<string> {
    return this.#prometheus.text();
  }

  async shutdown(deadlineMs: number): Promise<void> {
    for (const telling of this.#pending.splice(0)) this.#export(telling);
    for (const stop of this.#stops.splice(0)) stop();
    const flushes = [this.#spans?.shutdown(), this.#exportMeters?.shutdown(), this.#meters.shutdown()];
    const { promise: deadline, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => resolve('late'), deadlineMs);
    const flushed = Promise.allSettled(flushes);
    if ((await Promise.race([flushed, deadline])) === 'late') {
      this.#warn(`Telemetry was not all exported within ${deadlineMs} ms of shutting down; the rest is dropped.`);
    }
    clearTimeout(timer);
  }

  #keep(telling: Telling): void {
    this.#store.add(telling);
    if (this.#spans === null || !telling.isTraced) return;
    if (this.#pending.length >= BUFFER) {
      this.#dropped++;
      return;
    }
    this.#pending.push(telling);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#lot());
  }

  #lot(): void {
    this.#scheduled = false;
    for (const telling of this.#pending.splice(0, LOT)) this.#export(telling);
    if (this.#pending.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => this.#lot());
  }

  #export(telling: Telling): void {
    try {
      for (const span of telling.told().spans) this.#spans?.onEnd(span);
    } catch {
      this.#faults++;
    }
  }

  /** What cannot be told is not there. */
  #asked<T>(read: () => T | null): T | null {
    try {
      return read();
    } catch {
      this.#faults++;
      return null;
    }
  }

  #observeGauges(meter: Meter): void {
    observeHost(meter, () => this.#host());
    const counter = (name: string, description: string, read: () => number) => {
      meter.createObservableCounter(name, { description }).addCallback((result) => result.observe(read()));
    };
    counter('isolane.telemetry.dropped', 'Kept traces dropped because the buffer was full.', () => this.#dropped);
    counter('isolane.telemetry.faults', 'Stories that could not be told; a defect.', () => this.#faults);
    counter('isolane.telemetry.export.failures', 'Failed export requests.', () => this.#failures.failures);
  }
}

/** `service.name` and what the operator adds by OTEL_RESOURCE_ATTRIBUTES; OTEL_SERVICE_NAME wins. */
function resourceOf({ env, serviceVersion, hostId }: TelemetryOptions): Resource {
  const serviceName = env['OTEL_SERVICE_NAME']?.trim() ?? '';
  return defaultResource().merge(
    resourceFromAttributes({
      'service.name': 'isolane',
      'service.version': serviceVersion,
      'service.instance.id': hostId,
      ...pairs(env['OTEL_RESOURCE_ATTRIBUTES']),
      ...(serviceName === '' ? {} : { 'service.name': serviceName }),
    }),
  );
}

export type { GaugeName, HostStats } from './gauges.ts';
export type { ReceiptFacts } from './receipt.ts';
export type { RecentInvocation, TraceQuery, TraceSummary } from './recent.ts';
export {
  createSeed,
  formatTraceparent,
  isTrustedParent,
  parseTraceparent,
  type SeedInput,
  seedOf,
  trustedParents,
} from './seed.ts';
