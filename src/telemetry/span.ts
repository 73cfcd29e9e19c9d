/**
 * A finished span, made by hand from what the host measured: our own ids, explicit times. The SDK's tracer is not
 * used, because it would make every span at its start, sampled or not, on the path.
 */
import {
  type Attributes,
  type HrTime,
  type Link,
  type SpanContext,
  type SpanKind,
  TraceFlags,
} from '@opentelemetry/api';
import type { InstrumentationScope } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';

export interface SpanFacts {
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent: { readonly spanId: string; readonly remote: boolean } | null;
  readonly start: HrTime;
  readonly end: HrTime;
  readonly attributes: Attributes;
  readonly status: ReadableSpan['status'];
  readonly link: { readonly traceId: string; readonly spanId: string } | null;
  readonly events?: TimedEvent[];
}

/** Whose spans these are. */
export interface SpanOrigin {
  readonly resource: Resource;
  readonly scope: InstrumentationScope;
}

/** What is kept is exported, whatever the head decision was: it carries the sampled flag. */
export function finishedSpan(facts: SpanFacts, origin: SpanOrigin): ReadableSpan {
  const own = contextOf(facts.traceId, facts.spanId, false);
  const links: Link[] =
    facts.link === null ? [] : [{ context: contextOf(facts.link.traceId, facts.link.spanId, true) }];
  return {
    name: facts.name,
    kind: facts.kind,
    spanContext: () => own,
    ...(facts.parent === null
      ? {}
      : { parentSpanContext: contextOf(facts.traceId, facts.parent.spanId, facts.parent.remote) }),
    startTime: facts.start,
    endTime: facts.end,
    duration: between(facts.start, facts.end),
    status: facts.status,
    attributes: facts.attributes,
    links,
    events: facts.events ?? [],
    ended: true,
    resource: origin.resource,
    instrumentationScope: origin.scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

/** Monotonic nanoseconds → time of day, by one instant of which both are known. */
export function timeline(epochMs: number, atNs: number): (ns: number) => HrTime {
  const seconds = Math.floor(epochMs / 1000);
  const nanos = Math.round((epochMs - seconds * 1000) * 1e6);
  return (ns) => {
    const total = nanos + Math.round(ns - atNs);
    const carry = Math.floor(total / 1e9);
    return [seconds + carry, total - carry * 1e9];
  };
}

function contextOf(traceId: string, spanId: string, isRemote: boolean): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote };
}

function between(start: HrTime, end: HrTime): HrTime {
  const seconds = end[0] - start[0];
  const nanos = end[1] - start[1];
  return nanos < 0 ? [seconds - 1, nanos + 1e9] : [seconds, nanos];
}
