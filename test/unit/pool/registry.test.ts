/** The table of what is in flight behaves like Map, whatever is put in and taken out. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Registry } from '../../../src/contract/registry.ts';

describe('Registry', () => {
  it('behaves like Map under any sequence of set, get and delete', () => {
    const step = fc.record({ what: fc.constantFrom('set', 'get', 'delete'), key: fc.nat(150), value: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), fc.boolean(), (steps, text) => {
        const map = new Map<string | number, number>();
        const registry = new Registry<string | number, number>();
        for (const { what, key: number, value } of steps) {
          // Multiples of 64 collide in the first table.
          const key = text ? `key-${number % 7}-${number}` : number * 64;
          if (what === 'set') {
            map.set(key, value);
            registry.set(key, value);
          } else if (what === 'delete') expect(registry.delete(key)).toBe(map.delete(key));
          expect(registry.get(key)).toBe(map.get(key));
          expect(registry.has(key)).toBe(map.has(key));
          expect(registry.size).toBe(map.size);
        }
        expect(registry.values().sort()).toEqual([...map.values()].sort());
        for (const key of map.keys()) expect(registry.get(key)).toBe(map.get(key));
      }),
      { numRuns: 300 },
    );
  });
});
