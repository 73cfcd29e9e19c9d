/** What a configuration must not say (catalogue 102: names of functions among it). */
import { afterAll, describe, expect, it } from 'vitest';
import { Project } from './project.ts';

const project = new Project();
afterAll(() => project.remove());
const a = (more: object): object => ({ functions: { a: { entry: 'a.ts', ...more } } });
const hook = (more: object): object => ({
  functions: { hello: { entry: 'a.ts' } },
  webhooks: { w: { provider: 'standard', function: 'hello', secrets: [STANDARD], ...more } },
});
const STANDARD = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

describe('shape', () => {
  it.each<[string, unknown, string | RegExp]>([
    [
      'range',
      a({ limits: { memoryMiB: 4 } }),
      'functions.a.limits.memoryMiB is 4, but must be a whole number from 8 to 4096.',
    ],
    [
      'fraction',
      a({ limits: { cpuMs: 1.5 } }),
      'functions.a.limits.cpuMs is 1.5, but must be a whole number from 1 to 300000.',
    ],
    ['text for number', a({ warm: '1' }), 'functions.a.warm is "1", but must be a whole number from 0 to 1000.'],
    ['unknown key', a({ rotues: [] }), 'functions.a.rotues is not a known key; did you mean "routes"?'],
    [
      'far key',
      a({ limits: { zzzzzzzzz: 1 } }),
      /^functions\.a\.limits\.zzzzzzzzz is not a known key; known keys are memoryMiB, cpuMs, /,
    ],
    ['top key', { ...a({}), sever: {} }, 'sever is not a known key; did you mean "server"?'],
    [
      'missing',
      { functions: { a: {} } },
      'functions.a.entry is missing; it must be the path of a .ts, .tsx, .js or .mjs file relative to this one.',
    ],
    ['nothing', {}, 'functions is missing; it must be an object of functions.'],
    ['a list', [], 'The configuration is a list, but must be an object with at least "functions".'],
    [
      'name',
      { functions: { Hello: { entry: 'a.ts' } } },
      'functions.Hello is not a usable name; use "a" to "z", digits and "-", at most 63 of them, not beginning with "-".',
    ],
    [
      'empty text',
      a({ entry: '' }),
      'functions.a.entry is empty, but must be the path of a .ts, .tsx, .js or .mjs file relative to this one.',
    ],
    ['choice', a({ auth: 'basic' }), 'functions.a.auth is "basic", but must be "none" or "token".'],
    [
      'env kind',
      a({ env: { X: 5 } }),
      'functions.a.env.X is a number, but must be text, { "env": "NAME" } or { "secret": "NAME" }.',
    ],
    [
      'env shape',
      a({ env: { X: { file: 's3cret' } } }),
      'functions.a.env.X is an object of another shape, but must be text, { "env": "NAME" } or { "secret": "NAME" }.',
    ],
    ['no secrets', hook({ secrets: [] }), 'webhooks.w.secrets is empty, but must be a list of one to ten secrets.'],
    [
      'ratio',
      { ...a({}), telemetry: { sampleRatio: 2 } },
      'telemetry.sampleRatio is 2, but must be a number from 0 to 1.',
    ],
    [
      'infinity',
      '{"functions":{"a":{"entry":"a.ts","warm":1e999}}}',
      'functions.a.warm is Infinity, but must be a whole number from 0 to 1000.',
    ],
  ])('%s', (_, config, sentence) => {
    const [only, ...more] = project.refusals(config);
    expect(more).toEqual([]);
    if (typeof sentence === 'string') expect(only).toBe(sentence);
    else expect(only).toMatch(sentence);
  });
});

