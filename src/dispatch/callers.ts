/**
 * Invocations that begin inside the host: service bindings, webhook attempts, schedules, the admin plane. All of them
 * go through dispatch like a request from outside, with the same limits and the same record.
 */
import type { Clock } from '../contract/clock.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { newInvocationId, newSpanId } from '../contract/ids.ts';
import type { GuestEvent, Invocation, TraceSeed, WebhookContext } from '../contract/invocation.ts';
import type { Trigger } from '../contract/usage.ts';
import { Answer, type Answered } from './answer.ts';

export interface CallersPorts {
  find(name: string): FunctionVersion | undefined;
  invoke(invocation: Invocation): void;
  readonly clock: Clock;
}

export interface Call {
  readonly event: GuestEvent;
  readonly trigger: Trigger;
  readonly source: string;
  /** The event's id where attempts share one; otherwise the invocation's own. */
  readonly requestId?: string;
  readonly attempt?: number;
  readonly webhook?: WebhookContext;
  readonly trace: TraceSeed;
  /** Service calls that led here. */
  readonly depth?: number;
}

/** Most service calls in a row, as AWS Lambda's recursion limit. */
const MAX_DEPTH = 16;

/** A call under way. */
export interface Called {
  readonly invocationId: string;
  readonly answer: Promise<Answered>;
}

export class Callers {
  readonly #ports: CallersPorts;

  constructor(ports: CallersPorts) {
    this.#ports = ports;
  }

  /** `null`: no such function. */
  call(name: string, call: Call): Called | null {
    const version = this.#ports.find(name);
    if (version === undefined) return null;
    const id = newInvocationId(this.#ports.clock.epochMs());
    const answer = new Answer(id);
    this.#ports.invoke({
      id,
      requestId: call.requestId ?? id,
      attempt: call.attempt ?? 1,
      trigger: call.trigger,
      source: call.source,
      version,
      event: call.event,
      params: {},
      clientAddress: '',
      webhook: call.webhook ?? null,
      trace: call.trace,
      http: null,
      acceptedNs: this.#ports.clock.nowNs(),
      start: null,
      depth: call.depth ?? 0,
      reply: answer,
    });
    return { invocationId: id, answer: answer.done };
  }

  /** A call of one function by another: a child of the caller's CLIENT span. Throws when functions call in a circle. */
  service(caller: Invocation, target: string, event: GuestEvent, clientSpanId: string): Called | null {
    const depth = caller.depth + 1;
    if (depth > MAX_DEPTH)
      throw new Error(`service calls are nested more than ${MAX_DEPTH} deep: do functions call in a circle?`);
    const { traceId, sampled } = caller.trace;
    const trace: TraceSeed = { traceId, spanId: newSpanId(), parentSpanId: clientSpanId, sampled, link: null };
    return this.call(target, { event, trigger: 'api', source: `service:${caller.version.spec.name}`, trace, depth });
  }
}
