/** The files of a new project, as they are written. */

const CONFIG = `{
  "$schema": "./isolane.schema.json",
  "functions": {
    "hello": {
      "entry": "hello.ts",
      "routes": ["GET /hello/:name"],
      "url": true, // also at /fn/hello/
      "env": { "GREETING": "Hello" },
      "limits": { "memoryMiB": 64, "cpuMs": 50 }
    }
  }
}
`;

const FUNCTION = [
  "import type { Context } from './isolane.d.ts';",
  '',
  'interface Env {',
  '  /** Set under "env" in isolane.json. */',
  '  readonly GREETING: string;',
  '}',
  '',
  'export default {',
  '  async fetch(request: Request, env: Env, ctx: Context): Promise<Response> {',
  "    const name = ctx.params['name'] ?? new URL(request.url).searchParams.get('name') ?? 'world';",
  "    console.log('greeting', name);",
  `    return Response.json({ message: \`\${env.GREETING}, \${name}!\` });`,
  '  },',
  '};',
  '',
].join('\n');

const TEST = `// Run with: node --test
import assert from 'node:assert/strict';
import { test } from 'node:test';
import hello from './hello.ts';
import type { Context } from './isolane.d.ts';

function context(params: Record<string, string>): Context {
  return {
    invocationId: '00000000-0000-7000-8000-000000000000',
    params,
    clientAddress: '127.0.0.1',
    waitUntil: () => undefined,
    getRemainingTimeInMillis: () => 30_000,
  };
}

test('greets by the name in the route', async () => {
  const request = new Request('http://localhost/hello/Ada');
  const response = await hello.fetch(request, { GREETING: 'Hello' }, context({ name: 'Ada' }));
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { message: 'Hello, Ada!' });
});

test('greets the world', async () => {
  const response = await hello.fetch(new Request('http://localhost/'), { GREETING: 'Hi' }, context({}));
  assert.deepEqual(await response.json(), { message: 'Hi, world!' });
});
`;

const TYPES = `/** What isolane hands a function beside the web standards. */

export interface Context {
  /** UUIDv7; also the response header x-invocation-id. */
  readonly invocationId: string;
  /** Route parameters. */
  readonly params: Readonly<Record<string, string>>;
  readonly clientAddress: string;
  /** Set when the invocation is a webhook delivery. */
  readonly webhook?: Webhook;
  /** Keeps the invocation going after the response, up to limits.waitUntilMs. */
  waitUntil(promise: Promise<unknown>): void;
  getRemainingTimeInMillis(): number;
}

declare global {
  /** Two ends of a WebSocket: one is the answer to the request, \`accept()\` the other. */
  class WebSocketPair {
    readonly 0: WebSocket;
    readonly 1: WebSocket;
  }
  interface WebSocket {
    accept(): void;
  }
  interface ResponseInit {
    webSocket?: WebSocket;
  }
  interface Response {
    readonly webSocket: WebSocket | null;
  }
}

export interface Webhook {
  readonly endpoint: string;
  readonly provider: string;
  readonly deliveryId: string;
  readonly dedupKey: string;
  /** From 1. */
  readonly attempt: number;
  /** ISO 8601 UTC. */
  readonly receivedAt: string;
  readonly keyId: string;
}

/** The first argument of \`scheduled(event, env, ctx)\`. */
export interface ScheduledEvent {
  readonly cron: string;
  /** Epoch milliseconds. */
  readonly scheduledTime: number;
}

/** An entry of "services": another function, called without the network. */
export interface Service {
  fetch(input: Request | string | URL, init?: RequestInit): Promise<Response>;
}
`;

const IGNORED = 'node_modules/\n.isolane/\n';

/** File name → text. `schema`: the JSON Schema that editors complete isolane.json with. */
export function projectFiles(name: string, schema: string): ReadonlyMap<string, string> {
  const scripts = { dev: 'isolane dev', start: 'isolane serve', test: 'node --test' };
  const manifest = { name, private: true, type: 'module', scripts };
  return new Map([
    ['isolane.json', CONFIG],
    ['isolane.schema.json', schema],
    ['hello.ts', FUNCTION],
    ['hello.test.ts', TEST],
    ['isolane.d.ts', TYPES],
    ['package.json', `${JSON.stringify(manifest, null, 2)}\n`],
    ['.gitignore', IGNORED],
  ]);
}
