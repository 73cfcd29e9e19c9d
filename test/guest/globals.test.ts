/**
 * The golden list: everything a guest reaches from its globals, with the shape of each property, one file per major
 * version of Node (`globals-node26.txt`). A new V8 that adds something fails here until somebody has looked at it:
 * `ISOLANE_GOLDEN=write` writes the file anew. And what is injected belongs to the guest's own realm, all of it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Guest, type GuestOptions } from '../support/isolate.ts';

const MAJOR = process.versions.node.split('.')[0];
const FILE = fileURLToPath(new URL(`./globals-node${MAJOR}.txt`, import.meta.url));

/** One line a property: path, kind, flags (w e c), name and length of functions. What is built on first touch is touched first. */
const WALK = `
  for (const key of Reflect.ownKeys(globalThis)) globalThis[key];
  const lines = [], seen = new Map([[globalThis, 'globalThis']]);
  const show = (key) => typeof key === 'symbol' ? '[' + key.description + ']' : '.' + key;
  const kind = (v) => v === null ? 'null' : typeof v;
  const { getOwnPropertyDescriptor, ownKeys, getPrototypeOf } = Reflect;
  const visit = (value, path) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return '';
    const known = seen.get(value);
    if (known !== undefined) return ' = ' + known;
    seen.set(value, path);
    queue.push([value, path]);
    return '';
  };
  const queue = [[globalThis, 'globalThis']];
  while (queue.length > 0) {
    const [object, path] = queue.shift();
    const parent = getPrototypeOf(object);
    lines.push(path + ' <' + (parent === null ? 'null' : (seen.get(parent) ?? path + '.__proto__')) + '>');
    if (parent !== null) visit(parent, path + '.__proto__');
    const keys = ownKeys(object).sort((a, b) => show(a) < show(b) ? -1 : 1);
    for (const key of keys) {
      const d = getOwnPropertyDescriptor(object, key), at = path + show(key);
      const flags = (d.writable ? 'w' : '-') + (d.enumerable ? 'e' : '-') + (d.configurable ? 'c' : '-');
      if ('value' in d) {
        const shape = typeof d.value === 'function' ? ' ' + d.value.name + '/' + d.value.length : '';
        lines.push(at + ' ' + kind(d.value) + ' ' + flags + shape + visit(d.value, at));
      } else {
        lines.push(at + ' accessor ' + (d.get ? 'g' : '-') + (d.set ? 's' : '-') + flags);
        visit(d.get, at + '<get>');
        visit(d.set, at + '<set>');
      }
    }
  }
  return lines;`;

