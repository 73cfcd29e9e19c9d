/** The host's side of the border against arguments only a hostile guest would send: an answer, never a throw. */
import { describe, expect, it } from 'vitest';
import { Codecs } from '../../src/engine/compression.ts';
import { createHooks, HOOK_ORDER } from '../../src/engine/hooks.ts';

const lines: unknown[][] = [];
const hooks = createHooks(
  {
    log: (...args) => {
      lines.push(args);
      return true;
    },
    codecs: new Codecs(64),
  },
  ['part 0'],
);

it('gives out parts of the runtime by number', () => {
  expect(hooks.late(0)).toBe('part 0');
  for (const bad of [1, -1, 0.5, '0x0', null, {}, 'length', '__proto__']) expect(hooks.late(bad as number)).toBe(null);
});

const ODD: unknown[] = [
  undefined,
  null,
  0,
  -1,
  NaN,
  2 ** 53,
  '',
  'x'.repeat(100),
  Symbol.iterator,
  {},
  [],
  new Array(4294967295),
  () => 1,
  new Proxy(
    {},
    {
      get: () => {
        throw new Error('host must not see');
      },
    },
  ),
  {
    get length(): number {
      throw new Error('no');
    },
  },
  new Uint8Array(3),
  Object.create(null),
];

describe('every hook survives every odd argument', () => {
  it.each(HOOK_ORDER)('%s', (name) => {
    const hook = hooks[name] as (...args: unknown[]) => unknown;
    for (const a of ODD) for (const b of ODD) expect(() => hook(a, b, a, b)).not.toThrow();
    expect(() => hook()).not.toThrow();
  });
});

it('gives no error text of the host away', () => {
  expect(hooks.parseUrl('nope', '')).toBeNull();
  expect(hooks.decode(new Uint8Array([255]), 'utf-8', true, false, 0, false)).toBeNull();
  expect(hooks.encodingName('nope')).toBeNull();
  expect(hooks.subtle('sign', '{"name":"ECDSA","type":"private","material":"AAAA","hash":"SHA-256"}')).toMatch(
    /^!OperationError: the operation failed/,
  );
  expect(hooks.subtle('digest', 'not json')).toMatch(/^!OperationError/);
  expect(hooks.subtle('digest', '{"name":"__proto__"}', new Uint8Array(1))).toMatch(/^!/);
});

it('bounds sizes', () => {
  expect(hooks.random(65_537)).toHaveLength(0);
  expect(hooks.random(16)).toHaveLength(16);
  expect(hooks.log(1, 'info', 'x'.repeat(200_000))).toBe(false);
  expect(hooks.log(1, 'loud' as never, 'x')).toBe(false);
  expect(lines).toEqual([]);
  expect(hooks.log(1, 'info', 'x')).toBe(true);
  expect(lines).toEqual([[1, 'info', 'x']]);
});

it('applies URL setters only to known parts', () => {
  expect(hooks.setUrl('http://a/', 'port', '81')).toContain('http://a:81/');
  expect(hooks.setUrl('http://a/', 'constructor', 'x')).toBeNull();
});
