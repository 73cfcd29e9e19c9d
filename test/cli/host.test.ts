/** `serve` and `dev` with the real host: the ready line, a call, a reload, signals and exit codes. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
let directory: string;
let child: ChildProcessByStdio<null, Readable, Readable>;
let stdout: string;
let stderr: string;
let ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isolane-host-'));
  stdout = '';
  stderr = '';
  writeFunction('one');
  const limits = { cpuMs: 1000 };
  writeFileSync(
    join(directory, 'isolane.json'),
    JSON.stringify({ functions: { a: { entry: 'a.ts', url: true, limits } } }),
  );
});
afterEach(async () => {
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await ended;
  rmSync(directory, { recursive: true, force: true });
});

function writeFunction(answer: string): void {
  writeFileSync(join(directory, 'a.ts'), `export default { fetch: (): Response => new Response('${answer}') };\n`);
}

async function start(command: string): Promise<{ url: string; adminUrl: string; adminTokenFile: string }> {
  const args = [MAIN, command, '--json', '--port', '0', '--admin-port', '0'];
  child = spawn(process.execPath, args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })));
  await vi.waitUntil(() => stdout.includes('"ready"') || child.exitCode !== null, { timeout: 20_000 });
  expect(stderr).toBe('');
  return JSON.parse(stdout.split('\n')[0] ?? '');
}

async function running(adminUrl: string, tokenFile: string): Promise<number> {
  const headers = { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };
  const { running } = (await (await fetch(`${adminUrl}/v1/stats`, { headers })).json()) as { running: number };
  return running;
}

const answer = async (url: string) => (await fetch(`${url}/fn/a/`)).text();

it('serves, prints one ready line, keeps the token private and exits 0 on SIGTERM', async () => {
  const { url, adminUrl, adminTokenFile } = await start('serve');
  expect(await answer(url)).toBe('one');
  expect((await fetch(`${adminUrl}/v1/functions`)).status).toBe(401);
  expect(statSync(adminTokenFile).mode & 0o777).toBe(0o600);
  const headers = { authorization: `Bearer ${readFileSync(adminTokenFile, 'utf8').trim()}` };
  expect((await fetch(`${adminUrl}/v1/functions`, { headers })).status).toBe(200);
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 0, signal: null });
  expect(stdout.split('\n')).toHaveLength(2);
});

it('reloads a save in dev, and serves the old code when the new one does not bundle', async () => {
  const { url } = await start('dev');
  expect(await answer(url)).toBe('one');
  writeFunction('two');
  await vi.waitUntil(() => stdout.includes('"reloaded"'), { timeout: 10_000 });
  expect(await answer(url)).toBe('two');
  writeFileSync(join(directory, 'a.ts'), 'export default {');
  await vi.waitUntil(() => stdout.includes('"problem"'), { timeout: 10_000 });
  expect(stdout).toContain('BUNDLE_FAILED');
  expect(await answer(url)).toBe('two');
  child.kill('SIGINT');
  expect(await ended).toEqual({ code: 0, signal: null });
});

it('tells in dev of requests, console output, errors with their place, and limits nearly used up', async () => {
  const code = `export default { fetch(request: Request): Response {
  console.warn('asked', new URL(request.url).search);
  if (request.url.endsWith('boom')) throw new TypeError('boom');
  return new Response('x');
} };\n`;
  writeFileSync(join(directory, 'a.ts'), code);
  const config = { functions: { a: { entry: 'a.ts', url: true, limits: { logBytes: 12 } } } };
  writeFileSync(join(directory, 'isolane.json'), JSON.stringify(config));
  const { url } = await start('dev');
  await fetch(`${url}/fn/a/?q=1`);
  await fetch(`${url}/fn/a/boom`);
  await vi.waitUntil(() => stdout.includes('"error"'), { timeout: 10_000 });
  const events = stdout
    .split('\n')
    .slice(1, -1)
    .map((line) => JSON.parse(line));
  expect(events.slice(0, 3)).toMatchObject([
    { event: 'console', function: 'a', level: 'warn', text: 'asked ?q=1' },
    { event: 'request', function: 'a', what: 'GET /fn/a/?q=1', status: 200, outcome: 'ok', cold: true },
    { event: 'warning', function: 'a', limit: 'logBytes' },
  ]);
  expect(events.slice(-2)).toMatchObject([
    { event: 'request', what: 'GET /fn/a/boom', status: 500, outcome: 'function_error', cold: false },
    { event: 'error', problem: { name: 'TypeError', stack: expect.stringContaining('a.ts:3:') } },
  ]);
});

it('finishes in dev what runs on the code it began with', async () => {
  const code = (answer: string, ms: number) =>
    `export default { async fetch() { await new Promise((done) => setTimeout(done, ${ms})); return new Response('${answer}'); } };\n`;
  writeFileSync(join(directory, 'a.ts'), code('old', 1500));
  const { url, adminUrl, adminTokenFile } = await start('dev');
  const old = answer(url);
  await vi.waitUntil(async () => (await running(adminUrl, adminTokenFile)) === 1);
  writeFileSync(join(directory, 'a.ts'), code('new', 0));
  await vi.waitUntil(() => stdout.includes('"reloaded"'), { timeout: 10_000 });
  expect(await answer(url)).toBe('new');
  expect(await old).toBe('old');
});
