/**
 * The shape of `isolane.json`: one description for parsing, for the shipped JSON Schema and for the words of refusals.
 * Every message is the rest of a sentence that begins "<path> is <value>, but must be …". Meaning (routes, entry
 * files, references between parts) is not checked here.
 */
import { z } from 'zod';
import { LIMIT_RULES, type Limits } from '../contract/limits.ts';
import { PROFILE_NAMES } from './profiles.ts';
import type { RawConfig, RawFunction, RawLimits, RawServer, RawTenant, RawValue, RawWebhook } from './raw.ts';

export const NAME: RegExp = /^[a-z0-9][a-z0-9-]{0,62}$/;
const BINDING: RegExp = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const NAME_RULE = 'use "a" to "z", digits and "-", at most 63 of them, not beginning with "-"';
const BINDING_RULE = 'use letters, digits and "_", not beginning with a digit';
const HOURS_MAX = 720;

type Shape = Record<string, z.ZodType>;

/** An object that refuses unknown keys; its message for them is the list of the known ones. */
function strict<S extends Shape>(shape: S, what: string): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape).join(' ');
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? known : what) });
}

const text = (what: string, max = 4096): z.ZodString =>
  z
    .string({ error: what })
    .min(1, { error: what })
    .max(max, { error: `${what} of at most ${max} characters` });
const flag: z.ZodBoolean = z.boolean({ error: 'true or false' });
const list = <T extends z.ZodType>(item: T, what: string, max = 1000): z.ZodArray<T> =>
  z.array(item, { error: what }).max(max, { error: `${what}, at most ${max}` });
const quoted = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(' or ');
const oneOf = <const T extends readonly string[]>(words: T): z.ZodEnum<z.core.util.ToEnum<T[number]>> =>
  z.enum(words, { error: quoted(words) });

