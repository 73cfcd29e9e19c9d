/** `logs`, `invocation`, `trace` and `deliveries` against a real host: what a function wrote and why it failed is found from a terminal. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const FUNCTION = `export default { fetch(request: Request): Response {
  console.log('called by', new URL(request.url).search);
  throw new RangeError('too far');
} };\n`;
let directory: string;
let host: ChildProcessByStdio<null, Readable, null>;
let url: string;
let adminUrl: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isolane-observe-'));
  writeFileSync(join(directory, 'a.ts'), FUNCTION);
  writeFileSync(join(directory, 'isolane.json'), JSON.stringify({ functions: { a: { entry: 'a.ts', url: true } } }));
  const args = [MAIN, 'serve', '--single', '--json', '--port', '0', '--admin-port', '0'];
  host = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = await new Promise<string>((resolve) => host.stdout.setEncoding('utf8').once('data', resolve));
  ({ url, adminUrl } = JSON.parse(ready) as { url: string; adminUrl: string });
}, 30_000);
afterAll(async () => {
  const ended = new Promise((resolve) => host.once('close', resolve));
  host.kill('SIGTERM');
  await ended;
  rmSync(directory, { recursive: true, force: true });
});

const call = async (query: string): Promise<string> => {
  const response = await fetch(`${url}/fn/a/?${query}`);
  return response.headers.get('x-invocation-id') ?? '';
};

async function isolane(...args: string[]): Promise<string> {
  const all = [MAIN, ...args, '--admin-url', adminUrl];
  return (await promisify(execFile)(process.execPath, all, { cwd: directory })).stdout;
}

it('shows what a function wrote and why it failed, the newest last', async () => {
  await call('one');
  await call('two');
  const lines = (await isolane('logs', 'a')).split('\n');
  const heads = lines.filter((line) => /^\d\d:\d\d:\d\d\.\d{3} /.test(line)).map((line) => line.slice(13));
  expect(heads).toEqual([
    'info  a  called by ?one',
    'error a  RangeError: too far',
    'info  a  called by ?two',
    'error a  RangeError: too far',
  ]);
  expect(lines.filter((line) => line.includes('a.ts:3:9'))).toHaveLength(2);
  expect(JSON.parse(await isolane('logs', '--limit', '1', '--json'))).toMatchObject({
    items: [{ function: 'a', level: 'error', text: expect.stringContaining('too far') }],
  });
  expect(await isolane('logs', 'nobody')).toBe('');
});

it('follows the log until it is ended', async () => {
  const child = spawn(process.execPath, [MAIN, 'logs', '--follow', '--json', '--admin-url', adminUrl], {
    cwd: directory,
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  await vi.waitUntil(
    async () => {
      await call('followed');
      return stdout.includes('called by ?followed');
    },
    { timeout: 15_000, interval: 200 },
  );
  child.kill('SIGINT');
  expect(await ended).toBe(0);
});

it('shows an invocation and its trace', async () => {
  const id = await call('three');
  const text = await isolane('invocation', id);
  expect(text).toMatch(/^FAILED\n {2}RangeError: too far\n {6}at .*a\.ts:3:9/);
  expect(text).toMatch(/LOG\n.* called by \?three\n/);
  expect(text).toMatch(/outcome +function_error\n/);
  const { record } = JSON.parse(await isolane('invocation', id, '--json')) as { record: { traceId: string } };
  expect(await isolane('trace', record.traceId)).toMatch(/^ {2}GET \/fn\/a +\+0\.00 ms +[\d.]+ ms {2}failed\n$/);
});

it('shows the inbox, and refuses what it does not know', async () => {
  expect(await isolane('deliveries')).toBe('There are no such deliveries.\n');
  await expect(isolane('deliveries', 'replay', 'x')).rejects.toMatchObject({
    code: 2,
    stderr: 'isolane: deliveries knows "list" and "show ID", not "replay x". [USAGE]\n',
  });
  await expect(isolane('deliveries', '--state', 'lost')).rejects.toMatchObject({
    stderr: expect.stringContaining('give one of ready, running, succeeded, dead'),
  });
  expect(readFileSync(join(directory, '.isolane/admin-token'), 'utf8')).toMatch(/^iso_/);
});
