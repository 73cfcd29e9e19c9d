/** `isolane list`: the functions of a running host. */
import { z } from 'zod';
import { ADMIN_OPTIONS, adminClient } from './admin-client.ts';
import { columns } from './columns.ts';
import type { Command } from './command.ts';

const functionsSchema = z.looseObject({
  items: z.array(
    z.looseObject({
      name: z.string(),
      version: z.number(),
      routes: z.array(z.string()),
      url: z.string().nullable(),
      cron: z.array(z.looseObject({ schedule: z.string(), timezone: z.string() })).default([]),
      isolates: z.number().optional(),
      running: z.number().optional(),
    }),
  ),
});

export const list: Command = {
  name: 'list',
  usage: '[--admin-url URL]',
  about: 'list the functions of a running host',
  words: { min: 0, max: 0 },
  options: ADMIN_OPTIONS,
  run: async (input, terminal) => {
    const { items } = await adminClient(input, terminal).request('/v1/functions', functionsSchema);
    if (input.json) {
      terminal.out(JSON.stringify({ items }));
      return 0;
    }
    if (items.length === 0) {
      terminal.out('The host has no functions yet.');
      return 0;
    }
    const rows = items.map(({ name, version, routes, url, cron, isolates, running }) => {
      const times = cron.map(({ schedule, timezone }) => `cron "${schedule}" ${timezone}`);
      const at = [...routes, ...(url === null ? [] : [url]), ...times].join(', ');
      return [name, String(version), String(isolates ?? ''), String(running ?? ''), at];
    });
    terminal.out(columns(['FUNCTION', 'VERSION', 'ISOLATES', 'RUNNING', 'CALLED BY'], rows, new Set([1, 2, 3])));
    return 0;
  },
};
