/** `/v1/invocations` and `/v1/usage`: the ledger, with what telemetry remembers of an invocation beside its record. */
import { Hono } from 'hono';
import { HostError } from '../contract/errors.ts';
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import type { RecordQuery, UsageDimension } from '../contract/store.ts';
import { TRIGGERS, type Trigger } from '../contract/usage.ts';
import { type AdminEnv, needs } from './guard.ts';
import type { AdminPorts } from './ports.ts';
import { cursorField, type Field, limitField, nameField, oneOf, readQuery, someOf, timeField } from './query.ts';

const RECORD_QUERY = {
  function: nameField,
  outcome: oneOf(Object.keys(OUTCOMES) as [Outcome, ...Outcome[]]),
  trigger: oneOf(TRIGGERS as readonly [Trigger, ...Trigger[]]),
  from: timeField,
  to: timeField,
  limit: limitField,
  cursor: cursorField,
} satisfies Record<keyof RecordQuery, Field<unknown>>;

const DIMENSIONS: readonly [UsageDimension, ...UsageDimension[]] = [
  'function',
  'version',
  'tenant',
  'trigger',
  'outcome',
];

const USAGE_QUERY = { by: someOf(DIMENSIONS, ['function']), from: timeField, to: timeField };

export function invocationRoutes({ ledger, recent }: AdminPorts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use(needs('read'));
  app.get('/', async (c) => c.json(await ledger.records(inOrder(readQuery(c.req.url, RECORD_QUERY)))));
  app.get('/:id', async (c) => {
    readQuery(c.req.url, {});
    const id = c.req.param('id');
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
      throw new HostError('BAD_REQUEST', 'An invocation id is a lower-case UUID, as `x-invocation-id` has it.');
    }
    const record = await ledger.record(id);
    const remembered = recent.invocation(id);
    if (record === null && remembered === null) {
      throw new HostError('NOT_FOUND', `There is no invocation \`${id}\`; refused requests have none.`);
    }
    const { spans = [], logs = [], problem = null, warnings = [] } = remembered ?? {};
    return c.json({ record, spans, logs, problem, warnings });
  });
  return app;
}

export function usageRoutes({ ledger }: AdminPorts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use(needs('read'));
  app.get('/', async (c) => {
    const items = await ledger.query(inOrder(readQuery(c.req.url, USAGE_QUERY)));
    return c.json({ items, nextCursor: null });
  });
  app.get('/records', async (c) => c.json(await ledger.records(inOrder(readQuery(c.req.url, RECORD_QUERY)))));
  return app;
}

function inOrder<T extends { readonly from: string | null; readonly to: string | null }>(query: T): T {
  if (query.from !== null && query.to !== null && query.from >= query.to) {
    throw new HostError('BAD_REQUEST', `\`from\` (${query.from}) is not before \`to\` (${query.to}); swap them.`);
  }
  return query;
}
