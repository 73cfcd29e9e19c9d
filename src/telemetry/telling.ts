/**
 * What is kept of an event until somebody asks: the facts it was told by, without the request and the way of its answer,
 * and their weight. Entries and spans are made of them on demand, the same each time.
 */
import type { InvocationStory } from '../contract/observer.ts';
import type { ReceiptFacts } from './receipt.ts';
import { receiptSpan } from './receipt.ts';
import type { LogItem, RecentEntry, Telling } from './recent.ts';
import type { SpanOrigin } from './span.ts';
import { storySpans } from './story-spans.ts';

/** Objects and ids of one event. */
const BASE_BYTES = 2048;

/** The parts of an invocation that were for its answer alone: kept, they would keep the whole request alive. */
const NO_EVENT = { kind: 'fetch', method: '', url: '', headers: [], body: null } as const;
const NO_REPLY = { respond: () => undefined, fail: () => undefined, shed: () => undefined };

export class StoryTelling implements Telling {
  readonly isTraced: boolean;
  readonly bytes: number;
  readonly #story: InvocationStory;
  readonly #origin: SpanOrigin;
  readonly #initSpanId: string;

  /** `initSpanId`: of the span that loading is told by. */
  constructor(story: InvocationStory, isTraced: boolean, origin: SpanOrigin, initSpanId: string) {
    const { invocation } = story;
    const event = invocation.event.kind === 'scheduled' ? invocation.event : NO_EVENT;
    this.#story = { ...story, invocation: { ...invocation, event, reply: NO_REPLY } };
    this.#origin = origin;
    this.#initSpanId = initSpanId;
    this.isTraced = isTraced;
    this.bytes = weigh(story);
  }

  get invocationId(): string {
    return this.#story.record.invocationId;
  }

  get traceId(): string {
    return this.#story.record.traceId;
  }

  get function(): string {
    return this.#story.record.function;
  }

  lines(): readonly LogItem[] {
    const { record, logs, problem } = this.#story;
    const { function: name, invocationId } = record;
    const items = logs.map((line): LogItem => ({ ...line, function: name, invocationId }));
    if (problem === null) return items;
    const text = problem.stack === '' ? `${problem.name}: ${problem.message}` : problem.stack;
    const epochMs = logs.at(-1)?.epochMs ?? Date.parse(record.startedAt);
    return [...items, { level: 'error', text, epochMs, function: name, invocationId }];
  }

  told(): RecentEntry {
    const story = this.#story;
    const { record, logs, problem, limits } = story;
    const spans = this.isTraced ? storySpans(story, this.#origin, this.#initSpanId) : [];
    return {
      invocationId: record.invocationId,
      traceId: record.traceId,
      name: spans[0]?.name ?? record.function,
      function: record.function,
      version: record.version,
      outcome: record.outcome,
      status: record.status,
      cold: record.cold,
      startedAt: record.startedAt,
      durationNs: story.endedNs - story.invocation.acceptedNs,
      spans,
      logs,
      problem,
      warnings: limits.map(({ limit }) => limit),
    };
  }
}

export class ReceiptTelling implements Telling {
  readonly invocationId = null;
  readonly function = null;
  readonly isTraced = true;
  readonly bytes: number;
  readonly #facts: ReceiptFacts;
  readonly #origin: SpanOrigin;

  constructor(facts: ReceiptFacts, origin: SpanOrigin) {
    this.#facts = facts;
    this.#origin = origin;
    this.bytes = BASE_BYTES + 2 * charsOf(facts.http);
  }

  get traceId(): string {
    return this.#facts.trace.traceId;
  }

  lines(): readonly LogItem[] {
    return [];
  }

  told(): RecentEntry {
    const facts = this.#facts;
    const span = receiptSpan(facts, this.#origin);
    return {
      invocationId: null,
      traceId: facts.trace.traceId,
      name: span.name,
      function: null,
      version: null,
      outcome: null,
      status: facts.status,
      cold: false,
      startedAt: new Date(facts.receivedEpochMs).toISOString(),
      durationNs: facts.endedNs - facts.startedNs,
      spans: [span],
      logs: [],
      problem: null,
      warnings: [],
    };
  }
}

/** An estimate: two bytes for each character that a stranger or a guest chose, and what objects cost. */
function weigh({ invocation, logs, problem, subrequests }: InvocationStory): number {
  let chars = invocation.http === null ? 0 : charsOf(invocation.http);
  for (const line of logs) chars += 32 + line.text.length;
  if (problem !== null) chars += problem.message.length + problem.stack.length;
  for (const { url, error } of subrequests) chars += 256 + url.length + (error?.length ?? 0);
  return BASE_BYTES + 2 * chars;
}

function charsOf(http: ReceiptFacts['http']): number {
  return http.path.length + http.query.length + http.host.length + http.userAgent.length;
}
