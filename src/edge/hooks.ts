/**
 * The webhook door: `/hooks/<endpoint>`. Collects the sender's exact bytes under the endpoint's cap and hands them
 * over; verifying, storing and answering is the webhook port's business.
 */
import type { TraceSeed } from '../contract/invocation.ts';
import type { EdgeResponse } from './exchange.ts';
import { discardRest } from './leftover.ts';
import type { EdgePorts, WebhookAnswer } from './ports.ts';
import { type Refusal, type RefusalContext, refuse } from './refusal.ts';
import { BodyError, readWhole, type WholeRules } from './request-body.ts';
import type { RequestHead } from './request-head.ts';

const NO_BODY = new Uint8Array(0);

export interface HookVisit {
  readonly endpoint: string;
  /** Path and query as received. */
  readonly target: string;
  readonly head: RequestHead;
  readonly clientAddress: string;
}

export async function receiveHook(
  outgoing: EdgeResponse,
  visit: HookVisit,
  ports: EdgePorts,
  { door, whole }: { readonly door: RefusalContext; readonly whole: Omit<WholeRules, 'limit'> },
): Promise<void> {
  const { head, endpoint, clientAddress } = visit;
  const incoming = outgoing.req;
  const limit = ports.webhook.maxBodyBytes(endpoint);
  if (limit === null) {
    refuse(outgoing, head, 'not_found', door);
    return;
  }
  if (head.contentLength !== null && head.contentLength > limit) {
    refuse(outgoing, head, 'payload_too_large', door);
    return;
  }
  if (head.expectsContinue) outgoing.writeContinue();
  let body: Uint8Array;
  try {
    body = head.hasBody ? await readWhole(incoming, { ...whole, limit }) : NO_BODY;
  } catch (error) {
    refuse(outgoing, head, refusalOf(error), door);
    return;
  }
  try {
    const seed = ports.seed(head.traceparent, clientAddress);
    const facts = { method: incoming.method ?? '', target: visit.target, headers: head.headers };
    const answer = await ports.webhook.receive(endpoint, {
      ...facts,
      body,
      traceparent: traceparentOf(seed),
      clientAddress,
    });
    write(outgoing, answer, door);
  } catch (error) {
    // The sender keeps the event and tries again: that is what a 503 tells it.
    ports.fault?.(error);
    refuse(outgoing, head, 'unavailable', door);
  }
}

export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof BodyError)) return 'internal_error';
  const { code } = error;
  return code === 'client_closed' || code === 'response_sent' ? 'bad_request' : code;
}

function write(outgoing: EdgeResponse, answer: WebhookAnswer, door: RefusalContext): void {
  if (outgoing.destroyed) return;
  const length = typeof answer.body === 'string' ? Buffer.byteLength(answer.body) : answer.body.byteLength;
  const headers = [...answer.headers, 'content-length', String(length)];
  if (door.closing) headers.push('connection', 'close');
  outgoing.writeHead(answer.status, headers);
  outgoing.end(answer.body);
  discardRest(outgoing.req, outgoing, door.clock, door.lingerMs);
}

function traceparentOf(seed: TraceSeed): string {
  return `00-${seed.traceId}-${seed.spanId}-${seed.sampled ? '01' : '00'}`;
}
