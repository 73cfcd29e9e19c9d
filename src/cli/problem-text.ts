/** What a function's code wrote or threw, for a terminal: nothing in it steers the terminal. */
import type { GuestProblem } from '../contract/engine-port.ts';

/** The stack where there is one: it begins with name and message. */
export function problemText({ name, message, stack }: GuestProblem): string {
  return lines(stack === '' ? `${name}: ${message}` : stack).join('\n');
}

export function lines(text: string): readonly string[] {
  return text.split('\n').map(printable);
}

/** One line; line breaks in it are shown, too. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
