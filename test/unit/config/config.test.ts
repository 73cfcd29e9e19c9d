import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, loadServer } from '../../../src/config/config.ts';
import { HostError } from '../../../src/contract/errors.ts';
import { LIMIT_RULES } from '../../../src/contract/limits.ts';
import { Project } from './project.ts';

const project = new Project();
afterAll(() => project.remove());
const one = (more: object = {}): object => ({ functions: { a: { entry: 'a.ts', ...more } } });
const first = (config: object, env: Record<string, string> = {}) => project.load(config, { env }).config.functions[0]!;
const defaults = Object.fromEntries(Object.entries(LIMIT_RULES).map(([key, rule]) => [key, rule.default]));

describe('a configuration that holds', () => {
  it('fills in every default', () => {
    const { config, warnings } = project.load(one());
    expect(warnings).toEqual([]);
    expect(config).toEqual({
      file: join(project.directory, 'isolane.json'),
      functions: [
        {
          name: 'a',
          tenant: 'default',
          entry: join(project.directory, 'a.ts'),
          handler: { kind: 'fetch' },
          routes: [],
          url: false,
          auth: 'none',
          env: {},
          services: {},
          limits: defaults,
          rate: null,
          egressAllow: null,
          privateHosts: [],
          idempotencyTtlHours: null,
          warm: 0,
          reserved: 0,
          cron: [],
          isolation: 'shared',
          wasm: false,
        },
      ],
      webhooks: [],
      server: {
        host: '127.0.0.1',
        port: 8787,
        adminHost: '127.0.0.1',
        adminPort: 8788,
        dataDir: join(project.directory, '.isolane'),
        publicUrl: null,
        trustedProxies: [],
        isolation: 'shared',
        memoryMiB: 2048,
        maxIsolates: 4000,
        maxConnections: 10_000,
        queueDepth: 10_000,
        profile: null,
      },
      tenants: [],
      telemetry: { sampleRatio: 0.05, trustedParents: [] },
      billing: { durability: 'process' },
    });
  });

  it('takes comments, trailing commas, a byte order mark and $schema', () => {
    const text =
      '\uFEFF{ // the samples\n "$schema": "./x.json", "functions": { "a": { "entry": "a.ts", /* here */ }, }, }';
    expect(project.load(text).config.functions[0]?.name).toBe('a');
  });

  it('reads everything CONTRACT §3 shows', () => {
    const { config } = project.load(
      {
        functions: {
          a: {
            entry: 'a.ts',
            routes: ['GET /hello/:name', 'API.example.com/v1/*'],
            auth: 'token',
            env: { GREETING: 'hi', TOKEN: { env: 'TOKEN' } },
            services: { USERS: 'b' },
            rate: { perSecond: 100 },
            egress: { allow: ['API.github.com'] },
            idempotency: {},
            warm: 2,
            cron: [{ schedule: '*/5 * * * *' }],
          },
          b: { entry: 'b.ts', handler: 'lambda:main' },
        },
        tenants: { acme: { functions: ['a', 'b*'], privateHosts: ['10.0.0.5:8080', '[FD00:0::1]:80'] } },
      },
      { env: { TOKEN: 't0p' } },
    );
    const [a, b] = config.functions;
    expect(a?.routes).toEqual([
      { method: 'GET', host: null, path: '/hello/:name', text: 'GET /hello/:name' },
      { method: null, host: 'api.example.com', path: '/v1/*', text: 'API.example.com/v1/*' },
    ]);
    expect(a?.env).toEqual({ GREETING: 'hi', TOKEN: 't0p' });
    expect(a?.rate).toEqual({ perSecond: 100, burst: 100 });
    expect(a?.egressAllow).toEqual(['api.github.com']);
    expect(a?.idempotencyTtlHours).toBe(24);
    expect(a?.cron).toEqual([{ schedule: '*/5 * * * *', timezone: 'UTC' }]);
    expect([a?.tenant, b?.tenant]).toEqual(['acme', 'acme']);
    expect(a?.privateHosts).toEqual(['10.0.0.5:8080', '[fd00::1]:80']);
    expect(b?.handler).toEqual({ kind: 'lambda', exportName: 'main' });
  });

  it('says of a key that nothing acts on yet that it has no effect', () => {
    expect(project.load(one({ idempotency: { ttlHours: 1 } })).warnings).toEqual([
      'functions.a.idempotency has no effect yet: requests with the same Idempotency-Key each run; do not rely on it.',
    ]);
  });

  it('gives Lambda handlers the limits of AWS', () => {
    const lambda = (limits: object) => first(one({ handler: 'lambda', limits })).limits;
    expect(lambda({})).toMatchObject({ wallMs: 3000, cpuMs: 3000, initMs: 10_000 });
    expect(lambda({ wallMs: 8000 })).toMatchObject({ wallMs: 8000, cpuMs: 8000 });
    expect(lambda({ wallMs: 900_000 })).toMatchObject({ wallMs: 900_000, cpuMs: 300_000 });
    expect(lambda({ wallMs: 8000, cpuMs: 50 })).toMatchObject({ wallMs: 8000, cpuMs: 50 });
  });

  it('lets requestBytes follow the webhook endpoints', () => {
    const hook = (maxBodyBytes: number) => ({ provider: 'github', secrets: ['x'], function: 'a', maxBodyBytes });
    const bytes = (more: object) =>
      first({ ...one(more), webhooks: { x: hook(1000), y: hook(2000) } }).limits.requestBytes;
    expect(bytes({})).toBe(2000);
    expect(bytes({ limits: { requestBytes: 5000 } })).toBe(5000);
    expect(bytes({ url: true })).toBe(LIMIT_RULES.requestBytes.default);
  });

  it('keeps names of Object.prototype apart from it', () => {
    const spec = first({ functions: { constructor: { entry: 'a.ts', env: { toString: 'x' } } } });
    expect(spec.name).toBe('constructor');
    expect(Object.keys(spec.env)).toEqual(['toString']);
    expect(spec.env['valueOf']).toBeUndefined();
  });

  it('raises isolation by function, tenant and server, and lets a tenant entry lower the server', () => {
    const isolation = (own: object, operator: object = {}) => first({ ...one(own), ...operator });
    const server = { server: { isolation: 'process' } };
    const tenant = (grant: object) => ({ tenants: { acme: { functions: ['*'], ...grant } } });
    expect(isolation({})).toMatchObject({ isolation: 'shared', wasm: false });
    expect(isolation({ isolation: 'process', wasm: true })).toMatchObject({ isolation: 'process', wasm: true });
    expect(isolation({}, tenant({ isolation: 'process' })).isolation).toBe('tenant');
    expect(isolation({ isolation: 'process' }, tenant({ isolation: 'process' })).isolation).toBe('process');
    expect(isolation({ wasm: true }, server)).toMatchObject({ isolation: 'tenant', wasm: true });
    expect(isolation({}, { ...server, ...tenant({}) }).isolation).toBe('tenant');
    expect(isolation({ isolation: 'shared' }, { ...server, ...tenant({ isolation: 'shared' }) }).isolation).toBe(
      'shared',
    );
    expect(project.load(one({ isolation: 'process' })).warnings).toEqual([]);
  });
});

