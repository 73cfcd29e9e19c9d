/** The first thing a newcomer does: paste the lines that `serve --curl` prints. Run here as they are, in bash and in sh. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { readSampleConfig, SAMPLE_CONFIG_FILE } from '../functions/sample-config.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const directory = mkdtempSync(join(tmpdir(), 'isolane-curl-'));
const HEADS = join(directory, 'heads');
const { functions, webhooks } = readSampleConfig();
const targets = new Set(Object.values(webhooks).map((webhook) => webhook.function));
/** What has a line: each webhook, and each function that not only a webhook calls. */
const expected = [...Object.keys(functions).filter((name) => !targets.has(name)), ...Object.keys(webhooks)];

const host = spawn(
  process.execPath,
  [
    MAIN,
    'serve',
    '--config',
    SAMPLE_CONFIG_FILE,
    ...['--curl', '--port', '0', '--admin-port', '0'],
    ...['--data-dir', join(directory, "it's data")],
  ],
  { stdio: ['ignore', 'pipe', 'pipe'] },
);
let stdout = '';
let stderr = '';
const ended = once(host, 'close');

beforeAll(async () => {
  // Makes curl tell the status of any line without a change to it.
  writeFileSync(join(directory, '.curlrc'), `dump-header = "${HEADS}"\nmax-time = 20\n`);
  host.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  host.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  await vi.waitUntil(() => stdout.split('\n').length > expected.length + 1 || host.exitCode !== null, {
    timeout: 30_000,
  });
});
afterAll(async () => {
  if (host.exitCode === null && host.signalCode === null) host.kill('SIGKILL');
  await ended;
  rmSync(directory, { recursive: true, force: true });
});

const lines = () => stdout.split('\n').slice(1, -1);

function statusOf(shell: string, line: string): string {
  rmSync(HEADS, { force: true });
  const { status, stderr: problem } = spawnSync(shell, ['-c', line], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], CURL_HOME: directory, TMPDIR: directory },
  });
  const heads = existsSync(HEADS) ? readFileSync(HEADS, 'utf8') : '';
  return `${status} ${/^HTTP\/1\.1 (\d+)/.exec(heads)?.[1] ?? 'no answer'} ${problem}`;
}

it('prints one line for each function and webhook, and nothing on stderr', () => {
  expect(stdout).toMatch(/^isolane ready: functions on http:\/\/127\.0\.0\.1:\d+, /);
  expect(stderr).toBe('');
  expect(lines()).toHaveLength(expected.length);
  expect(lines().filter((line) => !line.startsWith('curl -sS '))).toEqual([]);
});

it.each(['bash', 'sh'])('answers every line 2xx in %s, also when run again', { timeout: 60_000 }, (shell) => {
  for (const line of lines()) {
    if (line.startsWith('#')) continue;
    expect(statusOf(shell, line), line).toMatch(/^0 20\d $/);
  }
});

it('ends with exit code 0 on Ctrl-C', async () => {
  host.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
});
