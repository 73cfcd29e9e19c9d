import { expect, it } from 'vitest';
import { BACKOFF_RULES, Backoff } from '../../../src/supervisor/backoff.ts';

it('replaces the first at once and waits ever longer in a series, to a bound', () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 12 }, () => {
    backoff.death(0);
    return backoff.delayMs(0);
  });
  expect(waits).toEqual([0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  expect(backoff.delayMs(29_000)).toBe(1000);
  expect(backoff.delayMs(31_000)).toBe(0);
});

it('forgets the series after a quiet minute', () => {
  const backoff = new Backoff();
  for (let at = 0; at < 5; at++) backoff.death(at);
  backoff.death(4 + BACKOFF_RULES.quietMs);
  expect(backoff.delayMs(4 + BACKOFF_RULES.quietMs)).toBe(1600);
  const later = 5 + 2 * BACKOFF_RULES.quietMs;
  backoff.death(later);
  expect(backoff.delayMs(later)).toBe(0);
});
