/**
 * One settled invocation as spans (CONTRACT §9): the merged SERVER span (CONSUMER for a webhook attempt), an INTERNAL
 * `isolate.init` when it was cold, a CLIENT span per outgoing call. Refuses raw paths as names and secrets in URLs.
 */
import { type Attributes, type HrTime, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import type { GuestProblem, SubrequestFacts } from '../contract/engine-port.ts';
import type { HttpFacts, Invocation } from '../contract/invocation.ts';
import type { LimitUse } from '../contract/limits.ts';
import type { InvocationStory } from '../contract/observer.ts';
import { MIB, NS_PER_MS } from '../contract/units.ts';
import { errorType } from './keep.ts';
import { A, OWN, SYSTEM } from './names.ts';
import { redactQuery, redactText, redactUrl } from './redact.ts';
import { knownMethod, routeOf, spanName, splitHost } from './route.ts';
import { finishedSpan, type SpanFacts, type SpanOrigin, timeline } from './span.ts';
import { faasTrigger } from './trigger.ts';

const MAX_PATH_CHARS = 2048;
const MAX_AGENT_CHARS = 512;
const MAX_MESSAGE_CHARS = 1024;
const MAX_STACK_CHARS = 8192;

type Timeline = ReturnType<typeof timeline>;

/** `initSpanId`: of the child that a cold start has. */
export function storySpans(story: InvocationStory, origin: SpanOrigin, initSpanId: string): ReadableSpan[] {
  const { invocation, record } = story;
  const at = timeline(Date.parse(record.startedAt), story.startedNs);
  const { traceId, spanId } = invocation.trace;
  const children: SpanFacts[] = [];
  if (record.cold) {
    children.push({
      name: 'isolate.init',
      kind: SpanKind.INTERNAL,
      traceId,
      spanId: initSpanId,
      parent: { spanId, remote: false },
      start: at(story.startedNs - record.initNs),
      end: at(story.startedNs),
      attributes: { [A.faasName]: record.function, [A.faasInstance]: record.isolateId },
      status: record.outcome === 'init_error' ? failure('init_error', story.problem) : OK,
      link: null,
    });
  }
  for (const facts of story.subrequests) children.push(clientSpan(facts, invocation, at));
  return [rootSpan(story, at), ...children].map((facts) => finishedSpan(facts, origin));
}

const OK: ReadableSpan['status'] = { code: SpanStatusCode.UNSET };

function failure(type: string, problem: GuestProblem | null): ReadableSpan['status'] {
  const message = problem === null ? '' : redactText(`${problem.name}: ${problem.message}`, MAX_MESSAGE_CHARS);
  return message === '' || message === type ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message };
}

function rootSpan(story: InvocationStory, at: Timeline): SpanFacts {
  const { invocation, record } = story;
  const { trace, webhook, http } = invocation;
  const attributes = faasAttributes(story);
  const error = errorType(record);
  if (error !== null) attributes[A.errorType] = error;
  if (story.problem !== null) addProblem(attributes, story.problem);
  let name = record.function;
  let kind = SpanKind.SERVER;
  if (webhook !== null) {
    name = `process ${webhook.endpoint}`;
    kind = SpanKind.CONSUMER;
    attributes[A.messagingSystem] = SYSTEM;
    attributes[A.messagingOperationName] = 'process';
    attributes[A.messagingOperationType] = 'process';
    attributes[A.messagingDestination] = webhook.endpoint;
    attributes[A.messagingMessageId] = webhook.deliveryId;
    attributes[OWN.provider] = webhook.provider;
    attributes[OWN.status] = record.status;
  } else if (http !== null) {
    const route = routeOf(record.source);
    name = spanName(http.method, route);
    addHttp(attributes, http, route);
    attributes[A.httpStatus] = record.status;
    if (invocation.clientAddress !== '') attributes[A.clientAddress] = invocation.clientAddress;
  }
  return {
    name,
    kind,
    traceId: trace.traceId,
    spanId: trace.spanId,
    parent: trace.parentSpanId === null ? null : { spanId: trace.parentSpanId, remote: true },
    start: at(invocation.acceptedNs),
    end: at(story.endedNs),
    attributes,
    status: isFailure(story, error) ? failure(error ?? '', story.problem) : OK,
    link: trace.link,
    events: story.limits.map((use) => limitEvent(use, at(story.endedNs))),
  };
}

/** When it was passed is not known: the event stands at the end, where it was seen. */
function limitEvent({ limit, used, allowed, reached }: LimitUse, time: HrTime): TimedEvent {
  const attributes = { [OWN.limit]: limit, [OWN.limitUsed]: used, [OWN.limitAllowed]: allowed };
  return { name: reached ? 'isolane.limit.reached' : 'isolane.limit.warning', time, attributes };
}

