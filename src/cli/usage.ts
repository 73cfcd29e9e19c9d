/** `isolane usage`: sums over the ledger of a running host. Integers as they are recorded; nothing is rounded twice. */
import { z } from 'zod';
import { HostError } from '../contract/errors.ts';
import { didYouMean } from '../contract/nearest.ts';
import type { UsageDimension, UsageGroup } from '../contract/store.ts';
import { ADMIN_OPTIONS, adminClient } from './admin-client.ts';
import { columns, csv } from './columns.ts';
import type { Command, Input } from './command.ts';

const DIMENSIONS: readonly UsageDimension[] = ['function', 'version', 'tenant', 'trigger', 'outcome'];
const FORMATS: readonly string[] = ['table', 'json', 'csv'];

const digits = z.string().regex(/^\d+$/);
const groupSchema: z.ZodType<UsageGroup> = z.looseObject({
  key: z.partialRecord(z.enum(['function', 'version', 'tenant', 'trigger', 'outcome']), z.string()),
  invocations: z.number(),
  coldStarts: z.number(),
  billedMs: z.number(),
  cpuNs: digits,
  initNs: digits,
  runNs: digits,
  mibMs: digits,
  requestBytes: digits,
  responseBytes: digits,
});
const usageSchema = z.looseObject({ items: z.array(groupSchema) });

const SUMS = [
  'invocations',
  'coldStarts',
  'billedMs',
  'cpuNs',
  'initNs',
  'runNs',
  'mibMs',
  'requestBytes',
  'responseBytes',
] as const;

export const usage: Command = {
  name: 'usage',
  usage: '[--by function,…] [--from TIME] [--to TIME]',
  about: 'sum up what functions used: the billing ledger',
  words: { min: 0, max: 0 },
  options: {
    by: { kind: 'text', value: 'LIST', about: `any of ${DIMENSIONS.join(',')} (default function)` },
    from: { kind: 'text', value: 'TIME', about: 'ISO 8601, inclusive' },
    to: { kind: 'text', value: 'TIME', about: 'ISO 8601, exclusive' },
    format: { kind: 'text', value: 'FORMAT', about: 'table (default), json or csv' },
    ...ADMIN_OPTIONS,
  },
  run: async (input, terminal) => {
    const by = dimensions(input.text('by') ?? 'function');
    const format = formatOf(input);
    const query = new URLSearchParams({ by: by.join(',') });
    for (const name of ['from', 'to']) {
      const time = timeOf(name, input.text(name));
      if (time !== null) query.set(name, time);
    }
    const { items } = await adminClient(input, terminal).request(`/v1/usage?${query}`, usageSchema);
    if (format === 'json') {
      terminal.out(JSON.stringify({ items }));
      return 0;
    }
    const rows = items.map((group) => [
      ...by.map((name) => group.key[name] ?? ''),
      ...SUMS.map((name) => String(group[name])),
    ]);
    const head = [...by, ...SUMS];
    const numbers = new Set(SUMS.map((_, index) => by.length + index));
    terminal.out(format === 'csv' ? csv(head, rows) : columns(head, rows, numbers));
    return 0;
  },
};

function dimensions(text: string): readonly UsageDimension[] {
  return text.split(',').map((part) => {
    const found = DIMENSIONS.find((name) => name === part.trim());
    if (found !== undefined) return found;
    throw new HostError(
      'USAGE',
      `--by has "${part}", which is no dimension${didYouMean(part, DIMENSIONS, `; use ${DIMENSIONS.join(', ')}.`)}`,
    );
  });
}

function formatOf(input: Input): string {
  const format = input.text('format');
  if (format === undefined) return input.json ? 'json' : 'table';
  if (FORMATS.includes(format)) return format;
  throw new HostError(
    'USAGE',
    `--format is "${format}", which is no format${didYouMean(format, FORMATS, `; use ${FORMATS.join(', ')}.`)}`,
  );
}

/** Full ISO 8601 UTC; a date alone begins at midnight UTC. */
function timeOf(name: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  const time = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)
    ? new Date(text)
    : new Date(Number.NaN);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new HostError(
    'USAGE',
    `--${name} is "${text}", but must be a time such as "2026-11-01" or "2026-11-01T08:00:00Z".`,
  );
}
