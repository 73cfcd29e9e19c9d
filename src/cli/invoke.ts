/** `isolane invoke NAME`: one call through the admin plane. The body goes to stdout, everything about it to stderr. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { HostError } from '../contract/errors.ts';
import { ADMIN_OPTIONS, adminClient } from './admin-client.ts';
import type { Command, Terminal } from './command.ts';
import { problemText } from './problem-text.ts';

/** Above the longest wall limit. */
const TIMEOUT_MS = 1_000_000;

const answerSchema = z.looseObject({
  invocationId: z.string().nullable(),
  outcome: z.string(),
  status: z.number(),
  body: z.string(),
  bodyEncoding: z.enum(['text', 'base64']).default('text'),
  problem: z.object({ name: z.string(), message: z.string(), stack: z.string() }).nullish(),
});

export const invoke: Command = {
  name: 'invoke',
  usage: 'NAME [--data JSON|@FILE]',
  about: 'call a function of a running host',
  words: { min: 1, max: 1 },
  options: {
    data: { kind: 'text', value: 'JSON|@FILE', about: 'the event (default {}); @- reads standard input' },
    async: { kind: 'flag', about: 'do not wait for the answer', hidden: true },
    ...ADMIN_OPTIONS,
  },
  run: async (input, terminal) => {
    const [name = ''] = input.words;
    if (input.flag('async')) {
      throw new HostError(
        'NOT_SUPPORTED',
        '--async arrives with the event queue; leave it out to wait for the answer.',
      );
    }
    const body = eventOf(input.text('data') ?? '{}', terminal);
    const path = `/v1/functions/${encodeURIComponent(name)}/invoke`;
    const answer = await adminClient(input, terminal).request(path, answerSchema, {
      method: 'POST',
      body,
      timeoutMs: TIMEOUT_MS,
    });
    if (input.json) {
      terminal.out(JSON.stringify(answer));
    } else {
      const text = answer.bodyEncoding === 'text';
      terminal.out(
        text ? answer.body : `(${Buffer.byteLength(answer.body, 'base64')} bytes; --json has them as base64)`,
      );
      terminal.err(
        `${answer.status} ${answer.outcome}${answer.invocationId === null ? '' : ` ${answer.invocationId}`}`,
      );
      if (answer.problem) terminal.err(problemText(answer.problem));
    }
    return answer.outcome === 'ok' ? 0 : 1;
  },
};

/** JSON text, checked here so that a typing error is one before anything runs. */
function eventOf(data: string, terminal: Terminal): string {
  const text = data.startsWith('@') ? readEvent(data.slice(1), terminal) : data;
  try {
    JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown reason';
    throw new HostError('USAGE', `--data is not JSON (${reason}); quote it for the shell or read it with @FILE.`, {
      cause,
    });
  }
  return text;
}

function readEvent(file: string, terminal: Terminal): string {
  try {
    return readFileSync(file === '-' ? 0 : resolve(terminal.workingDirectory, file), 'utf8');
  } catch (cause) {
    throw new HostError('USAGE', `--data names ${file}, which cannot be read; name a file that can.`, { cause });
  }
}
