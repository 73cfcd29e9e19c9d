/** Guests with a Lambda handler: opened, invoked, and read from, chunk by chunk. */
import type { TurnEvent } from '../../src/contract/turn.ts';
import { type Guest, type GuestOptions, openGuest, type Turn } from './isolate.ts';

const ENV = {
  AWS_REGION: 'eu-west-1',
  _HANDLER: 'function.handler',
  AWS_LAMBDA_FUNCTION_NAME: 'thumbs',
  AWS_LAMBDA_FUNCTION_VERSION: '7',
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
  AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/thumbs',
};
export const openLambda = (code: string, options: GuestOptions = {}): Promise<Guest> =>
  openGuest(code, { lambda: 'handler', env: ENV, ...options });

export const INV: number = 100;
export const CTX = { invocationId: 'inv-100', params: {}, clientAddress: '', deadlineMs: 1_800_000_003_000 };
export const invoke = (guest: Guest, event: unknown, inv: number = INV): Turn =>
  guest.turn(
    [{ e: 'invoke', inv, body: { chunk: 0 }, ctx: CTX } as TurnEvent],
    [new TextEncoder().encode(JSON.stringify(event))],
  );
export const textOf = (turn: Turn): string => (turn.get('head').body as { text: string }).text;

/** What a streaming handler has written, asked for chunk by chunk. */
export const readAll = (guest: Guest, first: Turn): { head: Turn; text: string; last: Turn } => {
  const head = first.get('head');
  const { sid } = head.body as { sid: number };
  let text = '';
  let bytes = 0;
  let turn = first;
  for (let i = 0; i < 100 && turn.find('eof') === undefined; i++) {
    turn = guest.turn([{ e: 'pull', sid, until: bytes + 1 }]);
    for (const { chunk } of turn.all('data')) {
      text += turn.text(chunk ?? 0);
      bytes += turn.chunks[chunk ?? 0]!.byteLength;
    }
  }
  return { head: first, text, last: turn };
};
