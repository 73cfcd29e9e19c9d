/** The host's side of the border against arguments only a hostile guest would send: an answer, never a throw. */
import { describe, expect, it } from 'vitest';
import { Codecs } from '../../src/engine/compression.ts';
import { Desk, Workshop } from '../../src/engine/crypto/desk.ts';
import { Places } from '../../src/engine/crypto/places.ts';
import { createHooks, HOOK_ORDER } from '../../src/engine/hooks.ts';

const desk = new Desk(new Workshop(Places.memory()), { later: () => undefined, done: () => undefined });
const lines: unknown[][] = [];
const hooks = createHooks(
  {
    log: (...args) => {
      lines.push(args);
      return true;
    },
    subtle: (inv, op, json, bytes) => desk.start(inv, op, json, bytes),
    nodeCrypto: (inv, call, bytes) => desk.node(inv, call, bytes),
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
  expect(hooks.subtle(1, 'sign', '[{"d":{"name":"HMAC"}},{"k":7},{"b":0}]', new Uint8Array(1))).toMatch(
    /^!InvalidStateError: the key is no longer kept/,
  );
  expect(hooks.subtle(1, 'digest', 'not json')).toBe(
    '!OperationError: The operation failed for an operation-specific reason',
  );
  expect(hooks.subtle(1, 'digest', '["__proto__",{"b":3}]', new Uint8Array(1))).toMatch(/^!OperationError/);
  expect(hooks.subtle(1, 'constructor', '[]')).toMatch(/^!NotSupportedError/);
  expect(hooks.subtle(1, 'supports', '[{"d":{"__proto__":{"d":{}}}},{"l":[[]]}]')).toMatch(/^!OperationError/);
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
