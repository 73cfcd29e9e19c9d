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
      quarantine: z
        .looseObject({ state: z.string(), strikes: z.number(), nextProbe: z.string().nullable() })
        .optional(),
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
    // A column only where there is something to say.
    const fell = items.some(({ quarantine }) => stateOf(quarantine) !== '');
    const rows = items.map(({ name, version, routes, url, cron, isolates, running, quarantine }) => {
      const times = cron.map(({ schedule, timezone }) => `cron "${schedule}" ${timezone}`);
      const at = [...routes, ...(url === null ? [] : [url]), ...times].join(', ');
      const state = fell ? [stateOf(quarantine)] : [];
      return [name, String(version), String(isolates ?? ''), String(running ?? ''), ...state, at];
    });
    const head = ['FUNCTION', 'VERSION', 'ISOLATES', 'RUNNING', ...(fell ? ['STATE'] : []), 'CALLED BY'];
    terminal.out(columns(head, rows, new Set([1, 2, 3])));
    return 0;
  },
};

type Quarantine = z.infer<typeof functionsSchema>['items'][number]['quarantine'];

function stateOf(quarantine: Quarantine): string {
  if (quarantine === undefined || quarantine.state === 'ordinary') return '';
  const { state, strikes, nextProbe } = quarantine;
  return nextProbe === null ? `${state}, ${strikes} of 3 falls` : `${state}, next probe ${nextProbe}`;
}
