/** When a bystander counts as held up: by more than the machine itself held up a plain server at the same moment. */
import { expect, it } from 'vitest';
import { type Sample, tooSlow } from '../support/bystander.ts';

/** A hundred a second for ten seconds; `tookMs` by the second. */
const load = (tookMs: (second: number) => number): readonly Sample[] =>
  Array.from({ length: 1000 }, (_, n) => ({ dueAt: 10 * n, tookMs: tookMs(Math.floor(n / 100)), status: 200 }));
const calm = load(() => 1);
const compare = (during: readonly Sample[], plainDuring: readonly Sample[], plainUndisturbed = calm): string | null =>
  tooSlow({ undisturbed: calm, during, plainUndisturbed, plainDuring });

it('is fine while nothing takes long', () => {
  expect(
    compare(
      load((second) => (second === 3 ? 29 : 1)),
      calm,
    ),
  ).toBeNull();
});

it('is too slow for a second in which a plain server was not', () => {
  expect(
    compare(
      load((second) => (second === 3 ? 60 : 1)),
      calm,
    ),
  ).toContain('100 of them');
});

it('is forgiven what the machine did to a plain server in that second, and nothing elsewhere', () => {
  const busy = load((second) => (second === 3 ? 30 : 1));
  expect(
    compare(
      load((second) => (second === 3 ? 60 : 1)),
      busy,
    ),
  ).toBeNull();
  expect(
    compare(
      load((second) => (second === 7 ? 60 : 1)),
      busy,
    ),
  ).toContain('100 of them');
  expect(
    compare(
      load((second) => (second === 3 ? 120 : 1)),
      busy,
    ),
  ).toContain('100 of them');
});

it('is forgiven one in a hundred', () => {
  const once = calm.map((sample, n) => (n % 101 === 0 ? { ...sample, tookMs: 500 } : sample));
  expect(compare(once, calm)).toBeNull();
});

it('is not judged where a plain server is slow by itself', () => {
  expect(
    compare(
      load(() => 100),
      calm,
      load(() => 20),
    ),
  ).toBeNull();
});