describe('overrides', () => {
  it('lets the environment override the file and flags override both', () => {
    const env = {
      ISOLANE_SERVER_PORT: '1',
      ISOLANE_SERVER_ADMIN_PORT: '2',
      ISOLANE_SERVER_DATA_DIR: 'data',
      ISOLANE_SERVER_MEMORY_MIB: '512',
    };
    const file = { ...one(), server: { port: 9, memoryMiB: 128, host: '::1' } };
    expect(project.load(file, { env, flags: { port: 3 } }).config.server).toMatchObject({
      host: '::1',
      port: 3,
      adminPort: 2,
      dataDir: join(project.directory, 'data'),
      memoryMiB: 512,
    });
  });

  it('refuses overrides that are wrong or override nothing', () => {
    const env = { ISOLANE_SERVER_PORT: 'http', ISOLANE_SERVER_PROT: '1', ISOLANE_TOKEN: 'fine' };
    expect(project.refusals(one(), { env, flags: { adminPort: 70_000 } })).toEqual([
      'ISOLANE_SERVER_PORT is "http", but must be a whole number from 0 to 65535.',
      'ISOLANE_SERVER_PROT is set in the environment, but overrides nothing; did you mean "ISOLANE_SERVER_PORT"?',
      '--admin-port is 70000, but must be a whole number from 0 to 65535.',
    ]);
  });

  it('tells a client where the host listens without resolving functions', () => {
    project.write('isolane.json', JSON.stringify({ functions: { a: { entry: 'gone.ts' } }, server: { adminPort: 5 } }));
    expect(loadServer('isolane.json', { env: {}, workingDirectory: project.directory }).adminPort).toBe(5);
  });
});

describe('a file that cannot be read', () => {
  it('is missing', () => {
    const load = () => loadConfig('none.json', { env: {}, workingDirectory: project.directory });
    expect(load).toThrow(HostError);
    expect(load).toThrow('There is no none.json; "isolane init" writes one, --config names another.');
  });

  it.each([
    ['{ "functions": { "a": { "entry": "a.ts" } }', 'isolane.json:1:44: a closing "}" was expected.'],
    ['{\n  "functions" {}\n}', 'isolane.json:2:15: a colon was expected.'],
    ['{ "functions": {} "server": {} }', 'isolane.json:1:19: a comma was expected.'],
    ['{ functions: {} }', 'isolane.json:1:3: a key in double quotes was expected.'],
    ['', 'isolane.json:1:1: a value was expected.'],
    ['{ "functions": {}, "functions": {} }', 'isolane.json:1:20: functions is written twice; keep one of them.'],
    ['{ "functions": { "__proto__": {} } }', 'isolane.json:1:18: functions.__proto__ is not a usable key; rename it.'],
    ['['.repeat(1e5), 'isolane.json:1:33: this is nested more than 32 levels deep; flatten it.'],
  ])('is no JSON: %.40s', (text, sentence) => {
    expect(project.refusals(text)).toEqual([sentence]);
  });
});

it('warns of a lifted address that is the admin plane', () => {
  const lifted = (...privateHosts: string[]) =>
    project.load({ ...one(), tenants: { t: { functions: ['a'], privateHosts } } }).warnings;
  expect(lifted('127.0.0.1:8788', '[::1]:8788', 'localhost:8788')).toHaveLength(3);
  expect(lifted('127.0.0.1:8788')[0]).toMatch(
    /^tenants\.t\.privateHosts\[0\] is "127\.0\.0\.1:8788", but that is the admin/,
  );
  expect(lifted('10.0.0.5:8788', '127.0.0.1:8789')).toEqual([]);
});
