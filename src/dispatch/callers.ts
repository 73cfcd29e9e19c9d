/**
 * Invocations that begin inside the host: service bindings, webhook attempts, schedules, the admin plane. All of them
 * go through dispatch like a request from outside, with the same limits and the same record.
 */
import type { Clock } from '../contract/clock.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { newInvocationId, newSpanId } from '../contract/ids.ts';
import {
  type GuestEvent,
  type Invocation,
  isStream,
  type TraceSeed,
  type WebhookContext,
} from '../contract/invocation.ts';
import { MAX_CALL_DEPTH } from '../contract/loop.ts';
import type { Trigger } from '../contract/usage.ts';
import { Answer, type Answered } from './answer.ts';

export interface CallersPorts {
  find(name: string): FunctionVersion | undefined;
  invoke(invocation: Invocation): void;
  clientClosed(invocationId: string): void;
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
  /** Calls from function to function that led here. */
  readonly depth?: number;
}

/** Most service calls that one event from a door may lead to, however they branch: 50 calls each, 16 deep, would never end. */
const MAX_CALLS = 1000;

/** What `Callers.service` needs to know. */
export interface ServiceCall {
  readonly caller: Invocation;
  /** Name of the function that is called. */
  readonly target: string;
  readonly event: GuestEvent;
  /** Of the caller's CLIENT span. */
  readonly spanId: string;
  /** The caller gave up, or is over. */
  readonly signal: Signal;
}

/** The part of AbortSignal that is needed; dispatch has no typings of the platform's. */
interface Signal {
  addEventListener(type: 'abort', listener: () => void, options: { once: true }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** A call under way. */
export interface Called {
  readonly invocationId: string;
  readonly answer: Promise<Answered>;
}

export class Callers {
  readonly #ports: CallersPorts;
  /** Service calls so far of the event an invocation belongs to; one count for all its descendants. */
  readonly #trees: WeakMap<Invocation, { calls: number }> = new WeakMap();

  constructor(ports: CallersPorts) {
    this.#ports = ports;
  }

  /** `null`: no such function. */
  call(name: string, call: Call, tree: { calls: number } | null = null): Called | null {
    const version = this.#ports.find(name);
    if (version === undefined) return null;
    const id = newInvocationId(this.#ports.clock.epochMs());
    const answer = new Answer(id);
    const invocation: Invocation = {
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
    };
    if (tree !== null) this.#trees.set(invocation, tree);
    this.#ports.invoke(invocation);
    return { invocationId: id, answer: answer.done };
  }

  /**
   * A call of one function by another, answered as its `fetch` sees it: a child of the caller's CLIENT span, given up with
   * the caller. Rejects when there is no such function or functions call in a circle.
   */
  async service(call: ServiceCall): Promise<Answered> {
    const { target, signal } = call;
    const called = this.#begin(call);
    if (called === null) throw new Error(`service ${target} is not deployed`);
    const gone = (): void => this.#ports.clientClosed(called.invocationId);
    signal.addEventListener('abort', gone, { once: true });
    const answer = await called.answer;
    // What has been answered whole is nobody's to give up.
    if (!isStream(answer.body)) signal.removeEventListener('abort', gone);
    return answer;
  }

  #begin({ caller, target, event, spanId }: ServiceCall): Called | null {
    const depth = caller.depth + 1;
    if (depth > MAX_CALL_DEPTH)
      throw new Error(`service calls are nested more than ${MAX_CALL_DEPTH} deep: do functions call in a circle?`);
    const tree = this.#trees.get(caller) ?? { calls: 0 };
    this.#trees.set(caller, tree);
    if (tree.calls >= MAX_CALLS)
      throw new Error(`one event may lead to ${MAX_CALLS} service calls; these functions call each other more often`);
    tree.calls += 1;
    const { traceId, sampled } = caller.trace;
    const trace: TraceSeed = { traceId, spanId: newSpanId(), parentSpanId: spanId, sampled, link: null };
    const source = `service:${caller.version.spec.name}`;
    return this.call(target, { event, trigger: 'api', source, trace, depth }, tree);
  }
}
