/** Errors people can read, from the user's TypeScript to the terminal, the log and the admin plane; and never to a client. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningHost, startHost } from '../support/host.ts';

interface View {
  readonly logs: readonly { readonly level: string; readonly text: string }[];
  readonly problem: { readonly name: string; readonly message: string; readonly stack: string } | null;
}

const FAILING = `interface Row { id: number }

class StoreError extends Error {
  readonly code = 'E_STORE';
}

function read(row: Row): never {
  throw new StoreError(\`row \${row.id} is gone\`, { cause: new RangeError('id out of range') });
}

const members = () => new AggregateError([new Error('first'), new TypeError('second')], 'both failed');

export default {
  async fetch(request: Request, env: unknown, ctx: { waitUntil(promise: Promise<unknown>): void }): Promise<Response> {
    switch (new URL(request.url).pathname) {
      case '/throws':
        return read({ id: 5 });
      case '/logs':
        try {
          read({ id: 5 });
        } catch (error) {
          console.error(error);
        }
        return new Response('ok');
      case '/members':
        throw members();
      case '/object':
        throw { code: 5, why: 'no error' };
      case '/timer':
        setTimeout(() => read({ id: 6 }), 1);
        await new Promise((resolve) => setTimeout(resolve, 20));
        return new Response('ok');
      case '/rejects':
        Promise.reject(new Error('nobody waits'));
        return new Response('ok');
      case '/later':
        ctx.waitUntil(Promise.reject(new Error('afterwards', { cause: 'tired' })));
        return new Response('ok');
      case '/prints':
        console.log('stack:', new Error('printed').stack);
        return new Response('ok');
      case '/deep': {
        let error = new Error('0');
        for (let i = 1; i < 10_000; i++) error = new Error(String(i), { cause: error });
        throw error;
      }
      default:
        return new Response('ok');
    }
  },
};
`;

const project = mkdtempSync(join(tmpdir(), 'isolane-errors-'));
const file = join(project, 'isolane.json');
let host: RunningHost;

beforeAll(async () => {
  writeFileSync(join(project, 'failing.ts'), FAILING);
  writeFileSync(
    join(project, 'unloadable.ts'),
    `const limit: number = 3;\nthrow new Error('limit ' + limit + '\\u001b[2J');\nexport default {};\n`,
  );
  const functions = {
    failing: { entry: 'failing.ts', url: true },
    unloadable: { entry: 'unloadable.ts', url: true },
  };
  writeFileSync(file, JSON.stringify({ functions }));
  host = await startHost({ config: file });
});
afterAll(async () => {
  await host?.stop();
  rmSync(project, { recursive: true, force: true });
});

async function call(
  path: string,
  name = 'failing',
): Promise<View & { readonly status: number; readonly body: string }> {
  const response = await fetch(`${host.url}/fn/${name}${path}`);
  const body = await response.text();
  const id = response.headers.get('x-invocation-id') ?? '';
  for (let i = 0; i < 100; i++) {
    const found = await host.admin(`/v1/invocations/${id}`);
    if (found.ok) return { ...((await found.json()) as View), status: response.status, body };
    await sleep(20);
  }
  throw new Error(`no record of ${id}`);
}

const STORE_ERROR = [
  'StoreError: row 5 is gone',
  '    at read (failing.ts:8:9)',
  expect.stringMatching(/^ {4}at Object\.fetch \(failing\.ts:(17|20):\d+\) \{$/),
  "  code: 'E_STORE',",
  '  [cause]: RangeError: id out of range',
  '      at read (failing.ts:8:',
];
/** Columns of constructors and calls are V8's own matter. */
const lines = (text = ''): readonly string[] =>
  text.split('\n').map((line) => line.replace(/( {4}at read \(failing\.ts:8:)(?!9\)).*/, '$1'));

