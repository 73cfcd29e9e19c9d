/** Ports of the admin plane with a little in each, and a client that speaks as a token of every scope. */

import { type AdminPorts, createAdminApp, SCOPES, type Scope } from '../../../src/admin/admin.ts';
import type { LogItem } from '../../../src/admin/ports.ts';
import { SINGLE } from '../../../src/contract/host-wire.ts';
import type { QuarantineView } from '../../../src/contract/quarantine.ts';
import type { DeliveryRow, RecordQuery, StoredRecord, UsageQuery } from '../../../src/contract/store.ts';
import { aRecord, aVersion, TRACE_ID } from '../telemetry/story.ts';

export const INVOCATION_ID = '019aa000-0000-7000-8000-000000000001';
export const TOKEN = `iso_${'a'.repeat(43)}`;

export function aDelivery(changes: Partial<DeliveryRow> = {}): DeliveryRow {
  return {
    id: '019aa000-0000-7000-8000-00000000000d',
    endpoint: 'gh',
    provider: 'github',
    dedupKey: 'k',
    keyId: 'k1',
    receivedAt: '2026-11-20T10:00:00.000Z',
    method: 'POST',
    target: '/hooks/gh',
    headers: ['content-type', 'application/json', 'X-Hub-Signature-256', 'sha256=feed', 'authorization', 'Basic x'],
    body: new TextEncoder().encode('{"ok":true}'),
    traceparent: `00-${TRACE_ID}-b7ad6b7169203331-00`,
    state: 'succeeded',
    attempts: 1,
    maxAttempts: 8,
    dueAtMs: 1_763_632_800_000,
    lastOutcome: 'ok',
    lastStatus: 200,
    ...changes,
  };
}

const ORDINARY: QuarantineView = { state: 'ordinary', strikes: 0, since: null, nextProbe: null, reason: null };
const CLOSED: QuarantineView = {
  state: 'quarantined',
  strikes: 3,
  since: '2026-01-01T00:00:00.000Z',
  nextProbe: '2026-01-01T00:01:00.000Z',
  reason: 'function `hello` brought its engine down',
};

export interface Asked {
  readonly records: RecordQuery[];
  readonly usage: UsageQuery[];
  readonly deliveries: unknown[];
  readonly traces: unknown[];
  readonly invoked: { readonly name: string; readonly body: string; readonly headers: readonly string[] }[];
  readonly faults: unknown[];
  readonly lifted: string[];
  readonly logs: unknown[];
  readonly followers: Set<(item: LogItem) => void>;
}

export function fakePorts(changes: Partial<AdminPorts> = {}): { readonly ports: AdminPorts; readonly asked: Asked } {
  const asked: Asked = {
    records: [],
    usage: [],
    deliveries: [],
    traces: [],
    invoked: [],
    faults: [],
    lifted: [],
    logs: [],
    followers: new Set(),
  };
  const stored: StoredRecord = { ...aRecord(), seq: 1 };
  const ports: AdminPorts = {
    adminHost: '127.0.0.1',
    standing: () => SINGLE,
    functions: () => [
      {
        version: aVersion('hello', 3),
        isolates: 2,
        running: 1,
        realm: '',
        quarantine: asked.lifted.length > 0 ? ORDINARY : CLOSED,
      },
    ],
    lift: (version) => void asked.lifted.push(version.spec.name),
    invoke: async (name, body, headers) => {
      asked.invoked.push({ name, body: new TextDecoder().decode(body), headers });
      const answer = new TextEncoder().encode('<script>alert(1)</script>');
      const answered = ['content-type', 'text/html', 'set-cookie', 'a=b'];
      return {
        invocationId: INVOCATION_ID,
        outcome: 'ok',
        status: 201,
        headers: answered,
        body: answer,
        problem: null,
      };
    },
    ledger: {
      query: async (query) => {
        asked.usage.push(query);
        return [];
      },
      records: async (query) => {
        asked.records.push(query);
        return { items: [stored], nextCursor: 'next' };
      },
      record: async (id) => (id === INVOCATION_ID ? stored : null),
    },
    inbox: {
      list: async (query) => {
        asked.deliveries.push(query);
        return { items: [aDelivery()], nextCursor: null };
      },
      get: async (id) => (id === aDelivery().id ? aDelivery() : null),
    },
    recent: {
      invocation: (id) =>
        id === INVOCATION_ID
          ? {
              traceId: TRACE_ID,
              spans: [{ name: 'GET /hello/:who' }],
              logs: [{ level: 'info', text: 'hi', epochMs: 1 }],
              problem: null,
              warnings: ['cpuMs'],
            }
          : null,
      traces: (query) => {
        asked.traces.push(query);
        return { items: [{ traceId: TRACE_ID }], nextCursor: null };
      },
      trace: (id) => (id === TRACE_ID ? { resourceSpans: [] } : null),
      strays: () => [],
      logs: (query) => {
        asked.logs.push(query);
        return {
          items: [{ level: 'info', text: 'hi', epochMs: 1, function: 'hello', invocationId: null }],
          nextCursor: null,
        };
      },
      follow: (tell) => {
        asked.followers.add(tell);
        return () => void asked.followers.delete(tell);
      },
    },
    stats: () => ({ isolates: 2 }),
    metricsText: async () => '# TYPE up gauge\nup 1\n',
    health: () => ({ live: true, ready: true, reasons: [] }),
    verifyToken: (token) => (token === TOKEN ? SCOPES : null),
    fault: (error) => asked.faults.push(error),
    ...changes,
  };
  return { ports, asked };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** `undefined` where it is no JSON. */
  readonly json: unknown;
}

export type Client = (path: string, init?: RequestInit) => Promise<Answer>;

/** Speaks to `ports` over `app.request()`; a header of `init` replaces a default one, empty removes it. */
export function clientOf(ports: AdminPorts): Client {
  const app = createAdminApp(ports);
  return async (path, init = {}) => {
    const headers = new Headers({ host: '127.0.0.1:8788', authorization: `Bearer ${TOKEN}` });
    for (const [name, value] of new Headers(init.headers)) {
      if (value === '') headers.delete(name);
      else headers.set(name, value);
    }
    const response = await app.request(path, { ...init, headers });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined };
  };
}

export function withScopes(...scopes: Scope[]): Client {
  return clientOf(fakePorts({ verifyToken: (token) => (token === TOKEN ? scopes : null) }).ports);
}

export function messageOf(answer: Answer): string {
  return (answer.json as { error: { message: string } }).error.message;
}

export function codeOf(answer: Answer): string {
  return (answer.json as { error: { code: string } }).error.code;
}
