/** Between webhooks and the rest of the host: a receipt becomes a span, an attempt becomes an invocation. */
import type { GuestEvent, HeaderList, TraceSeed } from '../contract/invocation.ts';
import { loopDepth } from '../contract/loop.ts';
import { wholeBody } from '../dispatch/answer.ts';
import type { WebhookAnswer, WebhookFacts } from '../edge/ports.ts';
import type { DeliveryAttempt, InvokeAnswer } from '../events/events.ts';
import { seedOf } from '../telemetry/telemetry.ts';
import type { Parts } from './parts.ts';

/** Runs one attempt of a delivery to its end. */
export async function runAttempt(parts: Parts, attempt: DeliveryAttempt): Promise<InvokeAnswer> {
  const { function: name, delivery, context } = attempt;
  const { method, target, headers, body } = delivery;
  const event: GuestEvent = { kind: 'fetch', method, url: parts.baseUrl + target, headers, body };
  const called = parts.callers.call(name, {
    event,
    trigger: 'webhook',
    source: delivery.endpoint,
    requestId: delivery.id,
    attempt: context.attempt,
    webhook: context,
    depth: loopDepth(headerOf(headers, 'cdn-loop')),
    trace: parts.telemetry.seed({ traceparent: delivery.traceparent, trusted: false, ours: true }),
  });
  if (called === null) return { outcome: 'not_found', status: 404, retryAfterMs: null, response: null };
  const answer = await called.answer;
  const whole = await wholeBody(answer.body, parts.live.get(name)?.spec.limits.responseBytes ?? 0);
  const response = whole === null ? null : { headers: answer.headers, body: whole };
  return { outcome: answer.outcome, status: answer.status, retryAfterMs: retryAfterMs(answer.headers), response };
}

/** Takes a webhook in and tells telemetry of it. */
export async function receive(parts: Parts, endpoint: string, facts: WebhookFacts): Promise<WebhookAnswer> {
  const startedNs = parts.clock.nowNs();
  const receivedEpochMs = parts.clock.epochMs();
  const { clientAddress, ...request } = facts;
  const answer = await parts.webhooks.receive(endpoint, request);
  const trace = seedOf(facts.traceparent);
  if (trace !== null) tell(parts, endpoint, facts, answer, { trace, clientAddress, receivedEpochMs, startedNs });
  return answer;
}

function tell(
  parts: Parts,
  endpoint: string,
  facts: WebhookFacts,
  answer: WebhookAnswer,
  when: {
    readonly trace: TraceSeed;
    readonly clientAddress: string;
    readonly receivedEpochMs: number;
    readonly startedNs: number;
  },
): void {
  const { method, target, headers, body } = facts;
  const stored = storedId(answer);
  const [path = '', query = ''] = target.split('?', 2);
  const host = headerOf(headers, 'host');
  const userAgent = headerOf(headers, 'user-agent');
  parts.telemetry.receipt({
    endpoint,
    provider: parts.config.webhooks.find((webhook) => webhook.name === endpoint)?.provider ?? '',
    deliveryId: answer.status === 202 ? stored : null,
    duplicateOf: answer.status === 200 ? stored : null,
    http: { method, path, query, scheme: 'http', host, userAgent },
    status: answer.status,
    bodyBytes: body.byteLength,
    endedNs: parts.clock.nowNs(),
    ...when,
  });
}

/** Seconds or a date of `retry-after` as ms from now; `null`: not given. */
export function retryAfterMs(headers: HeaderList): number | null {
  const value = headerOf(headers, 'retry-after');
  if (value === '') return null;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : null;
}

function headerOf(headers: HeaderList, name: string): string {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]!.toLowerCase() === name) return headers[i + 1]!;
  return '';
}

/** The delivery id in an answer of the webhook door. */
function storedId(answer: WebhookAnswer): string | null {
  try {
    const { id } = JSON.parse(Buffer.from(answer.body).toString('utf8')) as { id?: unknown };
    return typeof id === 'string' ? id : null;
  } catch {
    return null;
  }
}
