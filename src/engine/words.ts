/** What a lane says of a load and of errors, in bounded words: nothing of a guest's leaves at full length. */
import type { GuestProblem } from '../contract/engine-port.ts';
import type { TurnBox } from '../contract/turn.ts';

/** `null` when the bundle is ready to serve, otherwise a sentence why not. */
export function readiness(box: TurnBox): string | null {
  const commands = JSON.parse(`[${box.out}]`) as { c: string; problem?: string }[];
  const ready = commands.find((command) => command.c === 'ready');
  if (ready === undefined) {
    return 'The module did not finish loading: its top-level await waits for something that only a handler may do.';
  }
  return ready.problem ?? null;
}

/** Name, message and stack of a thrown thing, as bounded strings. */
export function said(error: unknown): GuestProblem {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error).slice(0, 8192), stack: '' };
  const { name, message, stack } = error;
  return { name: cut(name, 256), message: cut(message, 8192), stack: cut(stack, 16_384) };
}

function cut(text: unknown, length: number): string {
  return typeof text === 'string' ? text.slice(0, length) : '';
}
