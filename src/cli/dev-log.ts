/**
 * What `isolane dev` tells of each invocation: the request and how it went, what it wrote to the console, errors with
 * their place in the source, limits that are nearly used up. An observer: it sees what is over and changes nothing.
 */
import type { GuestProblem, LogLine } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import type { Invocation } from '../contract/invocation.ts';
import { LIMIT_RULES, type LimitUse, limitSentence } from '../contract/limits.ts';
import type { InvocationStory, Observer } from '../contract/observer.ts';
import { OUTCOMES, type Unstarted } from '../contract/outcome.ts';
import { lines, printable, problemText } from './problem-text.ts';

/** One event: its fields for `--json`, its text for people. */
export type Say = (event: string, fields: Readonly<Record<string, unknown>>, text: string) => void;

const NS_PER_MS = 1e6;

export class DevLog implements Observer {
  readonly #say: Say;

  constructor(say: Say) {
    this.#say = say;
  }

  settled(story: InvocationStory): void {
    const { invocation, record, logs, problem } = story;
    const { function: name, invocationId, outcome, status, cold, trigger } = record;
    for (const line of logs) this.#console(invocation.version, line, invocationId);
    const ms = round((story.endedNs - invocation.acceptedNs) / NS_PER_MS);
    const cpuMs = round(record.cpuNs / NS_PER_MS);
    const what = title(invocation);
    const end = outcome === 'ok' ? String(status) : `${status} ${outcome}`;
    const fields = { function: name, invocationId, trigger, what, status, outcome, ms, cpuMs, cold };
    this.#say('request', fields, `${name}  ${what} → ${end} in ${ms} ms (CPU ${cpuMs} ms${cold ? ', cold' : ''})`);
    // Why a function fails to load is the host's to tell, once.
    if (outcome !== 'ok' && outcome !== 'init_error') this.#failure(story, problem);
    for (const use of story.limits) {
      const { limit } = use;
      const text = use.reached ? limitSentence(name, use) : nearly(use);
      // What ended it has just been told.
      if (problem?.message === text) continue;
      this.#say('warning', { function: name, invocationId, limit }, `${name}  warning: ${text}`);
    }
  }

  shed(version: FunctionVersion, reason: Unstarted): void {
    const { name } = version.spec;
    this.#say('refused', { function: name, reason }, `${name}  refused: ${reason}`);
  }

  stray(version: FunctionVersion, line: LogLine): void {
    this.#console(version, line, null);
  }

  #console({ spec }: FunctionVersion, { level, text }: LogLine, invocationId: string | null): void {
    const shown = indented(`${spec.name}  ${level}: `, text);
    this.#say('console', { function: spec.name, level, text, invocationId }, shown);
  }

  #failure({ record }: InvocationStory, problem: GuestProblem | null): void {
    const { function: name, invocationId, outcome } = record;
    const message = OUTCOMES[outcome].message;
    if (problem === null && message === '') return;
    const told = problem === null ? message : problemText(problem);
    this.#say('error', { function: name, invocationId, outcome, problem }, indented(`${name}  failed: `, told));
  }
}

/** What was called, as its caller would write it. */
function title({ http, trigger, source, depth }: Invocation): string {
  if (http !== null) return printable(`${http.method} ${http.path}${http.query === '' ? '' : `?${http.query}`}`);
  return printable(depth > 0 ? `called by ${source}` : `${trigger} ${source}`);
}

function nearly({ limit, used, allowed }: LimitUse): string {
  const { max } = LIMIT_RULES[limit];
  const remedy = allowed < max ? `; raise limits.${limit} (up to ${max}) or use less` : '';
  return `${round(used)} of limits.${limit} ${allowed} is used${remedy}`;
}

function round(ms: number): number {
  return ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms);
}

/** Lines after the first stand under it. */
export function indented(head: string, text: string): string {
  return head + lines(text).join(`\n${' '.repeat(9)}`);
}