describe('meaning', () => {
  it.each<[string, unknown, string | RegExp]>([
    [
      'no entry',
      a({ entry: 'x.ts' }),
      'functions.a.entry is "x.ts", but there is no such file; create it or correct the path (relative to the configuration file).',
    ],
    ['entry kind', a({ entry: 'a.py' }), 'functions.a.entry is "a.py", but must end in .ts, .tsx, .js or .mjs.'],
    [
      'handler',
      a({ handler: 'fetsh' }),
      'functions.a.handler is "fetsh", but must be "fetch", "lambda" or "lambda:exportName".',
    ],
    [
      'service',
      { functions: { users: { entry: 'a.ts' }, b: { entry: 'b.ts', services: { U: 'user' } } } },
      'functions.b.services.U is "user", but there is no such function; did you mean "users"?',
    ],
    [
      'service and env',
      a({ env: { X: '' }, services: { X: 'a' } }),
      'functions.a.services.X has the name of an entry of functions.a.env; both become env.X, rename one.',
    ],
    [
      'secret',
      a({ env: { T: { secret: 'TOKEN' } } }),
      'functions.a.env.T is { "secret": "TOKEN" }, but secrets arrive with deploys; use { "env": "TOKEN" } until then.',
    ],
    [
      'host variable',
      a({ env: { T: { env: 'ISOLANE_TOKEN' } } }),
      'functions.a.env.T is { "env": "ISOLANE_TOKEN" }, but names that begin with "ISOLANE_" belong to the host; use another variable.',
    ],
    [
      'no variable',
      a({ env: { T: { env: 'NOPE' } } }),
      'functions.a.env.T is { "env": "NOPE" }, but the environment has no NOPE; set it before the start or write the value as text.',
    ],
    [
      'prototype variable',
      a({ env: { T: { env: 'toString' } } }),
      'functions.a.env.T is { "env": "toString" }, but the environment has no toString; set it before the start or write the value as text.',
    ],
    [
      'egress',
      a({ egress: { allow: ['https://x.org'] } }),
      'functions.a.egress.allow[0] is "https://x.org", but must be a host name such as "api.github.com", without scheme, port or wildcard.',
    ],
    [
      'warm',
      a({ warm: 5, limits: { instances: 4 } }),
      'functions.a.warm is 5, but must not be above limits.instances, which is 4.',
    ],
    [
      'reserved',
      a({ reserved: 5, limits: { instances: 4 } }),
      'functions.a.reserved is 5, but must not be above limits.instances, which is 4.',
    ],
    [
      'more reserved than a host can promise',
      {
        functions: Object.fromEntries(
          ['a', 'b', 'c', 'd', 'e'].map((name, n) => [name, { entry: 'a.ts', reserved: 20 - n, warm: 2 }]),
        ),
        server: { maxIsolates: 100 - 1 },
      },
      'functions.a (20), functions.b (19), functions.c (18) and 2 others keep 90 isolates (warm, reserved), but of server.maxIsolates, which is 99, at most 89 can be promised; lower them or raise it.',
    ],
    [
      'more warm than fits into memory',
      { ...a({ warm: 100, limits: { memoryMiB: 64 } }), server: { memoryMiB: 64 } },
      /^functions\.a \(100\) keeps 100 isolates \(warm, reserved\): without any code they take \d+ MiB, but server\.memoryMiB is 64; lower "warm" or raise it\.$/,
    ],
    [
      'more reserved than a tenant may have',
      { ...a({ reserved: 3 }), tenants: { acme: { functions: ['a'], instances: 2 } } },
      'functions.a (3) keeps 3 isolates (warm, reserved), but tenants.acme.instances is 2; lower them or raise it.',
    ],
    ['wasm', a({ wasm: true }), 'functions.a.wasm is true, but needs "isolation": "process"; set both or neither.'],
    [
      'isolation under a server',
      { ...a({ isolation: 'shared' }), server: { isolation: 'process' } },
      'functions.a.isolation is "shared", but server.isolation demands "process"; remove the key.',
    ],
    [
      'isolation under a tenant',
      { ...a({ isolation: 'shared' }), tenants: { acme: { functions: ['*'], isolation: 'process' } } },
      'functions.a.isolation is "shared", but tenants.acme.isolation demands "process"; remove the key.',
    ],
    [
      'cron',
      a({ cron: [{ schedule: '61 * * * *' }] }),
      /^functions\.a\.cron\[0\]\.schedule is "61 \* \* \* \*", but that is not a cron schedule \(.+\); write one/,
    ],
    [
      'cron date',
      a({ cron: [{ schedule: '2030-01-01' }] }),
      'functions.a.cron[0].schedule is "2030-01-01", but must have five parts such as "*/5 * * * *".',
    ],
    [
      'cron never',
      a({ cron: [{ schedule: '0 0 30 2 *' }] }),
      'functions.a.cron[0].schedule is "0 0 30 2 *", but that never comes; correct the day or the month.',
    ],
    [
      'time zone',
      a({ cron: [{ schedule: '* * * * *', timezone: 'Mars' }] }),
      'functions.a.cron[0].timezone is "Mars", but must be an IANA time zone such as "Europe/Berlin".',
    ],
    [
      'pool',
      { ...a({ limits: { memoryMiB: 512 } }), server: { memoryMiB: 256 } },
      'functions.a.limits.memoryMiB is 512, but the whole pool has 256 (server.memoryMiB); lower the one or raise the other.',
    ],
    [
      'responses',
      a({ limits: { responseBytes: 9, streamedResponseBytes: 8 } }),
      'functions.a.limits.responseBytes is 9, but must not be above streamedResponseBytes, which is 8.',
    ],
    [
      'webhook function',
      hook({ function: 'helo' }),
      'webhooks.w.function is "helo", but there is no such function; did you mean "hello"?',
    ],
    [
      'standard prefix',
      hook({ secrets: ['topsecret'] }),
      'webhooks.w.secrets[0] does not begin with "whsec_", but must be "whsec_" and then 24 to 64 bytes in base64.',
    ],
    [
      'standard base64',
      hook({ secrets: ['whsec_!!!'] }),
      'webhooks.w.secrets[0] is not base64 after "whsec_", but must be "whsec_" and then 24 to 64 bytes in base64.',
    ],
    [
      'standard length',
      hook({ secrets: ['whsec_AAAA'] }),
      'webhooks.w.secrets[0] holds 3 bytes, but must be "whsec_" and then 24 to 64 bytes in base64.',
    ],
    [
      'empty secret',
      hook({ provider: 'github', secrets: [' '] }),
      'webhooks.w.secrets[0] is empty; set the secret the sender signs with.',
    ],
    [
      'ports',
      { ...a({}), server: { port: 80, adminPort: 80 } },
      'server.adminPort is 80, but server.port is the same; choose another for one of them.',
    ],
    [
      'public URL',
      { ...a({}), server: { publicUrl: 'ftp://x' } },
      'server.publicUrl is "ftp://x", but must be an http or https URL.',
    ],
    [
      'proxies',
      { ...a({}), server: { trustedProxies: ['10.0.0.0/99'] } },
      'server.trustedProxies[0] is "10.0.0.0/99", but must be an address or a range such as "10.0.0.0/8".',
    ],
    [
      'two tenants',
      { ...a({}), tenants: { x: { functions: ['*'] }, y: { functions: ['a'] } } },
      'functions.a belongs to two tenants, "x" and "y"; narrow the patterns in tenants.y.functions.',
    ],
    [
      'private host',
      { ...a({}), tenants: { x: { functions: [], privateHosts: ['10.0.0.5'] } } },
      'tenants.x.privateHosts[0] is "10.0.0.5", but must be a "host:port" pair such as "10.0.0.5:8080".',
    ],
  ])('%s', (_, config, sentence) => {
    const [only, ...more] = project.refusals(config);
    expect(more).toEqual([]);
    if (typeof sentence === 'string') expect(only).toBe(sentence);
    else expect(only).toMatch(sentence);
  });

  it('refuses a service across tenants', () => {
    const functions = { a: { entry: 'a.ts', services: { B: 'b' } }, b: { entry: 'b.ts' } };
    expect(project.refusals({ functions, tenants: { x: { functions: ['b'] } } })).toEqual([
      'functions.a.services.B is "b", but that function belongs to another tenant; bind one of the same tenant.',
    ]);
  });

  it('warns of white space around a secret and never shows one', () => {
    const env = { S: ` ${STANDARD}\n` };
    const { config, warnings } = project.load(hook({ secrets: [{ env: 'S' }, STANDARD] }), { env });
    expect(config.webhooks[0]?.secrets).toEqual([
      { id: 'S', value: STANDARD },
      { id: 'secret-1', value: STANDARD },
    ]);
    expect(warnings).toEqual(['webhooks.w.secrets[0] begins or ends with white space, which was left out.']);
    expect(project.refusals(hook({ secrets: ['tops3cret'], mode: 'x' })).join()).not.toContain('s3cret');
  });

  it('reports everything at once: shape, meaning and references', () => {
    const config = {
      functions: { a: { entry: 'a.ts', warm: -1 }, b: { entry: 'gone.ts', services: { A: 'a', C: 'c' } } },
      webhooks: { w: { provider: 'github', secrets: ['x'], function: 'a', attempts: 0 } },
      server: { port: -1 },
    };
    expect(project.refusals(config)).toEqual([
      'functions.a.warm is -1, but must be a whole number from 0 to 1000.',
      'webhooks.w.attempts is 0, but must be a whole number from 1 to 100.',
      'server.port is -1, but must be a whole number from 0 to 65535.',
      'functions.b.entry is "gone.ts", but there is no such file; create it or correct the path (relative to the configuration file).',
      'functions.b.services.C is "c", but there is no such function; declare it under "functions".',
    ]);
  });
});
