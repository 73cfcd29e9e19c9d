/**
 * Reads what a turn brought back. Everything here is guest-influenced: each command is checked field by field before
 * anybody acts on it, and one that does not fit ends the isolate (`ProtocolError`).
 */
import type { HeaderList } from '../contract/invocation.ts';
import type { TurnCommand, WireBody } from '../contract/turn.ts';

/** The guest's side of the wire broke its rules; the isolate cannot be trusted any more. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolError';
  }
}

/** The stream id of a body that is not sent because it is over the limit. */
export const TOO_LARGE = -1;

type Fields = Readonly<Record<string, unknown>>;

/** Parses the commands of one turn. Throws `ProtocolError`. */
export function readCommands(out: string): readonly TurnCommand[] {
  if (out === '') return [];
  const { answer, json } = splitAnswer(out);
  if (answer !== null && json === '') return [answer];
  const commands = JSON.parse(`[${json}]`) as unknown[];
  for (const command of commands) check(command);
  return answer === null ? (commands as TurnCommand[]) : [answer, ...(commands as TurnCommand[])];
}

/** `=`: what `TurnBox.out` says of a whole answer that comes first. */
const ANSWER = 0x3d;
const COMMA = 0x2c;
/** More digits than any length or invocation has. */
const MOST_DIGITS = 10;

export interface Split {
  /** The answer the turn begins with, if that has a form of its own. */
  readonly answer: Extract<TurnCommand, { c: 'head' }> | null;
  /** The other commands. */
  readonly json: string;
}

export function beginsWithAnswer(out: string): boolean {
  return out.charCodeAt(0) === ANSWER;
}

/** Throws `ProtocolError`. */
export function splitAnswer(out: string): Split {
  if (!beginsWithAnswer(out)) return { answer: null, json: out };
  const line = out.indexOf('\n');
  const first = out.indexOf(',');
  const second = out.indexOf(',', first + 1);
  const third = out.indexOf(',', second + 1);
  const hasText = out.charCodeAt(third + 1) !== 0x2d;
  const headersEnd = line + 1 + digits(out, second + 1, third);
  const end = headersEnd + (hasText ? digits(out, third + 1, line) : 0);
  if (end > out.length || (end < out.length && out.charCodeAt(end) !== COMMA))
    throw new ProtocolError('an answer is not as long as it says');
  const answer = {
    c: 'head',
    inv: digits(out, 1, first),
    status: digits(out, first + 1, second),
    headers: out.slice(line + 1, headersEnd),
    body: hasText ? { text: out.slice(headersEnd, end) } : null,
    done: true,
  } as const;
  return { answer, json: end === out.length ? '' : out.slice(end + 1) };
}

function digits(out: string, from: number, to: number): number {
  if (to <= from || to - from > MOST_DIGITS) throw new ProtocolError('an answer has a malformed number');
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = out.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) throw new ProtocolError('an answer has a malformed number');
    value = value * 10 + digit;
  }
  return value;
}

/** Splits a header list that crossed as one text. Throws `ProtocolError` when names and values do not pair up. */
export function readHeaders(text: string): HeaderList {
  if (text === '') return [];
  const list = text.split('\n');
  if (list.length % 2 !== 0) throw new ProtocolError('a header list does not pair up');
  return list;
}

/** Joins a header list for the wire. Node refuses line breaks in header values, so none can split it. */
export function wireHeaders(headers: HeaderList): string {
  let text = headers[0] ?? '';
  for (let i = 1; i < headers.length; i++) text += `\n${headers[i]}`;
  return text;
}

