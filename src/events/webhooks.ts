/**
 * Receives webhooks and runs them: verify over the exact bytes, store with fsync, answer, then invoke with retries.
 * Never answers 2xx for what is not on disk, never lets the answer wait for user code unless the endpoint is `sync`.
 * Knows neither HTTP servers nor functions: a door hands requests in, `invoke` runs attempts.
 */
import type { Clock } from '../contract/clock.ts';
import type { WebhookSpec } from '../contract/config.ts';
import { HostError } from '../contract/errors.ts';
import { newInvocationId } from '../contract/ids.ts';
import type { HeaderList, WebhookContext } from '../contract/invocation.ts';
import type { AttemptResult, Delivery, DeliveryRow, Inbox } from '../contract/store.ts';
import { type AttemptAnswer, afterAttempt } from './retry.ts';
import { Runner } from './runner.ts';
import { type Refusal, verifyWebhook } from './verify.ts';

/** One attempt to run. */
export interface DeliveryAttempt {
  readonly function: string;
  readonly delivery: Delivery;
  /** For `ctx.webhook`; `attempt` counts from 1. */
  readonly context: WebhookContext;
}

export interface WebhookResponse {
  readonly headers: HeaderList;
  readonly body: Uint8Array;
}

export interface InvokeAnswer extends AttemptAnswer {
  /** What the function answered, for `mode: "sync"`; `null`: no head was sent. */
  readonly response: WebhookResponse | null;
}

export interface WebhookRequest {
  /** Upper case. */
  readonly method: string;
  /** Path and query as received. */
  readonly target: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
  /** Of the receipt's own span. */
  readonly traceparent: string;
}

export interface WebhookAnswer extends WebhookResponse {
  readonly status: number;
}

export type Receipt = 'accepted' | 'duplicate' | 'unstored' | 'stopping' | 'unknown' | 'method' | 'size' | Refusal;

export interface WebhooksOptions {
  readonly inbox: Inbox;
  readonly clock: Clock;
  /** The endpoints as they are now; asked each time, so a reload takes effect. */
  readonly specs: () => readonly WebhookSpec[];
  /** Runs one attempt to its end. A rejection counts as the host's fault. */
  readonly invoke: (attempt: DeliveryAttempt) => Promise<InvokeAnswer>;
  /** 0 ≤ n < 1, for jitter. */
  readonly random: () => number;
  /** Attempts at once; default 16. */
  readonly concurrency?: number;
  /** Told about every request and why it was refused; never about secrets or bodies. */
  readonly onReceipt?: (endpoint: string, receipt: Receipt, deliveryId: string | null) => void;
}

const HOUR_MS = 3_600_000;
const FINISH_RETRY_MS = 1_000;
const HOST_FAULT: InvokeAnswer = { outcome: 'aborted', status: 503, retryAfterMs: null, response: null };