/** A server's 4xx is the client's error and leaves the status unset; one that failed a webhook attempt does not. */
function isFailure(story: InvocationStory, error: string | null): boolean {
  return error !== null && (story.invocation.webhook !== null || story.record.outcome !== 'payload_too_large');
}

function faasAttributes(story: InvocationStory): Attributes {
  const { record, invocation } = story;
  const attributes: Attributes = {
    [A.faasTrigger]: faasTrigger(record.trigger),
    [A.faasName]: record.function,
    [A.faasVersion]: String(record.version),
    [A.faasInstance]: record.isolateId,
    [A.faasMaxMemory]: record.memoryLimitMiB * MIB,
    [A.faasInvocationId]: record.invocationId,
    [A.faasColdstart]: record.cold,
    [OWN.outcome]: record.outcome,
    [OWN.billedMs]: record.billedMs,
    [OWN.cpuMs]: record.cpuNs / NS_PER_MS,
    [OWN.queueMs]: record.queueNs / NS_PER_MS,
    [OWN.tenant]: record.tenant,
    [OWN.attempt]: record.attempt,
    [OWN.subrequests]: record.subrequests,
    [A.httpRequestBodySize]: record.requestBytes,
    [A.httpResponseBodySize]: record.responseBytes,
  };
  if (record.requestId !== record.invocationId) attributes[OWN.requestId] = record.requestId;
  if (story.limits.length > 0) attributes[OWN.warnings] = story.limits.map(({ limit }) => limit);
  if (invocation.event.kind === 'scheduled') {
    attributes[A.faasCron] = invocation.event.cron;
    attributes[A.faasInvocationStartTime] = new Date(invocation.event.scheduledEpochMs).toISOString();
  }
  return attributes;
}

/** The HTTP attributes that receipt and invocation share. */
export function addHttp(attributes: Attributes, http: HttpFacts, route: string | null): void {
  const method = knownMethod(http.method);
  attributes[A.httpMethod] = method;
  if (method === '_OTHER') attributes[A.httpMethodOriginal] = http.method.slice(0, 64);
  if (route !== null) attributes[A.httpRoute] = route;
  attributes[A.urlPath] = http.path.slice(0, MAX_PATH_CHARS);
  attributes[A.urlScheme] = http.scheme;
  const query = redactQuery(http.query);
  if (query !== '') attributes[A.urlQuery] = query;
  const { address, port } = splitHost(http.host);
  if (address !== '') attributes[A.serverAddress] = address;
  if (address !== '' && port !== null) attributes[A.serverPort] = port;
  if (http.userAgent !== '') attributes[A.userAgent] = http.userAgent.slice(0, MAX_AGENT_CHARS);
}

function addProblem(attributes: Attributes, problem: GuestProblem): void {
  attributes[A.exceptionType] = problem.name.slice(0, 256);
  attributes[A.exceptionMessage] = problem.message.slice(0, MAX_MESSAGE_CHARS);
  attributes[A.exceptionStacktrace] = problem.stack.slice(0, MAX_STACK_CHARS);
}

function clientSpan(facts: SubrequestFacts, invocation: Invocation, at: Timeline): SpanFacts {
  const method = knownMethod(facts.method);
  const attributes: Attributes = { [A.httpMethod]: method };
  if (method === '_OTHER') attributes[A.httpMethodOriginal] = facts.method.slice(0, 64);
  const url = redactUrl(facts.url);
  attributes[A.urlFull] = url;
  if (facts.status > 0) attributes[A.httpStatus] = facts.status;
  let name = spanName(facts.method, null);
  if (facts.service !== null) {
    name = facts.service;
    attributes[A.faasInvokedName] = facts.service;
    attributes[A.faasInvokedProvider] = SYSTEM;
  } else if (URL.canParse(url)) {
    const { hostname, port, protocol } = new URL(url);
    attributes[A.serverAddress] = hostname;
    attributes[A.serverPort] = port !== '' ? Number(port) : protocol === 'https:' ? 443 : 80;
  }
  const failed = facts.error !== null || facts.status >= 400;
  if (failed) attributes[A.errorType] = facts.status >= 400 ? String(facts.status) : errorWord(facts.error);
  const message = facts.error === null ? '' : redactText(facts.error, MAX_MESSAGE_CHARS);
  return {
    name,
    kind: SpanKind.CLIENT,
    traceId: invocation.trace.traceId,
    spanId: facts.spanId,
    parent: { spanId: invocation.trace.spanId, remote: false },
    start: at(facts.startedNs),
    end: at(facts.endedNs),
    attributes,
    status: failed ? { code: SpanStatusCode.ERROR, ...(message === '' ? {} : { message }) } : OK,
    link: null,
  };
}

/** `error.type` has few values: a code or a class name is one, a sentence is not. */
function errorWord(error: string | null): string {
  return error !== null && /^[A-Za-z_][\w.-]{0,63}$/.test(error) ? error : '_OTHER';
}
