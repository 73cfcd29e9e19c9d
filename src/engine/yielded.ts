/**
 * What a turn brought back, as far as its lane has to understand it: who has settled, whether a bundle is ready, what was
 * thrown. Everything else in it is the main thread's to read and to check.
 */
import type { GuestProblem } from '../contract/engine-port.ts';
import type { TurnBox } from '../contract/turn.ts';
import { beginsWithAnswer, splitAnswer } from './commands.ts';
import type { Guest, Live } from './guest.ts';

export interface Yielded {
  readonly box: TurnBox;
  /** Who has settled. */
  readonly ended: readonly number[];
  readonly stray: GuestProblem | null;
}

/** Which live invocations this turn's commands say have settled. Text inside a command cannot forge the raw keys. */
export function endings(guest: Guest, inv: number, out: string): readonly number[] {
  if (guest.concurrency === 1 && beginsWithAnswer(out)) return [inv !== 0 ? inv : first(guest.live)];
  const { answer, json } = splitAnswer(out);
  if (answer === null && !json.includes('"done":true') && !json.includes('"c":"done"')) return NONE;
  if (guest.concurrency === 1) return [inv !== 0 ? inv : first(guest.live)];
  const commands = JSON.parse(`[${json}]`) as { c: string; inv?: number; done?: boolean }[];
  const ended = commands.filter((command) => command.c === 'done' || command.done === true);
  return [...(answer === null ? [] : [answer]), ...ended].map((command) => command.inv ?? 0);
}

const NONE: readonly number[] = [];

export function first(live: Map<number, Live>): number {
  return live.keys().next().value ?? 0;
}

/** `null` when the bundle is ready to serve, otherwise what kind of problem it has, and a sentence. */
export function readiness(out: string): { name: string; message: string } | null {
  const commands = JSON.parse(`[${out}]`) as { c: string; name?: string; problem?: string }[];
  const ready = commands.find((command) => command.c === 'ready');
  if (ready === undefined) {
    const message =
      'The module did not finish loading: its top-level await waits for something that only a handler may do.';
    return { name: 'InitError', message };
  }
  return ready.problem === undefined ? null : { name: ready.name ?? 'InitError', message: ready.problem };
}

/** Name, message and stack of a thrown thing, as bounded strings. */
export function said(error: unknown): { name: string; message: string; stack: string } {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error).slice(0, 8192), stack: '' };
  const { name, message, stack } = error;
  return { name: cut(name, 256), message: cut(message, 8192), stack: cut(stack, 16_384) };
}

function cut(text: unknown, length: number): string {
  return typeof text === 'string' ? text.slice(0, length) : '';
}