export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #runner: Runner;
  /** Sync-mode work; it takes no slot of the runner, its bound is the function's own. */
  readonly #sync: Set<Promise<void>> = new Set();
  #stopped = false;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    const { inbox, clock, concurrency = 16 } = options;
    this.#runner = new Runner({ inbox, clock, concurrency, attempt: (row) => this.#attempt(row) });
  }

  start(): void {
    this.#runner.start();
  }

  /** Accepts nothing more, finishes what runs; the rest stays in the inbox. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#runner.stop();
    while (this.#sync.size > 0) await Promise.all(this.#sync);
  }

  /** Something in the inbox may have become due by another hand (a replay). */
  wake(): void {
    this.#runner.wake();
  }

  /** What can be refused before a body is read; `null`: read up to `limitBytes(endpoint)` and call `receive`. */
  refuse(endpoint: string, method: string, contentLength: number | null): WebhookAnswer | null {
    const spec = this.#spec(endpoint);
    if (spec === undefined) return this.#say(endpoint, 'unknown');
    if (method !== 'POST') return this.#say(endpoint, 'method');
    if (contentLength !== null && contentLength > spec.maxBodyBytes) return this.#say(endpoint, 'size');
    return this.#stopped ? this.#say(endpoint, 'stopping') : null;
  }

  /** `null`: no such endpoint. */
  limitBytes(endpoint: string): number | null {
    return this.#spec(endpoint)?.maxBodyBytes ?? null;
  }

  /** The answer to a body that outgrew the limit while it was read. */
  tooLarge(endpoint: string): WebhookAnswer {
    return this.#say(endpoint, 'size');
  }

  async receive(endpoint: string, request: WebhookRequest): Promise<WebhookAnswer> {
    const refusal = this.refuse(endpoint, request.method, request.body.length);
    const spec = this.#spec(endpoint);
    if (refusal !== null || spec === undefined) return refusal ?? this.#say(endpoint, 'unknown');
    const nowMs = this.#options.clock.epochMs();
    const verdict = verifyWebhook(spec, request.headers, request.body, nowMs);
    if (!verdict.ok) return this.#say(endpoint, verdict.reason);
    const delivery: Delivery = {
      id: newInvocationId(nowMs),
      endpoint,
      provider: spec.provider,
      dedupKey: verdict.dedupKey,
      keyId: verdict.keyId,
      receivedAt: new Date(nowMs).toISOString(),
      method: request.method,
      target: request.target,
      headers: request.headers,
      body: request.body,
      traceparent: request.traceparent,
    };
    if (spec.mode === 'async') return this.#store(spec, delivery);
    const answer = this.#runNow(spec, delivery);
    this.#hold(answer);
    return answer;
  }

  /** Async mode. With a slot free the first attempt begins as soon as the row is on disk, without another look-up. */
  async #store(spec: WebhookSpec, delivery: Delivery): Promise<WebhookAnswer> {
    const running = this.#runner.hasRoom;
    const accepted = this.#accept(spec, delivery, spec.attempts, running);
    if (running) this.#runner.track(accepted.then((answer) => this.#first(answer, delivery, spec.attempts)));
    const answer = await accepted;
    if (!running) this.#runner.wake();
    return answer ?? json(202, { id: delivery.id });
  }

  async #first(answer: WebhookAnswer | null, delivery: Delivery, maxAttempts: number): Promise<void> {
    if (answer === null) await this.#attempt(running(delivery, maxAttempts));
  }

  /** Sync mode: one attempt, whose response is the answer. Retries are the sender's: a failure leaves it `dead`. */
  async #runNow(spec: WebhookSpec, delivery: Delivery): Promise<WebhookAnswer> {
    const answer = await this.#accept(spec, delivery, 1, true);
    if (answer !== null) return answer;
    const result = await this.#invoke(spec, running(delivery, 1));
    const { state } = this.#judge(result, running(delivery, 1));
    const { outcome, status, response } = result;
    const final = state === 'succeeded' ? 'succeeded' : 'dead';
    this.#hold(this.#finish(delivery.id, { state: final, retryAtMs: null, outcome, status }));
    return { status, headers: response?.headers ?? [], body: response?.body ?? new Uint8Array() };
  }

  #hold(work: Promise<unknown>): void {
    const done = work.then(
      () => void this.#sync.delete(done),
      () => void this.#sync.delete(done),
    );
    this.#sync.add(done);
  }

  /** `null`: it is on disk and new; otherwise the answer to give instead. */
  async #accept(
    spec: WebhookSpec,
    delivery: Delivery,
    maxAttempts: number,
    running: boolean,
  ): Promise<WebhookAnswer | null> {
    const { inbox } = this.#options;
    const { endpoint, id } = delivery;
    try {
      const dedupMs = spec.dedupHours * HOUR_MS;
      const { duplicateOf } = await inbox.accept(delivery, { maxAttempts, dedupMs, running });
      if (duplicateOf === null) {
        this.#options.onReceipt?.(endpoint, 'accepted', id);
        return null;
      }
      this.#options.onReceipt?.(endpoint, 'duplicate', duplicateOf);
      return json(200, { duplicate: true, id: duplicateOf });
    } catch {
      return this.#say(endpoint, 'unstored');
    }
  }

  async #attempt(row: DeliveryRow): Promise<void> {
    const spec = this.#spec(row.endpoint);
    const answer: AttemptAnswer =
      spec === undefined ? { outcome: 'not_found', status: 404, retryAfterMs: null } : await this.#invoke(spec, row);
    const result = this.#judge(answer, row);
    await this.#finish(row.id, result);
    if (result.state === 'ready') this.#runner.wake();
  }

  async #invoke(spec: WebhookSpec, row: DeliveryRow): Promise<InvokeAnswer> {
    const { endpoint, provider, id, dedupKey, receivedAt, keyId } = row;
    const context = { endpoint, provider, deliveryId: id, dedupKey, attempt: row.attempts, receivedAt, keyId };
    try {
      return await this.#options.invoke({ function: spec.function, delivery: row, context });
    } catch {
      return HOST_FAULT;
    }
  }

  #judge(answer: AttemptAnswer, { attempts, maxAttempts, receivedAt }: DeliveryRow): AttemptResult {
    const { clock, random } = this.#options;
    const nowMs = clock.epochMs();
    const ageMs = nowMs - Date.parse(receivedAt);
    return afterAttempt(answer, { attempt: attempts, maxAttempts, nowMs, chance: random(), ageMs });
  }

  /** Until it is written, or the host stops: then the next one finds the attempt interrupted. */
  async #finish(id: string, result: AttemptResult): Promise<void> {
    const { inbox, clock } = this.#options;
    for (;;) {
      try {
        await inbox.finish(id, result);
        return;
      } catch (error) {
        // A HostError is final: the delivery is not running any more, or the inbox is closed.
        if (this.#stopped || error instanceof HostError) return;
        await new Promise<void>((resolve) => void clock.after(FINISH_RETRY_MS, resolve));
      }
    }
  }

  #spec(endpoint: string): WebhookSpec | undefined {
    return this.#options.specs().find((spec) => spec.name === endpoint);
  }

  #say(endpoint: string, receipt: Exclude<Receipt, 'accepted' | 'duplicate'>): WebhookAnswer {
    this.#options.onReceipt?.(endpoint, receipt, null);
    return refusalOf(receipt);
  }
}