function whole(min: number, max: number): z.ZodInt {
  const error = `a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

function named<V extends z.ZodType>(pattern: RegExp, rule: string, value: V, what: string) {
  return z.record(z.string().regex(pattern, { error: rule }), value, { error: what });
}

const VALUE_RULE = 'text, { "env": "NAME" } or { "secret": "NAME" }';
const value: z.ZodType<RawValue> = z.union(
  [
    z.string(),
    strict({ env: text('the name of an environment variable', 256) }, VALUE_RULE),
    strict({ secret: text('the name of a secret', 256) }, VALUE_RULE),
  ],
  { error: VALUE_RULE },
);

function limitShape(): Record<keyof Limits, z.ZodOptional<z.ZodInt>> {
  const entries = Object.entries(LIMIT_RULES).map(([name, rule]) => [
    name,
    whole(rule.min, rule.max).optional().meta({ default: rule.default }),
  ]);
  return Object.fromEntries(entries) as Record<keyof Limits, z.ZodOptional<z.ZodInt>>;
}

const limits: z.ZodType<RawLimits> = strict(limitShape(), 'an object of limits such as { "memoryMiB": 64 }');

const isolation = oneOf(['shared', 'process']);

const rate = strict(
  { perSecond: whole(1, 1_000_000), burst: whole(1, 1_000_000).optional() },
  'an object such as { "perSecond": 100, "burst": 200 }',
);
const cron = strict(
  { schedule: text('a cron schedule such as "*/5 * * * *"', 256), timezone: text('a time zone', 64).optional() },
  'an object such as { "schedule": "*/5 * * * *", "timezone": "UTC" }',
);
const routeText = text('a route such as "GET /hello/:name"', 1024);

const functionSchema: z.ZodType<RawFunction> = strict(
  {
    entry: text('the path of a .ts, .tsx, .js or .mjs file relative to this one').describe('Bundled by esbuild.'),
    handler: text('"fetch", "lambda" or "lambda:exportName"', 256).optional().meta({ default: 'fetch' }),
    routes: list(routeText, 'a list of routes').optional().describe('"[METHOD ][host]/path"'),
    url: flag.optional().meta({ default: false, description: 'Also served at /fn/<name>/…' }),
    auth: oneOf(['none', 'token']).optional().meta({ default: 'none' }),
    env: named(BINDING, BINDING_RULE, value, 'an object of names and values').optional(),
    services: named(BINDING, BINDING_RULE, text('the name of a function', 63), 'an object of names and functions')
      .optional()
      .describe('env.NAME.fetch(request) calls another function without the network.'),
    limits: limits.optional(),
    rate: rate.optional(),
    egress: strict(
      { allow: list(text('a host name', 253), 'a list of host names').optional() },
      'an object such as { "allow": ["api.github.com"] }',
    )
      .optional()
      .describe('Absent: any public address.'),
    idempotency: strict(
      { ttlHours: whole(1, HOURS_MAX).optional() },
      'an object such as { "ttlHours": 24 }',
    ).optional(),
    warm: whole(0, 1000).optional().meta({ default: 0, description: 'Isolates kept ready.' }),
    reserved: whole(0, LIMIT_RULES.instances.max).optional().meta({
      default: 0,
      description: 'Isolates for which room is kept: no other function may take it. At most limits.instances.',
    }),
    cron: list(cron, 'a list of schedules', 100).optional(),
    isolation: isolation
      .optional()
      .describe(
        '"process": an engine process of its own. Never below what tenant or server demand, which is the default.',
      ),
    wasm: flag.optional().meta({ default: false, description: 'WebAssembly; needs isolation "process".' }),
  },
  'an object with at least "entry"',
);

const webhookSchema: z.ZodType<RawWebhook> = strict(
  {
    provider: oneOf(['github', 'standard']),
    secrets: list(value, 'a list of one to ten secrets', 10).min(1, { error: 'a list of one to ten secrets' }),
    function: text('the name of a function', 63),
    mode: oneOf(['async', 'sync']).optional().meta({ default: 'async' }),
    dedupHours: whole(0, HOURS_MAX).optional().meta({ default: 72 }),
    attempts: whole(1, 100).optional().meta({ default: 8 }),
    maxBodyBytes: whole(1, LIMIT_RULES.requestBytes.max).optional().meta({ default: 26_214_400 }),
  },
  'an object with at least "provider", "secrets" and "function"',
);

const addresses = list(text('an address or range', 64), 'a list of addresses or ranges such as "10.0.0.0/8"');

const serverShape = {
  host: text('an address or host name to listen on', 253).optional().meta({ default: '127.0.0.1' }),
  port: whole(0, 65_535).optional().meta({ default: 8787, description: '0 picks a free one.' }),
  adminHost: text('an address or host name to listen on', 253).optional().meta({ default: '127.0.0.1' }),
  adminPort: whole(0, 65_535).optional().meta({ default: 8788, description: '0 picks a free one.' }),
  dataDir: text('the path of a directory').optional().meta({ default: '.isolane' }),
  publicUrl: text('an http or https URL', 2048).optional(),
  trustedProxies: addresses.optional(),
  isolation: isolation.optional().meta({
    default: 'shared',
    description: '"process": no function runs in the host; each tenant has an engine process.',
  }),
  memoryMiB: whole(64, 1_048_576).optional().meta({ default: 2048, description: 'What the warm pool may hold.' }),
  maxIsolates: whole(1, 100_000).optional().meta({ default: 4000 }),
  maxConnections: whole(1, 1_000_000).optional().meta({ default: 10_000 }),
  queueDepth: whole(1, 1_000_000).optional().meta({ default: 10_000 }),
  profile: oneOf(PROFILE_NAMES).optional().describe("A platform's published limits, as defaults and as ceilings."),
};

/** Keys of `server`, each with the schema an override from the environment or a flag goes through too. */
export const SERVER_KEYS: ReadonlyMap<keyof RawServer, z.ZodType> = new Map(
  Object.entries(serverShape) as [keyof RawServer, z.ZodType][],
);

const globs = list(text('a function name or pattern such as "shop-*"', 64), 'a list of function names or patterns');
const tenantSchema: z.ZodType<RawTenant> = strict(
  {
    functions: globs,
    privateHosts: list(text('a "host:port" pair', 300), 'a list of "host:port" pairs').optional(),
    isolation: isolation
      .optional()
      .describe('"process": an engine process for this tenant. Default: server.isolation.'),
    memoryMiB: whole(8, 1_048_576).optional().describe('What all isolates of this tenant may hold.'),
    instances: whole(1, 100_000).optional().describe('Isolates of this tenant.'),
  },
  'an object with at least "functions"',
);

const ratio = 'a number from 0 to 1';
const telemetry = strict(
  {
    sampleRatio: z
      .number({ error: ratio })
      .min(0, { error: ratio })
      .max(1, { error: ratio })
      .optional()
      .meta({ default: 0.05 }),
    trustedParents: addresses.optional(),
  },
  'an object such as { "sampleRatio": 0.05 }',
);
const billing = strict(
  { durability: oneOf(['process', 'power']).optional().meta({ default: 'process' }) },
  'an object such as { "durability": "process" }',
);

export const configSchema: z.ZodType<RawConfig> = strict(
  {
    $schema: z.string({ error: 'the address of a JSON Schema' }).optional(),
    functions: named(NAME, NAME_RULE, functionSchema, 'an object of functions'),
    webhooks: named(NAME, NAME_RULE, webhookSchema, 'an object of webhook endpoints').optional(),
    server: strict(serverShape, 'an object such as { "port": 8787 }').optional().describe('Operator only.'),
    tenants: named(NAME, NAME_RULE, tenantSchema, 'an object of tenants').optional().describe('Operator only.'),
    telemetry: telemetry.optional(),
    billing: billing.optional(),
  },
  'an object with at least "functions"',
);

/** The JSON Schema that is shipped as `isolane.schema.json`, draft 7 because editors know that best. */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(configSchema, { target: 'draft-07', io: 'input' });
  return { $schema, title: 'isolane.json', allowComments: true, allowTrailingCommas: true, ...rest };
}
