import { describe, expect, it } from 'vitest';
import { IdSource, newInvocationId, newSpanId, newTraceId } from '../../../src/contract/ids.ts';

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

describe('invocation ids', () => {
  it('are UUIDv7 that carry their time', () => {
    const now = Date.parse('2026-11-30T12:00:00.123Z');
    const id = newInvocationId(now);
    expect(id).toMatch(UUID7);
    expect(timeOf(id)).toBe(now);
  });

  it('sort in order of creation, also within a millisecond and when the clock steps back a little', () => {
    const ids = new IdSource();
    const made: string[] = [];
    for (let i = 0; i < 20_000; i++) made.push(ids.invocation(1_700_000_000_000 + (i >> 12) - (i % 3)));
    expect(made).toEqual([...made].sort());
    expect(new Set(made).size).toBe(made.length);
  });

  it('stay in order when the counter of a millisecond runs over', () => {
    // Random bytes of 255 make every counter step as large as it can be.
    const ids = new IdSource((bytes) => void bytes.fill(255));
    let last = '';
    for (let i = 0; i < 100_000; i++) {
      const id = ids.invocation(1_700_000_000_000);
      if (i % 1000 === 0) expect(id).toMatch(UUID7);
      expect(id > last).toBe(true);
      last = id;
    }
  });

  it('follow a clock that was set right by much', () => {
    const ids = new IdSource();
    ids.invocation(1_800_000_000_000);
    expect(timeOf(ids.invocation(1_700_000_000_000))).toBe(1_700_000_000_000);
  });
});

describe('trace and span ids', () => {
  it('are random hex of W3C length', () => {
    expect(newTraceId()).toMatch(/^[0-9a-f]{32}$/);
    expect(newSpanId()).toMatch(/^[0-9a-f]{16}$/);
    expect(newTraceId()).not.toBe(newTraceId());
  });

  it('are never all zero', () => {
    let fills = 0;
    const ids = new IdSource((bytes) => void bytes.fill(fills++ === 0 ? 0 : 7));
    expect(ids.trace()).toBe('07'.repeat(16));
    expect(ids.span()).toBe('07'.repeat(8));
  });
});
