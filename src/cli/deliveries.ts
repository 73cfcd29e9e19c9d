/** `isolane deliveries`: the webhook inbox, or one delivery with its headers and body. */
import { z } from 'zod';
import { HostError } from '../contract/errors.ts';
import { ADMIN_OPTIONS, adminClient } from './admin-client.ts';
import { columns } from './columns.ts';
import type { Command } from './command.ts';
import { lines, printable } from './problem-text.ts';

const summary = {
  id: z.string(),
  endpoint: z.string(),
  state: z.string(),
  receivedAt: z.string(),
  attempts: z.number(),
  maxAttempts: z.number(),
  lastOutcome: z.string().nullable(),
  lastStatus: z.number().nullable(),
};
const listSchema = z.looseObject({ items: z.array(z.looseObject(summary)) });
const detailSchema = z.looseObject({
  ...summary,
  headers: z.array(z.tuple([z.string(), z.string()])),
  body: z.string(),
  bodyEncoding: z.string(),
  bodyBytes: z.number(),
});

export const deliveries: Command = {
  name: 'deliveries',
  usage: '[list | show ID]',
  about: 'show the webhook inbox, or one delivery',
  words: { min: 0, max: 2 },
  options: {
    endpoint: { kind: 'text', value: 'NAME', about: 'only of this webhook' },
    state: { kind: 'text', value: 'STATE', about: 'only ready, running, succeeded or dead' },
    limit: { kind: 'count', range: { min: 1, max: 1000 }, value: 'N', about: 'so many at most (default 50)' },
    ...ADMIN_OPTIONS,
  },
  run: async (input, terminal) => {
    const [what = 'list', id] = input.words;
    if ((what !== 'list' || id !== undefined) && (what !== 'show' || id === undefined)) {
      throw new HostError('USAGE', `deliveries knows "list" and "show ID", not "${input.words.join(' ')}".`);
    }
    const client = adminClient(input, terminal);
    if (id !== undefined) {
      const found = await client.request(`/v1/deliveries/${encodeURIComponent(id)}`, detailSchema);
      terminal.out(input.json ? JSON.stringify(found) : told(found));
      return 0;
    }
    const query = new URLSearchParams({ limit: String(input.number('limit') ?? 50) });
    for (const name of ['endpoint', 'state']) {
      const value = input.text(name);
      if (value !== undefined) query.set(name, value);
    }
    const { items } = await client.request(`/v1/deliveries?${query}`, listSchema);
    if (input.json) terminal.out(JSON.stringify({ items }));
    else if (items.length === 0) terminal.out('There are no such deliveries.');
    else {
      const head = ['RECEIVED', 'ENDPOINT', 'STATE', 'ATTEMPTS', 'LAST', 'DELIVERY'];
      const rows = items.map((row) => {
        const last = row.lastOutcome === null ? '' : `${row.lastOutcome} ${row.lastStatus ?? ''}`.trim();
        return [row.receivedAt, row.endpoint, row.state, `${row.attempts}/${row.maxAttempts}`, last, row.id];
      });
      terminal.out(columns(head, rows, new Set([3])));
    }
    return 0;
  },
};

function told({ headers, body, bodyEncoding, bodyBytes, ...facts }: z.infer<typeof detailSchema>): string {
  const rows = Object.entries(facts).map(([name, value]) => `${name}: ${printable(String(value))}`);
  const heads = headers.map(([name, value]) => `  ${printable(name)}: ${printable(value)}`);
  const shown = bodyEncoding === 'text' ? lines(body).map((line) => `  ${line}`) : ['  --json has it as base64'];
  return [...rows, 'headers:', ...heads, `body, ${bodyBytes} bytes:`, ...shown].join('\n');
}
