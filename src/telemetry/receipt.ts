/** The PRODUCER span of a webhook that was received: what each later attempt links to (CONTRACT §9). */
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { HttpFacts, TraceSeed } from '../contract/invocation.ts';
import { A, OWN, SYSTEM } from './names.ts';
import { finishedSpan, type SpanOrigin, timeline } from './span.ts';
import { addHttp } from './story-spans.ts';

/** Known to the webhook door once it has answered. */
export interface ReceiptFacts {
  readonly endpoint: string;
  readonly provider: string;
  /** `null` when nothing was stored: bad signature, too large. */
  readonly deliveryId: string | null;
  readonly duplicateOf: string | null;
  /** Its `formatTraceparent` is what `Delivery.traceparent` stores. */
  readonly trace: TraceSeed;
  readonly http: HttpFacts;
  readonly clientAddress: string;
  /** As answered to the sender. */
  readonly status: number;
  readonly bodyBytes: number;
  /** Epoch ms of `startedNs`. */
  readonly receivedEpochMs: number;
  readonly startedNs: number;
  readonly endedNs: number;
}

/** Refused receipts are a stranger's to cause: only the head decision and our own failures keep one. */
export function isReceiptKept(facts: ReceiptFacts): boolean {
  return facts.trace.sampled || facts.status >= 500;
}

export function receiptSpan(facts: ReceiptFacts, origin: SpanOrigin): ReadableSpan {
  const at = timeline(facts.receivedEpochMs, facts.startedNs);
  const attributes: Attributes = {
    [A.messagingSystem]: SYSTEM,
    [A.messagingOperationName]: 'send',
    [A.messagingOperationType]: 'send',
    [A.messagingDestination]: facts.endpoint,
    [A.messagingBodySize]: facts.bodyBytes,
    [A.httpStatus]: facts.status,
    [A.clientAddress]: facts.clientAddress,
    [OWN.provider]: facts.provider,
  };
  addHttp(attributes, facts.http, '/hooks/:endpoint');
  if (facts.deliveryId !== null) attributes[A.messagingMessageId] = facts.deliveryId;
  if (facts.duplicateOf !== null) attributes[OWN.duplicateOf] = facts.duplicateOf;
  if (facts.status >= 500) attributes[A.errorType] = String(facts.status);
  return finishedSpan(
    {
      name: `send ${facts.endpoint}`,
      kind: SpanKind.PRODUCER,
      traceId: facts.trace.traceId,
      spanId: facts.trace.spanId,
      parent: facts.trace.parentSpanId === null ? null : { spanId: facts.trace.parentSpanId, remote: true },
      start: at(facts.startedNs),
      end: at(facts.endedNs),
      attributes,
      status: { code: facts.status >= 500 ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
      link: facts.trace.link,
    },
    origin,
  );
}
