/**
 * The most used npm packages, each bundled by the host's own bundler and tried in a real isolate of a real host.
 * Clients of services speak to `services.ts`.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Corpus, readTries, triedSlugs } from './corpus.ts';

const tries = readTries();
let corpus: Corpus;

beforeAll(async () => {
  corpus = await Corpus.open(tries.map(({ slug }) => slug));
});
afterAll(() => corpus?.close());

it('every package has its try, and every try its package', () => {
  expect(triedSlugs().toSorted()).toEqual(tries.map(({ slug }) => slug).toSorted());
});

describe('packages', () => {
  for (const { name, version, slug } of tries) {
    it(`${name}@${version}`, async () => {
      const came = await corpus.try(slug);
      expect(came.length).toBeGreaterThan(0);
      expect(came.map(({ name: check, error, actual }) => [check, error ?? actual])).toEqual(
        came.map(({ name: check, expected }) => [check, expected]),
      );
    });
  }
});
