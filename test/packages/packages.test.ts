/**
 * The npm packages people use, each bundled by the host's own bundler and tried in a real isolate of a real host;
 * clients of services speak to `services.ts`. `ISOLANE_GOLDEN=write` writes the guide's page of them anew.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Corpus, readTries, type Tried, triedSlugs } from './corpus.ts';
import { page, readPage, writePage } from './guide.ts';

const tries = readTries();
const tried = new Map<string, Tried>();
let corpus: Corpus;

beforeAll(async () => {
  corpus = await Corpus.open(tries.map(({ slug }) => slug));
  // Bundling all of them is most of the work.
}, 240_000);
afterAll(() => corpus?.close());

it('every package has its try, and every try its package', () => {
  expect(triedSlugs().toSorted()).toEqual(tries.map(({ slug }) => slug).toSorted());
});

describe('packages', () => {
  for (const { name, version, slug } of tries) {
    it(`${name}@${version}`, async () => {
      const { came, note } = await corpus.try(slug);
      tried.set(slug, { came, note });
      expect(came.length).toBeGreaterThan(0);
      // Both sides crossed as JSON, which knows no undefined: a check that expects nothing would hold for nothing.
      expect(came.filter(({ error, expected }) => error === undefined && expected === undefined)).toEqual([]);
      expect(came.map(({ name: check, error, actual }) => [check, error ?? actual])).toEqual(
        came.map(({ name: check, expected }) => [check, expected]),
      );
    });
  }
});

it('the guide tells of exactly these', () => {
  const text = page(tries, tried);
  if (process.env['ISOLANE_GOLDEN'] === 'write') writePage(text);
  expect(readPage(), 'run test/packages with ISOLANE_GOLDEN=write and read what it wrote').toBe(text);
});
