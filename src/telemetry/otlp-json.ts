/** Spans as OTLP/JSON has them, for the admin plane: what `GET /v1/traces/:id` answers can be fed to any collector. */
import type { Attributes, AttributeValue, HrTime } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

export interface JsonAttribute {
  readonly key: string;
  readonly value: JsonValue;
}

export type JsonValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly JsonValue[] } };

export interface JsonSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  /** Decimal strings: nanoseconds since the epoch pass 2^53. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly JsonAttribute[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 0 unset, 1 ok, 2 error. */
  readonly status: { readonly code: number; readonly message?: string };
}

export interface JsonTrace {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly JsonAttribute[] };
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version?: string };
      readonly spans: readonly JsonSpan[];
    }[];
  }[];
}

export function jsonSpan(span: ReadableSpan): JsonSpan {
  const { traceId, spanId } = span.spanContext();
  const { code, message } = span.status;
  return {
    traceId,
    spanId,
    ...(span.parentSpanContext === undefined ? {} : { parentSpanId: span.parentSpanContext.spanId }),
    name: span.name,
    kind: span.kind + 1,
    startTimeUnixNano: unixNano(span.startTime),
    endTimeUnixNano: unixNano(span.endTime),
    attributes: jsonAttributes(span.attributes),
    links: span.links.map(({ context }) => ({ traceId: context.traceId, spanId: context.spanId })),
    status: message === undefined ? { code } : { code, message },
  };
}

/** All spans share one resource and scope: those of this host. */
export function jsonTrace(spans: readonly ReadableSpan[]): JsonTrace {
  const [first] = spans;
  if (first === undefined) return { resourceSpans: [] };
  const { name, version } = first.instrumentationScope;
  return {
    resourceSpans: [
      {
        resource: { attributes: jsonAttributes(first.resource.attributes) },
        scopeSpans: [{ scope: version === undefined ? { name } : { name, version }, spans: spans.map(jsonSpan) }],
      },
    ],
  };
}

function jsonAttributes(attributes: Attributes): JsonAttribute[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined || value === null ? [] : [{ key, value: jsonValue(value as AttributeValue) }],
  );
}

function jsonValue(value: AttributeValue | null | undefined): JsonValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  if (Array.isArray(value)) return { arrayValue: { values: value.map((one) => jsonValue(one)) } };
  return { stringValue: String(value) };
}

function unixNano([seconds, nanos]: HrTime): string {
  return (BigInt(seconds) * 1_000_000_000n + BigInt(nanos)).toString();
}
