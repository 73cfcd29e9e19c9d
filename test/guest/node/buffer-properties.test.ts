/** Buffer against Node's own, on random bytes, texts and places: one isolate answers a list of questions. */
import { Buffer as NodeBuffer } from 'node:buffer';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundled } from '../../support/bundled.ts';
import type { Guest } from '../../support/isolate.ts';

type Question = readonly [method: string, bytes: readonly number[], ...args: (string | number | null)[]];

const ANSWER = `
const answer = (Buffer, [method, bytes, ...args]) => {
  const given = args.map((arg) => (arg === null ? undefined : arg));
  try {
    if (method === 'from') return [...Buffer.from(...given)];
    if (method === 'byteLength') return Buffer.byteLength(...given);
    const buffer = Buffer.from(bytes);
    const result = method.includes('Big') && method.startsWith('write') ? buffer[method](BigInt(given[0]), given[1]) : buffer[method](...given);
    if (/^(write|fill)/.test(method)) return [typeof result === 'number' ? result : 0, ...buffer];
    return typeof result === 'bigint' ? String(result) : result instanceof Uint8Array ? [...result] : result;
  } catch (error) {
    return [error.name, error.code, error.message];
  }
};`;
const inNode = new Function('Buffer', 'questions', `${ANSWER} return questions.map((one) => answer(Buffer, one));`) as (
  buffer: typeof NodeBuffer,
  questions: readonly Question[],
) => unknown[];

let guest: Guest;
beforeAll(async () => {
  ({ guest } = await bundled(
    `import { Buffer } from 'node:buffer';${ANSWER}
    export default { async fetch(request) { return Response.json((await request.json()).map((one) => answer(Buffer, one))); } };`,
    { memoryMiB: 128 },
  ));
});
afterAll(() => guest.close());

const inGuest = (questions: readonly Question[]): unknown[] => {
  const turn = guest.fetch('http://example.com/', { method: 'POST', body: { text: JSON.stringify(questions) } });
  return JSON.parse((turn.get('head').body as { text: string }).text) as unknown[];
};

const check = (questions: fc.Arbitrary<Question>, numRuns = 40): void => {
  fc.assert(
    fc.property(fc.array(questions, { minLength: 20, maxLength: 60 }), (list) => {
      const wanted = JSON.parse(JSON.stringify(inNode(NodeBuffer, list))) as unknown[];
      const pairs = (results: readonly unknown[]) =>
        list.map((question, index) => ({ question, result: results[index] }));
      expect(pairs(inGuest(list))).toEqual(pairs(wanted));
    }),
    { numRuns },
  );
};

const encoding = fc.constantFrom(
  'utf8',
  'utf-8',
  'hex',
  'base64',
  'base64url',
  'latin1',
  'binary',
  'ascii',
  'ucs2',
  'utf16le',
  'HEX',
  null,
);
const bytes = fc.oneof(
  fc.array(fc.nat(255), { maxLength: 40 }),
  fc.array(fc.nat(127), { minLength: 60, maxLength: 130 }),
  fc.array(fc.nat(255), { minLength: 60, maxLength: 130 }),
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({ unit: 'grapheme', maxLength: 90 }),
  fc.base64String({ maxLength: 100 }),
  fc.string({ unit: fc.constantFrom('a', 'F', '9', 'g', ' ', '=', '-', '_', '+', '/', '\n', 'é', '€'), maxLength: 60 }),
);
/** What Node makes of base64 with characters beyond a byte depends on how V8 keeps the text. */
const sensible = (words: unknown, as: unknown): boolean =>
  !/base64/.test(String(as)) || typeof words !== 'string' || !/[^\0-\xff]/.test(words);
const place = fc.oneof(
  fc.integer({ min: -12, max: 60 }),
  fc.constant(null),
  fc.double({ min: -3, max: 20, noNaN: true }),
);

it('decodes bytes', () => {
  check(fc.tuple(fc.constant('toString'), bytes, encoding, place, place) as fc.Arbitrary<Question>);
});
it('encodes texts', () => {
  const encode = fc.tuple(fc.constantFrom('from', 'byteLength'), fc.constant([]), text, encoding);
  check(encode.filter(([, , words, as]) => sensible(words, as)) as unknown as fc.Arbitrary<Question>);
});
it('writes and fills', () => {
  const whole = fc.oneof(fc.integer({ min: 0, max: 50 }), fc.constant(null));
  const words = fc.oneof(text, fc.nat(300));
  const write = fc.tuple(fc.constantFrom('write', 'fill'), bytes, words, whole, whole, encoding);
  const wide = (method: string, value: unknown) => method === 'write' && typeof value === 'number';
  check(
    write.filter(([method, , value, , , as]) => !wide(method, value) && sensible(value, as)) as fc.Arbitrary<Question>,
    80,
  );
});
it('finds', () => {
  const short = fc.array(fc.nat(2), { maxLength: 30 });
  const needle = fc.oneof(fc.nat(3), fc.string({ unit: fc.constantFrom('\0', '\x01', '\x02'), maxLength: 3 }));
  const method = fc.constantFrom('indexOf', 'lastIndexOf', 'includes');
  check(
    fc.tuple(method, short, needle, place, fc.constantFrom('latin1', 'utf8', 'hex', null)) as fc.Arbitrary<Question>,
  );
});
it('slices', () => {
  check(fc.tuple(fc.constantFrom('slice', 'subarray'), bytes, place, place) as fc.Arbitrary<Question>);
});
it('reads and writes numbers', () => {
  const names = Object.keys(NodeBuffer.prototype).filter((name) => /^(read|write)[A-Z]/.test(name));
  const number = fc.oneof(fc.integer(), fc.nat(300), fc.integer({ min: -300, max: 300 }), fc.maxSafeInteger());
  const at = fc.oneof(fc.nat(12), fc.constant(0), fc.integer({ min: -2, max: 2 }));
  const width = fc.integer({ min: 0, max: 7 });
  const source = fc.array(fc.nat(255), { minLength: 8, maxLength: 16 });
  const read = fc.tuple(fc.constantFrom(...names.filter((name) => name.startsWith('read'))), source, at, width);
  const write = fc.tuple(
    fc.constantFrom(...names.filter((name) => name.startsWith('write'))),
    source,
    number,
    at,
    width,
  );
  check(fc.oneof(read, write) as unknown as fc.Arbitrary<Question>, 80);
});
