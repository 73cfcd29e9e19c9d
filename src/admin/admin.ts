/**
 * The admin plane (CONTRACT §5) as one Hono app; whoever composes the host serves it on its own address. Everything
 * but the console page, the guides and the two health paths needs a bearer token. It decides nothing about functions itself: what
 * it shows and does comes through `AdminPorts`.
 */
import { Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ERRORS, type ErrorCode, HostError } from '../contract/errors.ts';
import { consolePage } from './console.ts';
import { deliveryRoutes } from './delivery-routes.ts';
import { functionRoutes } from './functions.ts';
import { type AdminEnv, bearer, hostGuard, needs, securityHeaders, smallBodies } from './guard.ts';
import { guides } from './guides.ts';
import { invocationRoutes, usageRoutes } from './ledger-routes.ts';
import { logRoutes } from './log-routes.ts';
import type { AdminPorts } from './ports.ts';
import { cursorField, limitField, nameField, readQuery } from './query.ts';

const TRACES_QUERY = { function: nameField, limit: limitField, cursor: cursorField };
const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

export function createAdminApp(ports: AdminPorts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  const page = consolePage();
  const docs = guides();
  app.use(securityHeaders({ console: page.csp, guides: docs.csp }));
  app.use(hostGuard(ports.adminHost));
  app.use(bearer((token) => ports.verifyToken(token)));
  app.use(smallBodies);

  app.get('/', (c) => c.html(page.html));
  app.get('/docs', (c) => c.html(docs.page(null) ?? ''));
  app.get('/docs/:name', (c) => {
    const html = docs.page(c.req.param('name'));
    if (html === null) throw new HostError('NOT_FOUND', 'There is no such guide; `/docs` lists them.');
    return c.html(html);
  });
  app.get('/healthz', (c) => {
    const { live, reasons } = ports.health();
    return live ? c.json({ status: 'live', reasons: [] }) : c.json({ status: 'failing', reasons }, 503);
  });
  app.get('/readyz', (c) => {
    const { live, ready, reasons } = ports.health();
    const standing = ports.standing();
    return live && ready
      ? c.json({ status: 'ready', reasons: [], ...standing })
      : c.json({ status: 'unready', reasons, ...standing }, 503);
  });
  app.get('/metrics', needs('read'), async (c) => {
    return c.body(await ports.metricsText(), 200, { 'content-type': PROMETHEUS_TEXT });
  });

  app.route('/v1/functions', functionRoutes(ports));
  app.route('/v1/invocations', invocationRoutes(ports));
  app.route('/v1/usage', usageRoutes(ports));
  app.route('/v1/deliveries', deliveryRoutes(ports));
  app.route('/v1/traces', traceRoutes(ports));
  app.route('/v1/logs', logRoutes(ports));
  app.get('/v1/stats', needs('read'), (c) => {
    readQuery(c.req.url, {});
    return c.json(ports.stats());
  });

  app.notFound((c) => c.json(...errorBody('NOT_FOUND', `The admin plane has no ${c.req.method} \`${c.req.path}\`.`)));
  app.onError((error, c) => {
    if (error instanceof HostError) return c.json(...errorBody(error.code, error.message));
    ports.fault?.(error);
    return c.json(...errorBody('INTERNAL', 'The host failed to answer this; its log says why.'));
  });
  return app;
}

function traceRoutes({ recent }: AdminPorts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use(needs('read'));
  app.get('/', (c) => c.json(recent.traces(readQuery(c.req.url, TRACES_QUERY))));
  app.get('/:id', (c) => {
    readQuery(c.req.url, {});
    const id = c.req.param('id');
    if (!/^[0-9a-f]{32}$/.test(id)) {
      throw new HostError('BAD_REQUEST', 'A trace id is 32 lower-case hex digits, as records have it.');
    }
    const trace = recent.trace(id);
    if (trace !== null) return c.json(trace);
    throw new HostError(
      'NOT_FOUND',
      `No trace \`${id}\` is kept; errors, cold starts and slow calls always are, others by telemetry.sampleRatio.`,
    );
  });
  return app;
}

function errorBody(
  code: ErrorCode,
  message: string,
): [{ error: { code: ErrorCode; message: string } }, ContentfulStatusCode] {
  return [{ error: { code, message } }, ERRORS[code].status as ContentfulStatusCode];
}

export type { AdminEnv } from './guard.ts';
export type { AdminPorts, FunctionView, Health, InvokeAnswer, RecentPort, RecentView } from './ports.ts';
export { isScope, SCOPES, type Scope } from './scope.ts';
export { openTokens, type TokenInfo, type Tokens } from './tokens.ts';