describe.each([false, true])('from a snapshot: %s', (snapshot) => {
  const options: GuestOptions = { snapshot };

  it('has the globals of the golden list, and nothing else', async () => {
    const lines = (await Guest.eval(WALK, options)) as string[];
    const text = `${lines.join('\n')}\n`;
    if (process.env['ISOLANE_GOLDEN'] === 'write' && !snapshot) writeFileSync(FILE, text);
    const none = `There is no golden list for Node ${MAJOR}: run this test with ISOLANE_GOLDEN=write and read what it wrote.`;
    expect(existsSync(FILE), none).toBe(true);
    expect(text).toBe(readFileSync(FILE, 'utf8'));
  });

  it('injects nothing of another realm, no class of the engine, no source of the host', async () => {
    const found = await Guest.eval(
      `const own = new Set([Function.prototype, Object.prototype, Array.prototype, Error.prototype]);
      const bad = [], seen = new Set(); let count = 0;
      const { getOwnPropertyDescriptor, ownKeys, getPrototypeOf, apply } = Reflect;
      const text = Function.prototype.toString;
      // What is built on first touch is touched first.
      for (const key of ownKeys(globalThis)) globalThis[key];
      const ends = [Object.prototype, null];
      const root = (value) => { let last = value, steps = 0; for (let p = value; p !== null && steps++ < 50; p = getPrototypeOf(p)) last = p; return last; };
      const walk = (value, path) => {
        const stack = [[value, path]];
        while (stack.length > 0) {
          const [at, where] = stack.pop();
          if ((typeof at !== 'object' && typeof at !== 'function') || at === null || seen.has(at)) continue;
          seen.add(at); count++;
          // Every chain ends in this realm's Object.prototype or in an object of ours that has none.
          const end = root(at);
          if (end !== Object.prototype && getPrototypeOf(end) === null && ownKeys(end).includes('hasOwnProperty')) bad.push(where + ': foreign root');
          if (typeof at === 'function') {
            if (!(at instanceof Function) && at !== Function.prototype) bad.push(where + ': foreign function');
            const source = apply(text, at, []);
            if (/isolated-vm|isolane|applySync|ExternalCopy|__host|\\/work|node:|\\.ts\\b|require\\(/.test(source)) bad.push(where + ': ' + source.slice(0, 80));
            if (/^(Reference|Callback|ExternalCopy|Isolate|Context|NativeModule|Module|Script)$/.test(at.name)) bad.push(where + ': ' + at.name);
          }
          let parent = getPrototypeOf(at);
          if (parent !== null) stack.push([parent, where + '.__proto__']);
          for (const key of ownKeys(at)) {
            const d = getOwnPropertyDescriptor(at, key);
            for (const part of ['value', 'get', 'set']) if (d && d[part]) stack.push([d[part], where + '.' + String(key)]);
          }
        }
      };
      class Thrower { get message() { return 'm'; } }
      const errors = []; for (const f of [() => new Headers([['\\n', '']]), () => new URL('x'), () => structuredClone(() => {}), () => atob('!'), () => new Response('', { status: 1 }), () => crypto.getRandomValues([])]) try { f(); } catch (e) { errors.push(e); }
      await fetch.call(undefined, 'x:').catch((e) => errors.push(e));
      for (const [name, value] of Object.entries({ globalThis, request, env, ctx, errors, parts: [request.headers, request.signal, request.body, new Response('x').body, new URL('http://h/').searchParams, performance, navigator] })) walk(value, name);
      // The constructors of what was injected: new ones throw TypeError and never end the process.
      for (const value of [request, ctx, env, crypto, navigator, performance, request.headers, request.signal])
        for (let p = value; p; p = getPrototypeOf(p)) if (typeof p.constructor === 'function') try { new p.constructor(); } catch (e) { if (!(e instanceof TypeError)) bad.push('new ' + p.constructor.name + ': ' + e.name); }
      return { bad: bad.slice(0, 20), many: count > 1000, errors: errors.length };`,
      { ...options, env: { A: 'b' }, services: ['S'] },
    );
    expect(found).toEqual({ bad: [], many: true, errors: 7 });
  });

  it('what stands for a native looks like one', async () => {
    const found = await Guest.eval(
      `const text = Function.prototype.toString; const odd = [];
      for (const [owner, names] of [[Array.prototype, ['map', 'concat', 'slice', 'toLocaleString']], [Object, ['keys', 'assign', 'getOwnPropertyDescriptors']],
        [String.prototype, ['split', 'match']], [BigInt.prototype, ['toString']], [Function.prototype, ['toString']], [globalThis, ['ArrayBuffer', 'Date', 'FinalizationRegistry', 'Response', 'fetch', 'setTimeout']], [Intl, ['DateTimeFormat']], [Response, ['json']], [Response.prototype, ['text']]])
        for (const name of names) { const f = owner[name];
          if (text.call(f) !== 'function ' + f.name + '() { [native code] }') odd.push(name + ': ' + text.call(f).slice(0, 60));
          if (f.name !== name) odd.push(name + ' is named ' + f.name);
          const constructs = typeof f.prototype === 'object';
          let made; try { Reflect.construct(Object, [], f); made = true; } catch { made = false; }
          if (made !== constructs) odd.push(name + (made ? ' constructs' : ' does not construct')); }
      return odd;`,
      options,
    );
    expect(found).toEqual([]);
  });
});
