import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { type CurlSource, curlLines } from '../../../src/cli/curl-lines.ts';
import { readExamples } from '../../../src/cli/examples.ts';
import { Project } from '../config/project.ts';

const BODY = { text: `it's "quoted" $HOME \`x\` \\n é` };
const SECRET = `p'ss "w" $ord`;
const KEY = Buffer.from(Array.from({ length: 32 }, (_, index) => index));
const WHSEC = `whsec_${KEY.toString('base64')}`;
const EXPECT = {
  description: 'x',
  examples: [
    { name: 'not found', request: { path: '/none' }, expect: { status: 404 } },
    {
      name: 'good',
      request: { method: 'PUT', path: "/a/it's[1]?x=1&y=2", headers: { 'x-a': 'b' }, body: BODY },
      expect: { status: 201 },
    },
    {
      name: 'hub',
      webhook: { endpoint: 'hub', provider: 'github', event: 'issues', body: BODY },
      expect: { status: 202 },
    },
    {
      name: 'file',
      webhook: { endpoint: 'file', provider: 'github', bodyFile: "pay'load.json" },
      expect: { status: 202 },
    },
    { name: 'std', webhook: { endpoint: 'std', provider: 'standard', body: 'two\nlines\n' }, expect: {} },
  ],
};
const project = new Project({
  'a/f.ts': 'export default {}',
  'a/expect.json': JSON.stringify(EXPECT),
  "a/pay'load.json": '{"bytes": "\u00e9\u0001"}\r\n',
  'b/f.ts': 'export default {}',
  'b/expect.json': JSON.stringify({ examples: [] }),
  'c/f.ts': 'export default {}',
  'd/f.ts': 'export default {}',
  'd/expect.json': '{ "examples": 5 }',
});
afterAll(() => project.remove());

const { config } = project.load(
  {
    functions: {
      a: { entry: 'a/f.ts' },
      b: { entry: 'b/f.ts' },
      c: { entry: 'c/f.ts', cron: [{ schedule: '1 2 * * *' }] },
      d: { entry: 'd/f.ts', url: true, auth: 'token' },
      e: { entry: 'c/f.ts' },
      f: { entry: 'c/f.ts', routes: ['PATCH api.test/x/:id/*'] },
      g: { entry: 'c/f.ts' },
    },
    webhooks: {
      hub: { provider: 'github', secrets: [SECRET], function: 'a' },
      file: { provider: 'github', secrets: [{ env: 'HUB_SECRET' }], function: 'a' },
      std: { provider: 'standard', secrets: [WHSEC], function: 'e' },
      stdenv: { provider: 'standard', secrets: [{ env: 'STD_SECRET' }], function: 'e' },
    },
  },
  { env: { HUB_SECRET: SECRET, STD_SECRET: WHSEC } },
);
const source: CurlSource = {
  url: 'http://127.0.0.1:1',
  adminUrl: 'http://127.0.0.1:2',
  adminTokenFile: '/d/admin-token',
  examples: readExamples(config),
};
const lines = curlLines(config, source);
const line = (part: string) => lines.find((text) => text.includes(part)) ?? '';

/** What curl is called with when a shell runs the line; what it reads from a pipe comes last. */
function run(shell: string, text: string): string[] {
  const script = `curl() { printf '%s\\0' "$@"; case " $* " in *' @- '*) cat; printf '\\0';; esac; }\n${text}\n`;
  const stdout = execFileSync(shell, ['-eu', '-c', script], {
    env: { ...process.env, HUB_SECRET: SECRET, STD_SECRET: WHSEC },
  });
  return stdout.toString('utf8').split('\0').slice(0, -1);
}

function headers(args: readonly string[]): Record<string, string> {
  const values = args.flatMap((arg, index) => (args[index - 1] === '-H' ? [arg] : []));
  return Object.fromEntries(values.map((value) => value.split(/: ?(.*)/s).slice(0, 2)));
}

it('prints one line for each', () => {
  expect(lines).toHaveLength(10);
  for (const text of lines) expect(text).toMatch(/^((printf .* \| )?curl -sS .*|# .*)$/);
  expect(lines.slice(1, 6)).toEqual([
    '# b: called by no route, webhook or schedule, only by other functions',
    `curl -sS -X POST 'http://127.0.0.1:2/v1/functions/c/invoke' -H "authorization: Bearer $(cat '/d/admin-token')" -H 'content-type: application/json' --data-raw '{"kind":"scheduled"}'`,
    `curl -sS 'http://127.0.0.1:1/fn/d/' -H "authorization: Bearer $(cat '/d/admin-token')"`,
    `curl -sS -X PATCH 'http://127.0.0.1:1/x/id/' -H 'host: api.test'`,
    '# g: called by no route, webhook or schedule, only by other functions',
  ]);
});

describe.each(['bash', 'sh'])('in %s', (shell) => {
  const bash = (text: string) => run(shell, text);

  it('takes the first example that succeeds, and survives any quoting', () => {
    expect(bash(lines[0] ?? '')).toEqual([
      '-sS',
      '-g',
      '-X',
      'PUT',
      "http://127.0.0.1:1/a/it's[1]?x=1&y=2",
      '-H',
      'content-type: application/json',
      '-H',
      'x-a: b',
      '--data-raw',
      JSON.stringify(BODY),
    ]);
  });

  describe('webhook lines sign what they send', () => {
    it('github with a body in the line', () => {
      const args = bash(line('/hooks/hub'));
      const body = args[args.indexOf('--data-raw') + 1] ?? '';
      expect(body).toBe(JSON.stringify(BODY));
      expect(headers(args)).toMatchObject({
        'x-github-event': 'issues',
        'x-github-delivery': expect.stringMatching(/^[0-9a-f]{32}$/),
        'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
      });
    });

    it('github with a file and a secret from the environment, which is not shown', () => {
      expect(line('/hooks/file')).not.toContain('ss "w"');
      const args = bash(line('/hooks/file'));
      const file = args[args.indexOf('--data-binary') + 1]?.slice(1) ?? '';
      const signature = createHmac('sha256', SECRET).update(readFileSync(file)).digest('hex');
      expect(headers(args)['x-hub-signature-256']).toBe(`sha256=${signature}`);
    });

    it.each(['std', 'stdenv'])('standard: %s', (name) => {
      const args = bash(line(`/hooks/${name}'`));
      const body = name === 'std' ? (args.at(-1) ?? '') : (args[args.indexOf('--data-raw') + 1] ?? '');
      if (name === 'std') expect(body).toBe('two\nlines\n');
      else expect(line(`/hooks/${name}'`)).not.toContain(WHSEC.slice(6));
      const sent = headers(args);
      const id = sent['webhook-id'] ?? '';
      const timestamp = sent['webhook-timestamp'] ?? '';
      expect(id).toMatch(/^msg_[0-9a-f]{24}$/);
      expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(30);
      const signature = createHmac('sha256', KEY).update(`${id}.${timestamp}.${body}`).digest('base64');
      expect(sent['webhook-signature']).toBe(`v1,${signature}`);
    });

    it('makes another delivery each time', () => {
      const once = () => headers(bash(line("/hooks/std'")))['webhook-id'];
      expect(once()).not.toBe(once());
    });
  });
});