function check(command: unknown): void {
  if (typeof command !== 'object' || command === null) throw new ProtocolError('a command is not an object');
  const fields = command as Fields;
  switch (fields['c']) {
    case 'head':
      whole(fields, 'inv');
      whole(fields, 'status');
      text(fields, 'headers');
      body(fields['body']);
      if (fields['socket'] !== undefined) whole(fields, 'socket');
      return;
    case 'data':
      whole(fields, 'sid');
      if (fields['chunk'] !== undefined) whole(fields, 'chunk');
      else text(fields, 'text');
      return;
    case 'socket':
      checkSocket(fields);
      return;
    case 'eof':
    case 'read':
    case 'cancel':
      whole(fields, 'sid');
      return;
    case 'broken':
      whole(fields, 'sid');
      thrown(fields);
      return;
    case 'done':
      whole(fields, 'inv');
      return;
    case 'failed':
      whole(fields, 'inv');
      thrown(fields);
      return;
    case 'fetch':
      checkFetch(fields);
      return;
    case 'fetch-abort':
      whole(fields, 'id');
      return;
    case 'cache':
      checkCache(fields);
      return;
    case 'stray':
      whole(fields, 'inv');
      thrown(fields);
      return;
    case 'limit':
      whole(fields, 'inv');
      whole(fields, 'used');
      if (fields['limit'] !== 'timers' || typeof fields['reached'] !== 'boolean')
        throw new ProtocolError('a limit is unknown');
      return;
    case 'ready':
      return;
    default:
      throw new ProtocolError('a command is unknown');
  }
}

function checkSocket(fields: Fields): void {
  whole(fields, 'id');
  switch (fields['do']) {
    case 'open':
      whole(fields, 'inv');
      text(fields, 'url');
      text(fields, 'protocols');
      text(fields, 'headers');
      return;
    case 'text':
      text(fields, 'text');
      return;
    case 'bytes':
      whole(fields, 'chunk');
      return;
    case 'close':
      whole(fields, 'code');
      text(fields, 'reason');
      return;
    case 'taken':
      return;
    default:
      throw new ProtocolError('a socket command is unknown');
  }
}

function checkFetch(fields: Fields): void {
  whole(fields, 'id');
  whole(fields, 'inv');
  text(fields, 'url');
  text(fields, 'method');
  text(fields, 'headers');
  body(fields['body']);
  const redirect = fields['redirect'];
  if (redirect !== 'follow' && redirect !== 'manual' && redirect !== 'error') {
    throw new ProtocolError('a redirect mode is unknown');
  }
  if (fields['service'] !== undefined) text(fields, 'service');
}

const CACHE_OPS: ReadonlySet<unknown> = new Set(['match', 'all', 'keys', 'put', 'delete', 'has', 'drop', 'names']);

function checkCache(fields: Fields): void {
  whole(fields, 'id');
  whole(fields, 'inv');
  if (!CACHE_OPS.has(fields['op'])) throw new ProtocolError('a cache operation is unknown');
  text(fields, 'cache');
  text(fields, 'url');
  text(fields, 'method');
  text(fields, 'headers');
  whole(fields, 'options');
  const response = fields['response'];
  if (response === undefined) return;
  if (typeof response !== 'object' || response === null) throw new ProtocolError('a response is not an object');
  whole(response as Fields, 'status');
  text(response as Fields, 'statusText');
  text(response as Fields, 'headers');
  body((response as Fields)['body']);
}

function body(value: unknown): asserts value is WireBody {
  if (value === null) return;
  if (typeof value !== 'object') throw new ProtocolError('a body is not an object');
  const fields = value as Fields;
  if (fields['chunk'] !== undefined) whole(fields, 'chunk');
  else if (fields['text'] !== undefined) text(fields, 'text');
  else if (fields['pipe'] !== undefined) whole(fields, 'pipe');
  else if (fields['sid'] !== TOO_LARGE) {
    whole(fields, 'sid');
    if (fields['length'] !== null) whole(fields, 'length');
  }
}

function whole(fields: Fields, key: string): void {
  const value = fields[key];
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new ProtocolError(`${key} is not a whole number`);
}

function thrown(fields: Fields): void {
  text(fields, 'name');
  text(fields, 'message');
  text(fields, 'stack');
}

function text(fields: Fields, key: string): void {
  if (typeof fields[key] !== 'string') throw new ProtocolError(`${key} is not a text`);
}
