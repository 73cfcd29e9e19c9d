/**
 * Bad input as a user meets it, with the real command line: one sentence on stderr that names the thing and the remedy,
 * exit code 1 (2 for wrong usage), no stack, nothing begun.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const FREE_PORTS = ['--port', '0', '--admin-port', '0'];
const GOOD = '{ "functions": { "a": { "entry": "a.ts", "url": true } } }';

let directory: string;
let host: ChildProcess | null = null;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'isolane-refusals-'));
  write('isolane.json', GOOD);
  write('a.ts', `export default { fetch: (): Response => new Response('a') };\n`);
});
afterEach(async () => {
  if (host !== null && host.exitCode === null && host.signalCode === null) {
    host.kill('SIGKILL');
    await once(host, 'close');
  }
  host = null;
  rmSync(directory, { recursive: true, force: true });
});

const write = (name: string, text: string | Uint8Array) => writeFileSync(join(directory, name), text);

function serve(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'serve', ...args], {
    cwd: directory,
    encoding: 'utf8',
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  return { status, stdout, stderr };
}

/** All of what a refusal prints. */
function refusal(sentence: string, code: string, status = 1) {
  return { status, stdout: '', stderr: `isolane: ${sentence} [${code}]\n` };
}

describe('the configuration', () => {
  it.each([
    ['no JSON', '{ "functions": { "a": { "entry": "a.ts", }', 'isolane.json:1:43: a closing "}" was expected.'],
    ['empty', '', 'isolane.json:1:1: a value was expected.'],
    ['a list', '[]', 'isolane.json: The configuration is a list, but must be an object with at least "functions".'],
    [
      'an unknown key',
      '{ "functions": {}, "sever": {} }',
      'isolane.json: sever is not a known key; did you mean "server"?',
    ],
    [
      'a wrong type',
      '{ "functions": { "a": { "entry": "a.ts", "limits": { "cpuMs": "fast" } } } }',
      'isolane.json: functions.a.limits.cpuMs is "fast", but must be a whole number from 1 to 300000.',
    ],
    [
      'an entry that is not there',
      '{ "functions": { "a": { "entry": "gone.ts" } } }',
      'isolane.json: functions.a.entry is "gone.ts", but there is no such file; create it or correct the path (relative to the configuration file).',
    ],
  ])('%s', (_, text, sentence) => {
    write('isolane.json', text);
    expect(serve(...FREE_PORTS)).toEqual(refusal(sentence, 'CONFIG_INVALID'));
    expect(existsSync(join(directory, '.isolane'))).toBe(false);
  });

  it('a function above the profile, and a profile that is none', () => {
    write('isolane.json', '{ "functions": { "a": { "entry": "a.ts", "limits": { "cpuMs": 50 } } } }');
    const sentence =
      'isolane.json: functions.a.limits.cpuMs is 50, but profile "cloudflare-free" (Cloudflare Workers, Free) allows at most 10; lower it or choose another --profile.';
    expect(serve('--profile', 'cloudflare-free', ...FREE_PORTS)).toEqual(refusal(sentence, 'CONFIG_INVALID'));
    const unknown = '"superbase" is not a profile; did you mean "supabase"?';
    expect(serve('--profile', 'superbase', ...FREE_PORTS)).toEqual(refusal(unknown, 'USAGE', 2));
  });

  it('a file that is not there', () => {
    const sentence = 'There is no other.json; "isolane init" writes one, --config names another.';
    expect(serve('--config', 'other.json')).toEqual(refusal(sentence, 'CONFIG_NOT_FOUND'));
  });

  it('a directory', () => {
    mkdirSync(join(directory, 'x.json'));
    const sentence = 'x.json cannot be read (EISDIR); --config must name a readable file.';
    expect(serve('--config', 'x.json')).toEqual(refusal(sentence, 'CONFIG_NOT_FOUND'));
  });
});

describe('the code', () => {
  it.each([
    ['a syntax error', 'export default {', 'Expected identifier but found end of file (a.ts:1:17).'],
    [
      'a package that is not installed',
      `import 'no-such-package';`,
      'Could not resolve "no-such-package" (a.ts:1:8); is "no-such-package" installed? npm install no-such-package.',
    ],
    [
      'no default export',
      'export const fetch = 1;',
      'a.ts has no default export; write "export default { fetch(request, env, ctx) { … } }".',
    ],
  ])('%s', (_, code, reason) => {
    write('a.ts', code);
    const { status, stdout, stderr } = serve(...FREE_PORTS);
    expect([status, stdout]).toEqual([1, '']);
    const [first, ...excerpt] = stderr.split('\n');
    expect(first).toBe(`isolane: function "a" cannot be bundled: ${reason} [BUNDLE_FAILED]`);
    // What follows is the line of source with a mark under the place.
    for (const line of excerpt) expect(line).toMatch(/^( {2}.*\||$)/);
    expect(existsSync(join(directory, '.isolane/catalog.json'))).toBe(false);
  });
});

