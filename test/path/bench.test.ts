/** `isolane bench` and the benchmark headers, against a real host. That guests never see the headers: edge.test.ts. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningHost, startHost } from '../support/host.ts';

const ROOT = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'isolane-bench-test-'));
let host: RunningHost;
beforeAll(async () => {
  host = await startHost({ config: join(ROOT, 'fixtures/isolane.json') });
});
afterAll(async () => {
  await host?.stop();
  rmSync(folder, { recursive: true });
});

async function bench(
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(ROOT, 'src/main.ts'), 'bench', ...words], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, out, err };
}

async function timings(headers: Record<string, string>): Promise<Record<string, number> | null> {
  const response = await fetch(`${host.url}/hello/ada`, { headers });
  expect(await response.text()).toBe('Hello, ada!\n');
  const value = response.headers.get('server-timing');
  if (value === null) return null;
  return Object.fromEntries([...value.matchAll(/(\w+);dur=([\d.]+)/g)].map(([, name, ms]) => [name, Number(ms)]));
}

describe('benchmark headers', () => {
  it('cold makes an isolate for the request, warm uses one that is there', async () => {
    const debug = { 'x-isolane-debug': host.token };
    for (let n = 0; n < 3; n++) {
      const cold = await timings({ ...debug, 'x-isolane-start': 'cold' });
      expect(Object.keys(cold!).sort()).toEqual(['cpu', 'init', 'queue', 'run']);
      expect(cold!['init']).toBeGreaterThan(0);
      expect((await timings({ ...debug, 'x-isolane-start': 'warm' }))!['init']).toBe(0);
    }
  });

  it('count for nobody without a token of scope debug', async () => {
    expect(await timings({ 'x-isolane-start': 'cold' })).toBeNull();
    expect(await timings({ 'x-isolane-start': 'cold', 'x-isolane-debug': 'iso_wrong' })).toBeNull();
  });
});

describe('isolane bench', () => {
  const short = ['--duration', '1', '--warmup', '0', '--connections', '4'];

  it('loads a host, checks every body and writes a page', async () => {
    const page = join(folder, 'load.html');
    const words = [
      `${host.url}/hello/ada`,
      ...short,
      '--rate',
      '100',
      '--expect',
      'Hello, ada!\n',
      '--json',
      '--html',
      page,
    ];
    const { code, out, err } = await bench(words);
    expect([code, err.includes('100 requests/s')]).toEqual([0, true]);
    const report = JSON.parse(out);
    expect(report).toMatchObject({ mode: 'open', count: 100, failures: 0, statuses: { 200: 100 }, ratePerSecond: 100 });
    expect(report.p99Ms).toBeGreaterThan(0);
    const html = readFileSync(page, 'utf8');
    expect(html).toContain('class="line c0"');
    expect(html).not.toContain('NaN');
  });

  it('says how cold starts spend their time, with a token it reads from the environment', async () => {
    const words = [`${host.url}/hello/ada`, ...short, '--rate', '10', '--cold'];
    const { code, out } = await bench(words, { ISOLANE_DEBUG_TOKEN: host.token });
    expect(code).toBe(0);
    expect(out).toMatch(/^init +p50 /m);
    const without = await bench(words);
    expect([without.code, without.err.includes('ISOLANE_DEBUG_TOKEN')]).toEqual([2, true]);
    const wrong = await bench(words, { ISOLANE_DEBUG_TOKEN: 'iso_wrong' });
    expect([wrong.code, wrong.err.includes('FORBIDDEN')]).toEqual([1, true]);
  });

  it('measures nothing when the answer is wrong, and refuses strangers', async () => {
    const wrong = await bench([`${host.url}/hello/ada`, ...short, '--expect', 'Hello, bob!\n']);
    expect([wrong.code, wrong.out, wrong.err.includes('Nothing was measured')]).toEqual([1, '', true]);
    const stranger = await bench(['http://8.8.8.8/']);
    expect([stranger.code, stranger.err.includes('--yes-this-is-mine')]).toEqual([2, true]);
  });

  it.each([
    [['--max', '--rate', '5'], '--rate and --max'],
    [['--header', 'nonsense'], 'NAME: VALUE'],
    [['--method', 'get'], 'in capitals'],
    [['--data', '@/nowhere'], 'cannot be read'],
  ])('refuses %j', async (words, message) => {
    const { code, err } = await bench(['http://127.0.0.1:1/', ...words]);
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
  });
});