function running(delivery: Delivery, maxAttempts: number): DeliveryRow {
  const dueAtMs = Date.parse(delivery.receivedAt);
  return { ...delivery, state: 'running', attempts: 1, maxAttempts, dueAtMs, lastOutcome: null, lastStatus: null };
}

/** Fixed texts: a forger learns nothing about how close he came. */
function refusalOf(receipt: Exclude<Receipt, 'accepted' | 'duplicate'>): WebhookAnswer {
  switch (receipt) {
    case 'unknown':
      return failure(404, 'not_found', 'No webhook endpoint answers here.');
    case 'method':
      return failure(405, 'method_not_allowed', 'A webhook is sent with POST.', ['allow', 'POST']);
    case 'size':
      return failure(413, 'payload_too_large', 'The body is larger than the limit (maxBodyBytes).', [
        'connection',
        'close',
      ]);
    case 'header':
    case 'timestamp':
    case 'signature':
      return failure(401, 'unauthorized', 'The webhook signature is missing or does not verify.');
    case 'secret':
      return failure(503, 'unavailable', 'The endpoint has no secret yet; try again later.', ['retry-after', '60']);
    case 'unstored':
      return failure(503, 'unavailable', 'The event could not be stored; try again shortly.', ['retry-after', '5']);
    case 'stopping':
      return failure(503, 'unavailable', 'The host is shutting down; try again shortly.', ['retry-after', '5']);
    default:
      return receipt satisfies never;
  }
}

function failure(status: number, code: string, message: string, headers: HeaderList = []): WebhookAnswer {
  return json(status, { error: { code, message } }, headers);
}

function json(status: number, value: unknown, headers: HeaderList = []): WebhookAnswer {
  const body = new TextEncoder().encode(JSON.stringify(value));
  return { status, headers: ['content-type', 'application/json', ...headers], body };
}
