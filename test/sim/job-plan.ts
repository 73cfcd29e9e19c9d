/** What one invocation will do, drawn when it is handed over: its turns, its waits, its answer. */

import type { ByteStream } from '../../src/contract/invocation.ts';
import type { Outcome } from '../../src/contract/outcome.ts';
import { Chance } from './chance.ts';
import type { SimClock } from './sim-clock.ts';
import type { FunctionPlan } from './world.ts';

export interface JobPlan {
  readonly turns: readonly { readonly us: number; readonly awaitUs: number }[];
  /** The turn that produces the response head; -1: none does. */
  readonly headTurn: number;
  readonly streams: boolean;
  /** Waits for ever after its last turn, until it is ended. */
  readonly hangs: boolean;
  readonly outcome: Outcome;
}

export function planOf(plan: FunctionPlan, seed: number, key: string): JobPlan {
  const chance = new Chance(seed, 'job', key);
  const count = chance.is(plan.awaits) ? chance.whole(2, 4) : 1;
  const turns = Array.from({ length: count }, () => ({
    us: chance.is(0.05) ? chance.scale(4000, 40_000) : Math.max(5, Math.round(plan.turnUs * (0.5 + chance.next()))),
    awaitUs: Math.max(5, Math.round(plan.awaitUs * (0.5 + chance.next()))),
  }));
  const hangs = chance.is(0.03);
  const fails = chance.is(0.08);
  return {
    turns,
    headTurn: fails ? -1 : chance.whole(0, count - 1),
    streams: chance.is(0.2),
    hangs,
    outcome: fails ? 'function_error' : 'ok',
  };
}

/** A response body that comes in two chunks, or breaks off at once. */
export function streamOf(clock: SimClock, breaks: boolean): ByteStream {
  let chunks = 2;
  return {
    length: null,
    read: () =>
      new Promise((resolve, reject) => {
        clock.afterUs(200, () => {
          if (breaks) reject(new Error('the invocation broke off'));
          else resolve(chunks-- > 0 ? new Uint8Array(2) : null);
        });
      }),
    cancel: () => undefined,
  };
}
