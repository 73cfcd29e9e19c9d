/** `isolane logs [NAME]`: what functions wrote and why they failed, as far as the host remembers; `--follow` goes on. */
import { z } from 'zod';
import { ADMIN_OPTIONS, type AdminClient, adminClient } from './admin-client.ts';
import type { Command, Terminal } from './command.ts';
import { lines } from './problem-text.ts';

const itemSchema = z.looseObject({
  at: z.string(),
  function: z.string(),
  invocationId: z.string().nullable(),
  level: z.string(),
  text: z.string(),
});
const logsSchema = z.looseObject({ items: z.array(itemSchema) });
type Item = z.infer<typeof itemSchema>;

/** Between two tries to reach a host that went away. */
const AGAIN_MS = 1000;

export const logs: Command = {
  name: 'logs',
  usage: '[NAME] [--follow]',
  about: 'show what functions wrote and why they failed',
  words: { min: 0, max: 1 },
  options: {
    follow: { kind: 'flag', about: 'go on with what they write from now on, until Ctrl-C' },
    limit: { kind: 'count', range: { min: 1, max: 1000 }, value: 'N', about: 'so many lines at most (default 50)' },
    ...ADMIN_OPTIONS,
  },
  run: async (input, terminal) => {
    const query = new URLSearchParams({ limit: String(input.number('limit') ?? 50) });
    const [name] = input.words;
    if (name !== undefined) query.set('function', name);
    const client = adminClient(input, terminal);
    const follow = input.flag('follow');
    const { items } = await client.request(`/v1/logs?${query}`, logsSchema);
    const say = (item: Item): void => terminal.out(input.json ? JSON.stringify(item) : shown(item));
    if (input.json && !follow) terminal.out(JSON.stringify({ items }));
    else for (const item of items.toReversed()) say(item);
    if (follow) await followed(client, `/v1/logs?${query}&follow=1`, say, terminal);
    else if (items.length === 0 && !input.json) terminal.err('Nothing is remembered; the host forgets when it ends.');
    return 0;
  },
};

/** A host that is replaced is found again. */
async function followed(
  client: AdminClient,
  path: string,
  say: (item: Item) => void,
  terminal: Terminal,
): Promise<void> {
  const ended = new AbortController();
  const leave = terminal.onSignal(() => ended.abort());
  const { signal } = ended;
  for (let first = true; !signal.aborted; first = false) {
    try {
      await client.follow(path, itemSchema, say, signal);
      if (!signal.aborted) terminal.err('The host ended the stream; looking for the next one.');
    } catch (error) {
      if (first) {
        leave();
        throw error;
      }
    }
    await pause(AGAIN_MS, signal);
  }
  leave();
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

/** Lines after the first stand under it. */
function shown({ at, level, function: name, text }: Item): string {
  return `${at.slice(11, 23)} ${level.padEnd(5)} ${name}  ${lines(text).join('\n    ')}`;
}
