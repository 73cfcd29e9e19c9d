/**
 * `/v1/functions`: what runs, calling one, and lifting its quarantine. Shows names of environment variables, never values, and no path of this
 * machine. The answer of an invocation is wrapped in JSON: a function's own headers or HTML must not come from the
 * origin of the console, whose token they could read.
 */
import { Hono } from 'hono';
import { HostError } from '../contract/errors.ts';
import type { FunctionSpec, FunctionVersion } from '../contract/function.ts';
import type { HeaderList } from '../contract/invocation.ts';
import { nearest } from '../contract/nearest.ts';
import { OUTCOMES, type Outcome } from '../contract/outcome.ts';
import type { AdminEnv } from './guard.ts';
import { needs } from './guard.ts';
import { lambdaFailure } from './lambda-failure.ts';
import type { AdminPorts, FunctionView, InvokeAnswer } from './ports.ts';
import { readQuery } from './query.ts';

/** Of the caller's headers, what the function may see: never the admin plane's own credentials. */
const FORWARDED_HEADERS: readonly string[] = ['content-type', 'accept', 'user-agent'];

export function functionRoutes(ports: AdminPorts): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.get('/', needs('read'), (c) => {
    readQuery(c.req.url, {});
    return c.json({ items: ports.functions().map(summary), nextCursor: null });
  });
  app.get('/:name', needs('read'), (c) => {
    readQuery(c.req.url, {});
    const view = find(ports, c.req.param('name'));
    return c.json({ ...detail(view), strays: ports.recent.strays(view.version.spec.name) });
  });
  app.delete('/:name/quarantine', needs('deploy'), (c) => {
    readQuery(c.req.url, {});
    const { version } = find(ports, c.req.param('name'));
    ports.lift(version);
    return c.json(summary(find(ports, version.spec.name)));
  });
  app.post('/:name/invoke', needs('invoke'), async (c) => {
    readQuery(c.req.url, {});
    const { version } = find(ports, c.req.param('name'));
    const body = new Uint8Array(await c.req.arrayBuffer());
    const headers: HeaderList = FORWARDED_HEADERS.flatMap((name) => {
      const value = c.req.header(name);
      return value === undefined ? [] : [name, value];
    });
    const answer = await ports.invoke(version.spec.name, body, headers);
    if (answer.invocationId !== null) c.header('x-invocation-id', answer.invocationId);
    return c.json(wrapped(version.spec, answer));
  });
  return app;
}

function find(ports: AdminPorts, name: string): FunctionView {
  const views = ports.functions();
  const view = views.find(({ version }) => version.spec.name === name);
  if (view !== undefined) return view;
  const near = nearest(
    name,
    views.map(({ version }) => version.spec.name),
  );
  const remedy = near === null ? '`GET /v1/functions` lists those there are.' : `did you mean \`${near}\`?`;
  throw new HostError('NOT_FOUND', `There is no function \`${name.slice(0, 63)}\`; ${remedy}`);
}

function summary({ version, isolates, running, realm, quarantine }: FunctionView): object {
  const { spec } = version;
  return {
    name: spec.name,
    tenant: spec.tenant,
    version: version.version,
    hash: version.hash,
    handler: spec.handler.kind,
    routes: spec.routes.map(({ text }) => text),
    url: spec.url ? `/fn/${spec.name}/` : null,
    auth: spec.auth,
    cron: spec.cron,
    isolation: realm === '' ? 'shared' : 'process',
    realm,
    quarantine,
    limits: spec.limits,
    warm: spec.warm,
    reserved: spec.reserved,
    isolates,
    running,
  };
}

function detail(view: FunctionView): object {
  const { version } = view;
  const { spec }: FunctionVersion = version;
  return {
    ...summary(view),
    bundleBytes: version.bundleBytes,
    envNames: Object.keys(spec.env),
    services: spec.services,
    rate: spec.rate,
    egressAllow: spec.egressAllow,
    privateHosts: spec.privateHosts,
    idempotencyTtlHours: spec.idempotencyTtlHours,
    wasm: spec.wasm,
  };
}

function wrapped(spec: FunctionSpec, { invocationId, outcome, status, headers, body, problem }: InvokeAnswer): object {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) pairs.push([headers[at] ?? '', headers[at + 1] ?? '']);
  const answer = { invocationId, outcome, status, headers: pairs };
  // Who sends a Lambda handler an event is told of its failure in Lambda's own terms.
  if (spec.handler.kind === 'lambda' && invocationId !== null && isFailure(outcome)) {
    const failure = lambdaFailure({ outcome, problem, invocationId, spec });
    return { ...answer, body: JSON.stringify(failure), bodyEncoding: 'text', problem };
  }
  return { ...answer, ...readable(body), problem };
}

function isFailure(outcome: InvokeAnswer['outcome']): outcome is Exclude<Outcome, 'ok'> {
  return outcome !== 'ok' && outcome in OUTCOMES;
}

/** Bytes as text where they are UTF-8, else as base64. */
export function readable(body: Uint8Array): { readonly body: string; readonly bodyEncoding: 'text' | 'base64' } {
  try {
    return { body: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body), bodyEncoding: 'text' };
  } catch {
    return { body: Buffer.from(body).toString('base64'), bodyEncoding: 'base64' };
  }
}