describe('ports', () => {
  it.each(['70000', 'abc', '1.5'])('%s is none', (port) => {
    const sentence = `--port is "${port}", but must be a whole number from 0 to 65535; see "isolane help serve".`;
    expect(serve('--port', port)).toEqual(refusal(sentence, 'USAGE', 2));
  });

  it('one that is in use, for functions and for the admin plane', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    const functions = serve('--port', port, '--admin-port', '0');
    const admin = serve('--port', '0', '--admin-port', port);
    server.close();
    expect(functions).toEqual(
      refusal(
        `Port ${port} on 127.0.0.1 is in use by another program; stop it or choose another port (--port, server.port; 0 picks a free one).`,
        'PORT_IN_USE',
      ),
    );
    expect(admin).toEqual(
      refusal(
        `The admin port ${port} on 127.0.0.1 is in use by another program; stop it or choose another (--admin-port, server.adminPort; 0 picks a free one).`,
        'PORT_IN_USE',
      ),
    );
  });

  it('an address of another machine', () => {
    const sentence =
      'Cannot listen on 192.0.2.1, port 0 (EADDRNOTAVAIL); give an address of this machine, such as 127.0.0.1 (--host, server.host).';
    expect(serve('--host', '192.0.2.1', ...FREE_PORTS)).toEqual(refusal(sentence, 'CONFIG_INVALID'));
  });
});

describe('the data directory', () => {
  it.each([
    ['a.ts', 'a file is in its place'],
    ['a.ts/below', 'a file is in its place'],
    // Takes no directory, not even from root. (A path there once made the start hang.)
    ['/proc/isolane', 'ENOENT'],
  ])('%s cannot be one', (path, reason) => {
    const full = path.startsWith('/') ? path : join(directory, path);
    const sentence = `The data directory ${full} cannot be created (${reason}); give a writable one with --data-dir.`;
    expect(serve('--data-dir', path, ...FREE_PORTS)).toEqual(refusal(sentence, 'DATA_DIR_UNUSABLE'));
    expect(readFileSync(join(directory, 'a.ts'), 'utf8')).toContain('new Response');
  });

  it.each(['ledger.db', 'inbox.db'])('%s is no database; it is left as it is', (name) => {
    const text = 'not a database '.repeat(1000);
    mkdirSync(join(directory, 'data'));
    write(`data/${name}`, text);
    const sentence = `The data directory ${join(directory, 'data')} cannot be used: ${name} is not a SQLite database; repair or move it, or choose another directory with --data-dir.`;
    expect(serve('--data-dir', 'data', ...FREE_PORTS)).toEqual(refusal(sentence, 'DATA_DIR_UNUSABLE'));
    expect(readFileSync(join(directory, 'data', name), 'utf8')).toBe(text);
  });

  it('is damaged, or in use by another host, which goes on', async () => {
    const { url, stop } = await start();
    const inUse = `The data directory ${join(directory, '.isolane')} is in use by another isolane host; stop that one or choose another directory with --data-dir.`;
    expect(serve(...FREE_PORTS)).toEqual(refusal(inUse, 'DATA_DIR_IN_USE'));
    expect(await (await fetch(`${url}/fn/a/`)).text()).toBe('a');
    await stop();
    const file = join(directory, '.isolane/ledger.db');
    write('.isolane/ledger.db', new Uint8Array(readFileSync(file)).fill(0x5a, 200));
    const { status, stdout, stderr } = serve(...FREE_PORTS);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^isolane: The data directory \S+ cannot be used: ledger\.db is damaged; .* --data-dir\. \[DATA_DIR_UNUSABLE\]\n$/,
    );
  });
});

it('starts with a function that throws while loading; that one answers init_error, others answer', async () => {
  write(
    'b.ts',
    `const settings = null;\nexport const port = settings.port;\nexport default { fetch: () => new Response() };\n`,
  );
  write(
    'isolane.json',
    '{ "functions": { "a": { "entry": "a.ts", "url": true }, "b": { "entry": "b.ts", "url": true } } }',
  );
  const { url, stop } = await start();
  const response = await fetch(`${url}/fn/b/`);
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  expect([response.status, error.code]).toEqual([500, 'init_error']);
  expect(error.message).not.toContain('settings');
  expect(await (await fetch(`${url}/fn/a/`)).text()).toBe('a');
  await stop();
});

async function start(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--json', ...FREE_PORTS], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  host = child;
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  const ended = once(child, 'close');
  await vi.waitUntil(() => stdout.includes('\n') || child.exitCode !== null, { timeout: 20_000 });
  const { url } = JSON.parse(stdout) as { url: string };
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
    },
  };
}