describe('an error of a handler', () => {
  it('is told with its place in the source, its properties and its cause', async () => {
    const { problem, status, body } = await call('/throws');
    expect(lines(problem?.stack).slice(0, 6)).toEqual(STORE_ERROR);
    expect(problem).toMatchObject({ name: 'Error', message: 'row 5 is gone' });
    expect(status).toBe(500);
    expect(body).not.toMatch(/row|failing\.ts|cause/);
  });

  it('reads the same when it is written to the console', async () => {
    const { logs } = await call('/logs');
    expect(logs).toHaveLength(1);
    expect(lines(logs[0]?.text).slice(0, 6)).toEqual(STORE_ERROR);
  });

  it('names the members of an AggregateError', async () => {
    const { problem } = await call('/members');
    expect(problem?.stack).toMatch(/^AggregateError: both failed\n {4}at members \(failing\.ts:11:\d+\)/);
    expect(problem?.stack).toMatch(/\[errors\]: \[\n {4}Error: first\n {8}at members \(failing\.ts:11:/);
    expect(problem?.stack).toContain('TypeError: second');
  });

  it('shows what was thrown when it is no error', async () => {
    expect((await call('/object')).problem).toMatchObject({ message: "{ code: 5, why: 'no error' }", stack: '' });
  });

  it('is bounded, however long the chain of causes', async () => {
    const { problem } = await call('/deep');
    expect(problem?.message).toBe('9999');
    expect(problem?.stack.length).toBeLessThan(17_000);
  });
});

describe('an error nobody handled', () => {
  it.each([
    [
      '/timer',
      /^Unhandled: StoreError: row 6 is gone\n {4}at read \(failing\.ts:8:9\)\n.*\[cause\]: RangeError: id out of range/s,
    ],
    ['/rejects', /^Unhandled: Error: nobody waits\n {4}at Object\.fetch \(failing\.ts:34:24\)$/],
    [
      '/later',
      /^waitUntil: Error: afterwards\n {4}at Object\.fetch \(failing\.ts:37:38\) \{\n {2}\[cause\]: 'tired'\n\}$/,
    ],
  ])('%s is in the log of its invocation', async (path, text) => {
    const { logs, status } = await call(path);
    expect(status).toBe(200);
    expect(logs).toEqual([expect.objectContaining({ level: 'error', text: expect.stringMatching(text) })]);
  });
});

it('maps a stack that the function prints itself', async () => {
  const { logs } = await call('/prints');
  expect(logs[0]?.text).toMatch(/^stack: Error: printed\n {4}at Object\.fetch \(failing\.ts:40:31\)$/);
});

it('tells once on stderr why a function fails to load, and nothing steers the terminal', async () => {
  const { problem, status, body } = await call('/', 'unloadable');
  const again = await fetch(`${host.url}/fn/unloadable/`);
  // It was not run again: the answer leads to the run that failed.
  const known = await host.admin(`/v1/invocations/${again.headers.get('x-invocation-id')}`);
  expect([again.status, known.status]).toEqual([500, 200]);
  const reason = /Function "unloadable" failed to load: Error: limit 3\\x1b\[2J\n {4}at unloadable\.ts:2:7\n/g;
  expect(host.stderr().match(reason)).toHaveLength(1);
  expect(problem?.stack).toBe('Error: limit 3\u001b[2J\n    at unloadable.ts:2:7');
  expect([status, body.includes('limit')]).toEqual([500, false]);
});

it('no path of this machine is in anything it said', async () => {
  const said: string[] = [host.stderr()];
  for (const path of ['/throws', '/logs', '/timer', '/rejects']) said.push(JSON.stringify(await call(path)));
  for (const text of said)
    expect(text).not.toMatch(/node_modules\/isolated-vm|\/src\/engine|sandbox\/|isolane:prelude/);
  for (const text of said) expect(text).not.toContain(project);
});

it.each([
  [
    'a syntax error',
    'export default {\n  fetch( { return 5; },\n};\n',
    /\(broken\.ts:2:\d+\)\. \[BUNDLE_FAILED\]\n\s+2 \| {3}fetch\( \{ return 5; \},\n\s+\| +\^/,
  ],
  [
    'an import that is not there',
    "import { a } from './gone.ts';\nexport default { fetch: () => a };\n",
    /Could not resolve ".\/gone\.ts" \(broken\.ts:1:19\); there is no such file\. \[BUNDLE_FAILED\]\n\s+1 \| import \{ a \} from '\.\/gone\.ts';\n\s+\| +\^+/,
  ],
])('serve refuses %s with the line and a caret', async (_, source, shown) => {
  writeFileSync(join(project, 'broken.ts'), source);
  const config = join(project, 'broken.json');
  writeFileSync(config, JSON.stringify({ functions: { broken: { entry: 'broken.ts', url: true } } }));
  const main = join(import.meta.dirname, '../../src/main.ts');
  const ports = ['--port', '0', '--admin-port', '0', '--data-dir', join(project, 'data')];
  const child = spawn(process.execPath, [main, 'serve', '--config', config, ...ports], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(stderr).toMatch(shown);
  expect(stderr).not.toContain(project);
});
