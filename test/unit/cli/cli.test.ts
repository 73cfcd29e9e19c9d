import { afterAll, describe, expect, it, vi } from 'vitest';
import { COMMANDS, runCli } from '../../../src/cli/cli.ts';
import { Project } from '../config/project.ts';
import { FakeTerminal } from './terminal.ts';

const project = new Project();
afterAll(() => project.remove());
project.write(
  'isolane.json',
  JSON.stringify({ functions: { a: { entry: 'a.ts', url: true, cron: [{ schedule: '* * * * *' }] } } }),
);

async function run(...args: string[]) {
  const terminal = new FakeTerminal(project.directory);
  const code = await runCli(args, terminal);
  return { code, stdout: terminal.stdout.join('\n'), stderr: terminal.stderr.join('\n') };
}

describe('help', () => {
  it('lists every command and says what each does', async () => {
    const { code, stdout } = await run('help');
    expect(code).toBe(0);
    for (const { name, about } of COMMANDS) {
      expect(stdout).toContain(`  ${name} `);
      expect(stdout).toContain(about);
      const one = await run('help', name);
      expect(one).toMatchObject({ code: 0, stderr: '' });
      expect(one.stdout).toContain('--json');
      expect((await run(name, '--help')).stdout).toBe(one.stdout);
    }
    expect((await run('--help')).stdout).toBe(stdout);
    expect(stdout).not.toMatch(/deploy|rollback|--curl/);
  });

  it('fits a terminal of 100 columns', async () => {
    const texts = [await run('help'), ...(await Promise.all(COMMANDS.map(({ name }) => run('help', name))))];
    for (const { stdout } of texts)
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});

describe('wrong usage exits 2 with one sentence', () => {
  it.each([
    [['hepl'], '"hepl" is not a command; did you mean "help"?'],
    [['xyzzy'], '"xyzzy" is not a command; "isolane help" lists them.'],
    [['serve', '--prot', '1'], '"--prot" is not an option of "isolane serve"; did you mean "--port"?'],
    [['serve', '--qqqqqqqqq'], '"--qqqqqqqqq" is not an option of "isolane serve"; see "isolane help serve".'],
    [['serve', '-p', '1'], '"-p" is not an option of "isolane serve"; see "isolane help serve".'],
    [['serve', '--__proto__=1'], '"--__proto__" is not an option of "isolane serve"; see "isolane help serve".'],
    [['serve', '--port'], '--port needs a value (N); write --port=N; see "isolane help serve".'],
    [['serve', '--port', '--json'], '--port needs a value (N); write --port=N; see "isolane help serve".'],
    [
      ['serve', '--port', '65536'],
      '--port is "65536", but must be a whole number from 0 to 65535; see "isolane help serve".',
    ],
    [
      ['serve', '--workers', '0'],
      '--workers is "0", but must be a whole number from 1 to 64; see "isolane help serve".',
    ],
    [
      ['serve', '--workers=65'],
      '--workers is "65", but must be a whole number from 1 to 64; see "isolane help serve".',
    ],
    [
      ['serve', '--single', '--workers', '2'],
      '--single is one process, so it takes no --workers; leave one of them out.',
    ],
    [['serve', '--port', '1', '--port', '2'], '--port is given twice; give it once; see "isolane help serve".'],
    [['serve', '--json=yes'], '--json takes no value; leave "yes" out; see "isolane help serve".'],
    [['serve', 'me'], '"isolane serve" does not take "me"; see "isolane help serve".'],
    [['invoke'], '"isolane invoke" needs NAME; see "isolane help invoke".'],
    [['usage', '--by', 'tenent'], '--by has "tenent", which is no dimension; did you mean "tenant"?'],
    [['usage', '--format', 'xml'], '--format is "xml", which is no format; use table, json, csv.'],
    [
      ['usage', '--from', '2026-13-01'],
      '--from is "2026-13-01", but must be a time such as "2026-11-01" or "2026-11-01T08:00:00Z".',
    ],
    [['invoke', 'a', '--data', '@none.json'], '--data names none.json, which cannot be read; name a file that can.'],
    [
      ['list', '--admin-url', 'ftp://x'],
      '--admin-url is "ftp://x", but must be an http or https URL such as "http://127.0.0.1:8788".',
    ],
  ])('%j', async (args, sentence) => {
    expect(await run(...args)).toEqual({ code: 2, stdout: '', stderr: `isolane: ${sentence} [USAGE]` });
  });
});

describe('serve', () => {
  const start = async (...args: string[]) => {
    const terminal = new FakeTerminal(project.directory);
    const exit = runCli(args, terminal);
    await vi.waitUntil(() => terminal.stdout.length > 0 && terminal.waits);
    return { terminal, exit };
  };

  it('prints exactly one line with --json, and closes with a grace of 25 s', async () => {
    const { terminal, exit } = await start('serve', '--json', '--port', '0', '--data-dir', 'd');
    expect(terminal.stdout).toEqual([
      '{"event":"ready","url":"http://127.0.0.1:1","adminUrl":"http://127.0.0.1:2","adminTokenFile":"/data/admin-token"}',
    ]);
    expect(terminal.starts).toEqual([]);
    expect(terminal.supervised[0]?.workers).toBe(1);
    expect(terminal.supervised[0]?.config.server).toMatchObject({ port: 0, dataDir: `${project.directory}/d` });
    terminal.signal('SIGTERM');
    expect(terminal.graces).toEqual([25_000]);
    expect(terminal.exits).toEqual([]);
    terminal.closed();
    expect(await exit).toBe(0);
  });

  it('asks a supervisor for as many workers as it was told', async () => {
    const { terminal, exit } = await start('serve', '--workers', '3');
    expect(terminal.supervised[0]?.workers).toBe(3);
    terminal.signal('SIGTERM');
    terminal.closed();
    expect(await exit).toBe(0);
  });

  it('is one process with --single, and says so where Node can do no other', async () => {
    const { terminal, exit } = await start('serve', '--single');
    expect([terminal.starts.length, terminal.supervised.length, terminal.stderr]).toEqual([1, 0, []]);
    terminal.signal('SIGTERM');
    terminal.closed();
    expect(await exit).toBe(0);

    const old = new FakeTerminal(project.directory);
    old.supervise = null;
    const code = runCli(['serve'], old);
    await vi.waitUntil(() => old.waits);
    expect(old.starts).toHaveLength(1);
    expect(old.stderr.join()).toMatch(/^This Node cannot hand sockets .* Node 24\.21, 26\.4 or later/);
    old.signal('SIGTERM');
    old.closed();
    expect(await code).toBe(0);
  });

  it('says for people what is called how', async () => {
    const { terminal, exit } = await start('serve');
    expect(terminal.stdout).toEqual([
      'isolane ready: functions on http://127.0.0.1:1, admin plane on http://127.0.0.1:2 (token in /data/admin-token)',
      '  a  http://127.0.0.1:1/fn/a/',
      '  a  cron "* * * * *" UTC',
    ]);
    terminal.signal('SIGINT');
    terminal.closed();
    expect(await exit).toBe(0);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends at once on a second signal: %s', async (signal, code) => {
    const { terminal, exit } = await start('serve');
    terminal.signal('SIGTERM');
    terminal.signal(signal);
    expect(terminal.exits).toEqual([code]);
    expect(terminal.graces).toHaveLength(1);
    terminal.closed();
    await exit;
  });

  it('prints curl lines with --curl', async () => {
    const { terminal, exit } = await start('serve', '--curl');
    expect(terminal.stdout.slice(1)).toEqual(["curl -sS 'http://127.0.0.1:1/fn/a/'"]);
    terminal.signal('SIGTERM');
    terminal.closed();
    await exit;
  });
});

it('reports a fault of its own with the lines that help, and exits 1', async () => {
  const terminal = new FakeTerminal(project.directory);
  terminal.supervise = () => Promise.reject(new TypeError('oops'));
  expect(await runCli(['serve'], terminal)).toBe(1);
  expect(terminal.stderr.join()).toMatch(
    /^isolane: this is a fault of isolane itself; .* \[INTERNAL\]\nTypeError: oops\n {4}at /,
  );
});
