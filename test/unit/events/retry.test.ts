import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { afterAttempt, backoffMs } from '../../../src/events/retry.ts';

const facts = { attempt: 1, maxAttempts: 8, nowMs: 1_000_000, chance: 0.5, ageMs: 0 };
const answer = (status: number, outcome = 'ok', retryAfterMs: number | null = null) => ({
  outcome,
  status,
  retryAfterMs,
});

describe('afterAttempt', () => {
  it.each([200, 204, 302, 399, 406, 410])('is done after %i', (status) => {
    expect(afterAttempt(answer(status), facts)).toEqual({ state: 'succeeded', retryAtMs: null, outcome: 'ok', status });
  });

  it.each([0, 400, 404, 500, 503])('tries again after %i', (status) => {
    expect(afterAttempt(answer(status, 'function_error'), facts)).toMatchObject({
      state: 'ready',
      retryAtMs: 1_005_000,
    });
  });

  it('gives up with the last attempt', () => {
    expect(afterAttempt(answer(500, 'function_error'), { ...facts, attempt: 7 }).state).toBe('ready');
    expect(afterAttempt(answer(500, 'function_error'), { ...facts, attempt: 8 })).toMatchObject({
      state: 'dead',
      retryAtMs: null,
    });
  });

  it.each(['aborted', 'overloaded', 'throttled'])('does not hold %s against the function', (outcome) => {
    expect(afterAttempt(answer(503, outcome), { ...facts, attempt: 8 }).state).toBe('ready');
    expect(afterAttempt(answer(503, outcome), { ...facts, attempt: 16 }).state).toBe('dead');
  });

  it('holds what is quarantined without counting it, for three days', () => {
    const held = afterAttempt(answer(503, 'quarantined', 60_000), { ...facts, attempt: 99 });
    expect(held).toEqual({
      state: 'ready',
      retryAtMs: 1_065_000,
      outcome: 'quarantined',
      status: 503,
      uncounted: true,
    });
    const old = { ...facts, ageMs: 3 * 86_400_000 + 1 };
    expect(afterAttempt(answer(503, 'quarantined', 60_000), old)).toMatchObject({ state: 'dead', retryAtMs: null });
    expect(afterAttempt(answer(500, 'function_error'), facts)).not.toHaveProperty('uncounted');
  });

  it('waits as long as the function asks, at most a day', () => {
    expect(afterAttempt(answer(503, 'ok', 77_000), facts).retryAtMs).toBe(1_077_000);
    expect(afterAttempt(answer(503, 'ok', 1e12), facts).retryAtMs).toBe(1_000_000 + 86_400_000);
  });
});

describe('backoffMs', () => {
  it('grows as documented on average', () => {
    const means = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((attempt) => backoffMs(attempt, 0.5) / 1000);
    expect(means).toEqual([5, 30, 120, 600, 1800, 7200, 21_600, 21_600, 21_600]);
  });

  it('is spread over the whole interval, but never immediate', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempt, chance) => {
          expect(backoffMs(attempt, chance)).toBeGreaterThanOrEqual(1000);
          expect(backoffMs(attempt, chance)).toBeLessThanOrEqual(2 * backoffMs(attempt, 0.5));
        },
      ),
    );
  });
});
