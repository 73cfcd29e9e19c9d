/** `isolane invocation ID`: what became of one invocation, what it wrote, where its time went, what it cost. */
import { z } from 'zod';
import { ADMIN_OPTIONS, adminClient } from './admin-client.ts';
import type { Command } from './command.ts';
import { lines, printable, problemText } from './problem-text.ts';
import { spanSchema, spanTree } from './spans.ts';

const invocationSchema = z.looseObject({
  record: z.record(z.string(), z.unknown()).nullable(),
  spans: z.array(spanSchema),
  logs: z.array(z.looseObject({ level: z.string(), text: z.string(), epochMs: z.number() })),
  problem: z.object({ name: z.string(), message: z.string(), stack: z.string() }).nullable(),
  warnings: z.array(z.string()),
});
type Invocation = z.infer<typeof invocationSchema>;

export const invocation: Command = {
  name: 'invocation',
  usage: 'ID',
  about: 'show one invocation (x-invocation-id): outcome, log, spans, bill',
  words: { min: 1, max: 1 },
  options: ADMIN_OPTIONS,
  run: async (input, terminal) => {
    const path = `/v1/invocations/${encodeURIComponent(input.words[0] ?? '')}`;
    const found = await adminClient(input, terminal).request(path, invocationSchema);
    terminal.out(input.json ? JSON.stringify(found) : told(found));
    return 0;
  },
};

function told({ record, spans, logs, problem, warnings }: Invocation): string {
  const parts: string[] = [];
  const add = (title: string, rows: readonly string[]): void => {
    if (rows.length > 0) parts.push(`${title}\n${rows.join('\n')}`);
  };
  if (problem !== null) add('FAILED', problemText(problem).split('\n').map(inset));
  if (warnings.length > 0) add('80 % REACHED', [inset(warnings.join(', '))]);
  const written = logs.map(({ level, text, epochMs }) => {
    return `  ${new Date(epochMs).toISOString().slice(11, 23)} ${level.padEnd(5)} ${lines(text).join('\n    ')}`;
  });
  add('LOG', written);
  add('SPANS', spanTree(spans));
  const facts = Object.entries(record ?? {});
  const width = Math.max(0, ...facts.map(([name]) => name.length));
  add(
    record === null ? 'RECORD: none yet, it is running' : 'RECORD',
    facts.map(([name, value]) => inset(`${name.padEnd(width)}  ${printable(String(value))}`)),
  );
  return parts.join('\n');
}

function inset(text: string): string {
  return `  ${text}`;
}
