/**
 * Published limits of other platforms, for `--profile`: the same code under the same figures. The one place that states
 * them, each with where it was read. What a platform does not publish, or counts in a way isolane has no limit for, is
 * left out rather than guessed; isolane's own limits stay in force there.
 */

import type { Limits } from '../contract/limits.ts';
import { didYouMean } from '../contract/nearest.ts';
import { MIB } from '../contract/units.ts';

/** `max`: a function that asks for more is refused. `default`: what one that does not ask gets; absent: `max`. */
export interface Figure {
  readonly max: number;
  readonly default?: number;
  /** What the figure is on the platform, where it differs from ours. */
  readonly note?: string;
  readonly source: Source;
}

export interface Profile {
  /** As a person calls it. */
  readonly title: string;
  readonly limits: Readonly<Partial<Record<keyof Limits, Figure>>>;
}

/** Pages as they read in November 2026. */
const SOURCES = {
  workers: 'https://developers.cloudflare.com/workers/platform/limits/',
  workersCpu: 'https://developers.cloudflare.com/changelog/2025-03-25-higher-cpu-limits/',
  workersStart: 'https://developers.cloudflare.com/changelog/2025-10-10-increased-startup-time',
  workersLogs: 'https://developers.cloudflare.com/changelog/2025-04-07-increase-trace-events-limit',
  lambda: 'https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html',
  lambdaStreams: 'https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html',
  supabase: 'https://supabase.com/docs/guides/functions/limits',
  vercel: 'https://vercel.com/docs/functions/limitations',
  vercelEdge: 'https://vercel.com/docs/functions/runtimes/edge',
  vercelFetch: 'https://vercel.com/docs/concepts/functions/edge-functions/limitations',
  /** Known from use and older editions; the page it stands on today was not found. */
  unverified: 'unverified',
} as const;

/** Where a figure was read; `unverified` when not on a page of today. */
export type Source = string;

const MB = 1_000_000;

/** What both Workers plans have in common. */
const WORKERS: Profile['limits'] = {
  memoryMiB: { max: 128, source: SOURCES.workers },
  initMs: { max: 1000, source: SOURCES.workersStart },
  logBytes: { max: 262_144, source: SOURCES.workersLogs },
  bundleBytes: { max: 64 * MIB, note: 'before compression', source: SOURCES.workers },
  waitUntilMs: { max: 30_000, source: SOURCES.unverified },
};

export type ProfileName = 'cloudflare-free' | 'cloudflare-paid' | 'lambda-512' | 'supabase' | 'vercel-edge';

export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  'cloudflare-free': {
    title: 'Cloudflare Workers, Free',
    limits: {
      ...WORKERS,
      cpuMs: { max: 10, source: SOURCES.workers },
      subrequests: { max: 50, source: SOURCES.workers },
      requestBytes: { max: 100 * MB, note: 'of a Free or Pro zone', source: SOURCES.workers },
    },
  },
  'cloudflare-paid': {
    title: 'Cloudflare Workers, Paid',
    limits: {
      ...WORKERS,
      cpuMs: { max: 300_000, default: 30_000, source: SOURCES.workersCpu },
      subrequests: { max: 10_000, source: SOURCES.workers },
      requestBytes: {
        max: 500 * MB,
        default: 100 * MB,
        note: 'by the plan of the zone: Free and Pro, up to Enterprise',
        source: SOURCES.workers,
      },
    },
  },
  'lambda-512': {
    title: 'AWS Lambda with 512 MB',
    limits: {
      memoryMiB: { max: 512, source: SOURCES.lambda },
      wallMs: { max: 900_000, default: 3000, source: SOURCES.lambda },
      cpuMs: { max: 300_000, default: 3000, note: 'the time limit is one for both', source: SOURCES.lambda },
      initMs: { max: 10_000, source: SOURCES.unverified },
      concurrency: { max: 1, note: 'an environment serves one event at a time', source: SOURCES.lambda },
      requestBytes: { max: 6 * MIB, note: 'synchronous', source: SOURCES.lambda },
      responseBytes: { max: 6 * MIB, note: 'not streamed', source: SOURCES.lambdaStreams },
      streamedResponseBytes: { max: 200 * MIB, source: SOURCES.lambdaStreams },
      bundleBytes: { max: 50 * MIB, note: 'zipped, uploaded directly', source: SOURCES.lambda },
    },
  },
  supabase: {
    title: 'Supabase Edge Functions',
    limits: {
      memoryMiB: { max: 256, source: SOURCES.supabase },
      cpuMs: { max: 2000, source: SOURCES.supabase },
      wallMs: {
        max: 400_000,
        default: 150_000,
        note: 'of a worker: 400 s paid, 150 s free; of a request without an answer: 150 s',
        source: SOURCES.supabase,
      },
      bundleBytes: { max: 20 * MB, source: SOURCES.supabase },
    },
  },
  'vercel-edge': {
    title: 'Vercel Functions, Edge runtime',
    limits: {
      memoryMiB: { max: 128, source: SOURCES.vercel },
      wallMs: {
        max: 300_000,
        default: 25_000,
        note: 'a response begins within 25 s and may stream for 300 s',
        source: SOURCES.vercelEdge,
      },
      subrequests: { max: 950, source: SOURCES.vercelFetch },
      requestBytes: { max: 4 * MIB, source: SOURCES.vercelFetch },
    },
  },
};

export const PROFILE_NAMES: readonly ProfileName[] = Object.keys(PROFILES) as ProfileName[];

/** `null`, or a sentence that names the nearest profile there is. */
export function profileProblem(name: string): string | null {
  if (Object.hasOwn(PROFILES, name)) return null;
  return `"${name}" is not a profile${didYouMean(name, PROFILE_NAMES, `; there are ${PROFILE_NAMES.join(', ')}.`)}`;
}

/** A profile's figure for a limit; `null`: it has none. */
export function figureOf(profile: ProfileName | null, limit: keyof Limits): Figure | null {
  if (profile === null) return null;
  return PROFILES[profile].limits[limit] ?? null;
}
