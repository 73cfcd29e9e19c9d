import { describe, expect, it } from 'vitest';
import { cursorField, limitField, nameField, oneOf, readQuery, someOf, timeField } from '../../../src/admin/query.ts';
import { nearest } from '../../../src/contract/nearest.ts';

const SHAPE = {
  function: nameField,
  outcome: oneOf(['ok', 'crashed']),
  by: someOf(['function', 'outcome'], ['function']),
  from: timeField,
  limit: limitField,
  cursor: cursorField,
};
const read = (query: string) => readQuery(`http://localhost/v1/x${query}`, SHAPE);

describe('query parameters', () => {
  it('have defaults', () => {
    expect(read('')).toEqual({ function: null, outcome: null, by: ['function'], from: null, limit: 50, cursor: null });
  });

  it('are read and brought into the form of records', () => {
    expect(
      read('?function=a-1&outcome=crashed&by=outcome,function&from=2026-11-20T10:00:00Z&limit=1000&cursor=a.b_c='),
    ).toEqual({
      function: 'a-1',
      outcome: 'crashed',
      by: ['outcome', 'function'],
      from: '2026-11-20T10:00:00.000Z',
      limit: 1000,
      cursor: 'a.b_c=',
    });
    expect(read('?from=2026-11-20').from).toBe('2026-11-20T00:00:00.000Z');
  });

  it.each([
    ['?limit=0', 'The query parameter `limit` is `0`; give a whole number from 1 to 1000.'],
    ['?limit=1001', 'give a whole number from 1 to 1000'],
    ['?limit=1e2', 'give a whole number'],
    ['?limit=', 'give a whole number'],
    ['?function=../x', '`function` is `../x`; give a name'],
    ['?outcome=fine', '`outcome` is `fine`; give one of ok, crashed.'],
    ['?outcome=__proto__', 'give one of'],
    ['?by=function,function', 'each at most once'],
    ['?by=color', 'comma-separated list of function, outcome'],
    ['?from=yesterday', 'ISO 8601'],
    ['?from=2026-11-20T10:00:00%2B01:00', 'ISO 8601'],
    ['?from=2026-02-31', 'ISO 8601'],
    ['?cursor=%00', 'unchanged'],
    ['?limt=5', 'The query parameter `limt` is unknown; did you mean `limit`?'],
    ['?token=x', 'known here are function, outcome, by, from, limit, cursor.'],
    ['?limit=1&limit=2', '`limit` is given more than once'],
  ])('%s is refused in one sentence', (query, sentence) => {
    expect(() => read(query)).toThrow(sentence);
  });

  it('are not repeated at any length', () => {
    expect(() => read(`?outcome=${'x'.repeat(5000)}`)).toThrow(/^.{1,200}$/);
    expect(() => read(`?${'x'.repeat(5000)}=1`)).toThrow(/^.{1,200}$/);
  });
});

describe('nearest', () => {
  it.each([
    ['functon', 'function'],
    ['Limits', 'limit'],
    ['colour', null],
    ['', null],
    ['x'.repeat(1000), null],
  ])('%s: %s', (word, found) => {
    expect(nearest(word, ['function', 'limit', 'cursor'])).toBe(found);
  });
});
