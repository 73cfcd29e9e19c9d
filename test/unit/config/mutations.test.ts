import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { HostError } from '../../../src/contract/errors.ts';
import { LIMIT_RULES } from '../../../src/contract/limits.ts';
import { Project } from './project.ts';

const project = new Project();
afterAll(() => project.remove());

const VALID = {
  $schema: './isolane.schema.json',
  functions: {
    a: {
      entry: 'a.ts',
      handler: 'lambda:x',
      routes: ['GET /hello/:name', 'api.example.com/v1/*'],
      url: true,
      env: { A: 'text', B: { env: 'HOME' } },
      services: { B: 'b' },
      limits: { memoryMiB: 64, cpuMs: 50 },
      rate: { perSecond: 1, burst: 2 },
      egress: { allow: ['x.org'] },
      idempotency: { ttlHours: 1 },
      cron: [{ schedule: '*/5 * * * *', timezone: 'UTC' }],
    },
    b: { entry: 'b.ts' },
  },
  webhooks: { w: { provider: 'github', secrets: ['x', { env: 'HOME' }], function: 'a' } },
  server: { port: 0, trustedProxies: ['10.0.0.0/8'] },
  tenants: { t: { functions: ['a', 'b'], privateHosts: ['10.0.0.1:80'] } },
  telemetry: { sampleRatio: 0.5, trustedParents: [] },
  billing: { durability: 'power' },
};

/** Every path of `VALID`, so that a mutation can strike anywhere. */
function paths(value: unknown, at: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, child]) => paths(child, [...at, key]))];
}

function mutate(root: unknown, path: readonly string[], change: { key: string; value: unknown } | null): unknown {
  const [head, ...rest] = path;
  if (head === undefined) {
    if (change === null) return undefined;
    if (change.key === '' || typeof root !== 'object' || root === null) return change.value;
    return Array.isArray(root) ? [...root, change.value] : { ...root, [change.key]: change.value };
  }
  if (Array.isArray(root))
    return root.map((item, index) => (String(index) === head ? mutate(item, rest, change) : item));
  const object = root as Record<string, unknown>;
  return { ...object, [head]: mutate(object[head], rest, change) };
}

const hostile = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    '',
    'a',
    'b',
    '*',
    '/',
    'GET /',
    '/:a/:a',
    '@daily',
    '* * * * *',
    '__proto__',
    'constructor',
    0,
    -1,
    1e308,
    null,
    {},
    [],
  ),
  fc.string({ unit: 'binary' }),
);

it('takes every mutated configuration whole or refuses it as CONFIG_INVALID', () => {
  let taken = 0;
  let refused = 0;
  const change = fc.option(
    fc.record({
      key: fc.oneof(fc.constant(''), fc.string(), fc.constantFrom('__proto__', 'toString', 'limits')),
      value: hostile,
    }),
    { freq: 1 },
  );
  const mutations = fc.array(fc.tuple(fc.constantFrom(...paths(VALID)), change), { minLength: 1, maxLength: 2 });
  fc.assert(
    fc.property(mutations, (list) => {
      const config = list.reduce<unknown>((value, [path, how]) => {
        try {
          return mutate(value, path, how);
        } catch {
          return value; // An earlier mutation removed this path.
        }
      }, VALID);
      try {
        const { config: loaded } = project.load(JSON.stringify(config) ?? '', { env: { HOME: 'home-value' } });
        taken++;
        for (const spec of loaded.functions) {
          for (const [key, rule] of Object.entries(LIMIT_RULES)) {
            const limit = spec.limits[key as keyof typeof LIMIT_RULES];
            expect(Number.isInteger(limit) && limit >= rule.min && limit <= rule.max, key).toBe(true);
          }
          expect(Object.values(spec)).not.toContain(undefined);
        }
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        refused++;
        expect(error.code).toBe('CONFIG_INVALID');
        expect(error.message).toMatch(/[.?]$/);
        expect(error.message).not.toMatch(/undefined|Invalid input|home-value/);
      }
    }),
    { numRuns: 1500 },
  );
  expect(taken).toBeGreaterThan(40);
  expect(refused).toBeGreaterThan(40);
});

it('takes every mangled text or refuses it as CONFIG_INVALID', () => {
  const text = JSON.stringify(VALID);
  const cut = fc.tuple(
    fc.nat(text.length),
    fc.nat(30),
    fc.oneof(fc.string(), fc.constantFrom('{', '}', '"', '/*', '//', '[', ',')),
  );
  fc.assert(
    fc.property(cut, ([at, length, insert]) => {
      try {
        project.load(text.slice(0, at) + insert + text.slice(at + length), { env: { HOME: '/' } });
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        expect(error.code).toBe('CONFIG_INVALID');
      }
    }),
    { numRuns: 500 },
  );
});
