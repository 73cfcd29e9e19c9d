/** WebAssembly where it is allowed: it works, and its memory is bounded by the function's own limit. */
import { describe, expect, it } from 'vitest';
import { Guest, type GuestOptions } from '../support/isolate.ts';

/** (module (memory (export "m") 1) (func (export "grow") (param i32) (result i32) local.get 0 memory.grow)) */
const OWN_MEMORY = `new Uint8Array([0,97,115,109,1,0,0,0, 1,6,1,96,1,127,1,127, 3,2,1,0, 5,3,1,0,1, 7,12,2,1,109,2,0,4,103,114,111,119,0,0, 10,8,1,6,0,32,0,64,0,11])`;
const loop = `new Uint8Array([0,97,115,109,1,0,0,0, 1,4,1,96,0,0, 3,2,1,0, 7,5,1,1,102,0,0, 10,9,1,7,0,3,64,12,0,11,11])`;
const options: GuestOptions = { wasm: true, memoryMiB: 16 };

describe.each([false, true])('from a snapshot: %s', (snapshot) => {
  const with_ = { ...options, snapshot };

  it('is there only when the function may have it', async () => {
    expect(await Guest.eval('return typeof WebAssembly', { snapshot })).toBe('undefined');
    expect(await Guest.eval('return typeof WebAssembly', with_)).toBe('object');
  });

  it('runs modules, and gives each a maximum it did not ask for', async () => {
    expect(
      await Guest.eval(
        `const { instance } = await WebAssembly.instantiate(${OWN_MEMORY});
         const { m, grow } = instance.exports;
         return [m.buffer.byteLength, grow(1), m.buffer.byteLength, grow(254), grow(1), grow(100000), m instanceof WebAssembly.Memory]`,
        with_,
      ),
    ).toEqual([65_536, 1, 131_072, 2, -1, -1, true]);
  });

  it('has one budget for all memories', async () => {
    expect(
      await Guest.eval(
        `const tell = (f) => { try { f(); return 'ok'; } catch (e) { return e.name; } };
         const first = tell(() => new WebAssembly.Memory({ initial: 1, maximum: 100 }));
         const second = tell(() => new WebAssembly.Memory({ initial: 1, maximum: 65536 }).grow(155));
         const third = tell(() => new WebAssembly.Memory({ initial: 1 }));
         const bypasses = [() => new (first.constructor), () => new WebAssembly.Memory({ initial: 65536 }),
           () => Reflect.construct(WebAssembly.Memory, [{ initial: 300 }], Object),
           () => new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }),
           () => { try { new WebAssembly.Memory({ initial: 1, maximum: NaN }); } catch {} new WebAssembly.Memory({ initial: 9 }); },
           () => new WebAssembly.Memory({ get initial() { return this.n = (this.n ?? 0) + 60000; } }),
           () => new WebAssembly.Instance(new WebAssembly.Module(${OWN_MEMORY})),
           () => new WebAssembly.Table({ element: 'anyfunc', initial: 10_000_000 })].slice(1).map(tell);
         return [first, second, third, ...new Set(bypasses)]`,
        with_,
      ),
    ).toEqual(['ok', 'ok', 'RangeError', 'RangeError']);
  });

  it('the constructor of a memory it exports is the guarded one', async () => {
    expect(
      await Guest.eval(
        `const { instance } = await WebAssembly.instantiate(${OWN_MEMORY});
         try { new instance.exports.m.constructor({ initial: 60000 }); return 'made'; } catch (e) { return e.name; }`,
        with_,
      ),
    ).toBe('RangeError');
  });

  it('ends a loop in a module', async () => {
    await expect(
      Guest.eval(`new WebAssembly.Instance(new WebAssembly.Module(${loop})).exports.f()`, with_),
    ).rejects.toThrow('timed out');
  });
});
