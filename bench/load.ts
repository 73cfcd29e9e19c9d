/**
 * Loads a subject with the product's own generator (src/load), from processes of their own. A run with a single wrong
 * answer has no figures: it throws.
 */
import { load as loadOrigin } from '../src/load/load.ts';
import type { LoadPlan, LoadRequest, LoadResult } from '../src/load/plan.ts';

export type { LoadRequest, LoadResult } from '../src/load/plan.ts';

/** Where to, and what to get there. */
export interface Aim {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Sent in turn, instead of the one above. */
  readonly requests?: readonly LoadRequest[];
  /** `null`: any body. */
  readonly expectBody: string | null;
  /** 200 unless told otherwise. */
  readonly expectStatus?: number;
}

export type LoadShape = Pick<LoadPlan, 'connections' | 'warmupMs' | 'durationMs' | 'ratePerSecond'> &
  Partial<Pick<LoadPlan, 'processes' | 'serverTiming'>>;

export async function load(aim: Aim, shape: LoadShape): Promise<LoadResult> {
  const { port, path, method, headers, body } = aim;
  const one: LoadRequest = {
    path,
    ...(method === undefined ? {} : { method }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
  };
  const result = await loadOrigin({
    origin: { host: '127.0.0.1', port, tls: false, name: '127.0.0.1' },
    requests: aim.requests ?? [one],
    expect: { status: aim.expectStatus ?? 200, body: aim.expectBody },
    processes: 1,
    serverTiming: false,
    ...shape,
  });
  if (result.failures === 0) return result;
  const { statuses, errors, wrongBodies } = result;
  throw new Error(`${result.failures} of ${result.count} failed: ${JSON.stringify({ statuses, errors, wrongBodies })}`);
}
