/** A reply for callers inside the host (service bindings, webhooks, cron, the admin plane): a promise instead of a socket. */
import type { Body, HeaderList, Reply, ResponseHead } from '../contract/invocation.ts';
import { isStream } from '../contract/invocation.ts';
import { OUTCOMES, type Outcome, SHEDS, type Shed } from '../contract/outcome.ts';

export interface Answered {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Body;
  /** `ok`: the function's own response. */
  readonly outcome: Outcome | Shed;
}

export class Answer implements Reply {
  readonly done: Promise<Answered>;
  readonly #resolve: (answer: Answered) => void;
  readonly #invocationId: string;

  constructor(invocationId: string) {
    const { promise, resolve } = Promise.withResolvers<Answered>();
    this.done = promise;
    this.#resolve = resolve;
    this.#invocationId = invocationId;
  }

  respond(head: ResponseHead, body: Body): void {
    this.#resolve({ status: head.status, headers: head.headers, body, outcome: 'ok' });
  }

  fail(outcome: Outcome, as: string | null = this.#invocationId): void {
    const rule = OUTCOMES[outcome];
    const error = { code: outcome, message: rule.message, ...(as === null ? {} : { invocationId: as }) };
    this.#resolve(failure(rule.status ?? 500, error, rule.retryAfter ? 1 : null, outcome));
  }

  shed(reason: Shed, retryAfterSeconds: number | null = SHEDS[reason].retryAfterSeconds ?? null): void {
    const { status, message } = SHEDS[reason];
    this.#resolve(failure(status, { code: reason, message }, retryAfterSeconds, reason));
  }
}

/** Reads a body whole, at most `limitBytes`; `null` when it broke off or was longer. */
export async function wholeBody(body: Body, limitBytes: number): Promise<Uint8Array | null> {
  if (body === null) return new Uint8Array();
  if (!isStream(body)) return body;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (let chunk = await body.read(); chunk !== null; chunk = await body.read()) {
      size += chunk.byteLength;
      if (size > limitBytes) {
        body.cancel();
        return null;
      }
      chunks.push(chunk);
    }
  } catch {
    return null;
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}

function failure(status: number, error: object, retryAfterSeconds: number | null, outcome: Outcome | Shed): Answered {
  const headers = ['content-type', 'application/json'];
  if (retryAfterSeconds !== null) headers.push('retry-after', String(retryAfterSeconds));
  return { status, headers, body: new TextEncoder().encode(JSON.stringify({ error })), outcome };
}
