/**
 * `/v1/deliveries`: the webhook inbox. Lists carry no bodies or headers; a single delivery shows both, without the
 * values that authenticate its sender and with at most 256 KiB of body.
 */
import { Hono } from 'hono';
import { HostError } from '../contract/errors.ts';
import type { HeaderList } from '../contract/invocation.ts';
import type { DeliveryRow, DeliveryState } from '../contract/store.ts';
import { readable } from './functions.ts';
import { type AdminEnv, needs } from './guard.ts';
import type { AdminPorts } from './ports.ts';
import { cursorField, limitField, nameField, oneOf, readQuery } from './query.ts';

const MAX_BODY_BYTES = 262_144;
const STATES: readonly [DeliveryState, ...DeliveryState[]] = ['ready', 'running', 'succeeded', 'dead'];
const QUERY = { endpoint: nameField, state: oneOf(STATES), limit: limitField, cursor: cursorField };
const SECRET_HEADER = /^(authorization|proxy-authorization|cookie|.*(signature|token|secret|api-?key).*)$/;

export function deliveryRoutes({ inbox }: AdminPorts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use(needs('read'));
  app.get('/', async (c) => {
    const { items, nextCursor } = await inbox.list(readQuery(c.req.url, QUERY));
    return c.json({ items: items.map(summary), nextCursor });
  });
  app.get('/:id', async (c) => {
    readQuery(c.req.url, {});
    const id = c.req.param('id').slice(0, 64);
    const row = await inbox.get(id);
    if (row === null)
      throw new HostError('NOT_FOUND', `There is no delivery \`${id}\`; \`GET /v1/deliveries\` lists them.`);
    return c.json(detail(row));
  });
  return app;
}

function summary(row: DeliveryRow): object {
  const { body: _body, headers: _headers, dueAtMs, ...rest } = row;
  return { ...rest, dueAt: new Date(dueAtMs).toISOString() };
}

function detail(row: DeliveryRow): object {
  const cut = row.body.length > MAX_BODY_BYTES;
  return {
    ...summary(row),
    headers: withoutSecrets(row.headers),
    bodyBytes: row.body.length,
    bodyCut: cut,
    ...readable(cut ? row.body.subarray(0, MAX_BODY_BYTES) : row.body),
  };
}

function withoutSecrets(headers: HeaderList): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    pairs.push([name, SECRET_HEADER.test(name.toLowerCase()) ? 'REDACTED' : (headers[at + 1] ?? '')]);
  }
  return pairs;
}
