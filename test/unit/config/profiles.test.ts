/** `--profile`: published limits of other platforms as defaults and as ceilings. */
import { afterAll, describe, expect, it } from 'vitest';
import { PROFILE_NAMES, PROFILES, type ProfileName, profileProblem } from '../../../src/config/profiles.ts';
import { LIMIT_RULES, type Limits } from '../../../src/contract/limits.ts';
import { Project } from './project.ts';

const project = new Project();
afterAll(() => project.remove());
const one = (more: object = {}, rest: object = {}): object => ({
  functions: { a: { entry: 'a.ts', ...more } },
  ...rest,
});
const under = (profile: ProfileName, config: object = one()) => project.load(config, { flags: { profile } });
const limitsUnder = (profile: ProfileName, more: object = {}): Limits =>
  under(profile, one(more)).config.functions[0]!.limits;

describe('the figures', () => {
  const figures = PROFILE_NAMES.flatMap((name) =>
    Object.entries(PROFILES[name].limits).map(([key, figure]) => ({ at: `${name}.${key}`, key, ...figure })),
  );

  it.each(figures)('$at can be had here and says where it comes from', ({ key, max, source, ...rest }) => {
    const rule = LIMIT_RULES[key as keyof Limits];
    expect(max).toBeLessThanOrEqual(rule.max);
    expect('default' in rest ? rest.default : max).toBeLessThanOrEqual(max);
    expect('default' in rest ? rest.default : max).toBeGreaterThanOrEqual(rule.min);
    expect(source).toMatch(/^https:\/\/|^unverified$/);
  });
});

describe('a profile', () => {
  it('sets defaults, and leaves the rest as it is', () => {
    expect(limitsUnder('cloudflare-free')).toMatchObject({
      cpuMs: 10,
      memoryMiB: 128,
      subrequests: 50,
      wallMs: 30_000,
    });
    expect(limitsUnder('cloudflare-paid')).toMatchObject({ cpuMs: 30_000, subrequests: 10_000 });
    expect(limitsUnder('lambda-512')).toMatchObject({ memoryMiB: 512, wallMs: 3000, requestBytes: 6_291_456 });
    expect(limitsUnder('supabase')).toMatchObject({ memoryMiB: 256, cpuMs: 2000, wallMs: 150_000 });
    expect(limitsUnder('vercel-edge')).toMatchObject({ subrequests: 950, wallMs: 25_000, requestBytes: 4_194_304 });
  });

  it('lets a function ask for less, or for as much as the ceiling', () => {
    expect(limitsUnder('cloudflare-paid', { limits: { cpuMs: 300_000, memoryMiB: 8 } })).toMatchObject({
      cpuMs: 300_000,
      memoryMiB: 8,
    });
  });

  it('refuses a function that asks for more, in one sentence with key, value and profile', () => {
    const config = one({ limits: { cpuMs: 11, memoryMiB: 129 } });
    expect(project.refusals(config, { flags: { profile: 'cloudflare-free' } })).toEqual([
      'functions.a.limits.memoryMiB is 129, but profile "cloudflare-free" (Cloudflare Workers, Free) allows at most 128; lower it or choose another --profile.',
      'functions.a.limits.cpuMs is 11, but profile "cloudflare-free" (Cloudflare Workers, Free) allows at most 10; lower it or choose another --profile.',
    ]);
    expect(project.load(config).config.functions[0]!.limits).toMatchObject({ cpuMs: 11, memoryMiB: 129 });
  });

  it('bounds the defaults of other handlers and of webhooks too', () => {
    expect(limitsUnder('cloudflare-free', { handler: 'lambda' })).toMatchObject({
      cpuMs: 10,
      initMs: 1000,
      wallMs: 3000,
    });
    const webhook = { provider: 'github', secrets: ['s'], function: 'a' };
    const hooked = (more: object) => one({}, { webhooks: { w: { ...webhook, ...more } } });
    const { config } = under('lambda-512', hooked({}));
    expect([config.webhooks[0]!.maxBodyBytes, config.functions[0]!.limits.requestBytes]).toEqual([
      6_291_456, 6_291_456,
    ]);
    expect(project.refusals(hooked({ maxBodyBytes: 7_000_000 }), { flags: { profile: 'lambda-512' } })).toEqual([
      'webhooks.w.maxBodyBytes is 7000000, but profile "lambda-512" allows at most 6291456 (requestBytes); lower it or choose another --profile.',
    ]);
  });

  it('comes from the file, the environment or the flag, the later over the earlier', () => {
    const config = one({}, { server: { profile: 'supabase' } });
    expect(project.load(config).config.server.profile).toBe('supabase');
    const env = { ISOLANE_SERVER_PROFILE: 'vercel-edge' };
    expect(project.load(config, { env }).config.server.profile).toBe('vercel-edge');
    expect(project.load(config, { env, flags: { profile: 'lambda-512' } }).config.server.profile).toBe('lambda-512');
    expect(project.load(one()).config.server.profile).toBeNull();
    expect(project.refusals(one({}, { server: { profile: 'azure' } }))).toEqual([
      expect.stringMatching(/^server\.profile is "azure", but must be "cloudflare-free" or .*"vercel-edge"\.$/),
    ]);
  });

  it('is known by name only', () => {
    expect(profileProblem('supabase')).toBeNull();
    expect(profileProblem('cloudflare-fre')).toBe('"cloudflare-fre" is not a profile; did you mean "cloudflare-free"?');
    expect(profileProblem('azure')).toMatch(/^"azure" is not a profile; there are cloudflare-free, .*vercel-edge\.$/);
    for (const name of ['__proto__', 'constructor', '']) expect(profileProblem(name)).not.toBeNull();
  });
});
