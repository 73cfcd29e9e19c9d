/** A bundle as a script: the same exports, the same order, and nothing that is not understood for certain. */
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { asScript } from '../../../src/engine/script-form.ts';

interface Seen {
  user: Record<string, unknown> | null;
  left: boolean;
}

/** What the prelude is told of a bundle that runs as a script. */
function run(bundle: string): Seen {
  const seen: Seen = { user: null, left: true };
  const register = (user: Record<string, unknown>): void => {
    seen.user = user;
  };
  const context = { __isolane_register: { register, bridge: 'bridge' }, seen };
  runInNewContext(asScript(bundle)!, context);
  seen.left = '__isolane_register' in context;
  return seen;
}

describe('a bundle as a script', () => {
  it('has the exports of the module, read anew each time', () => {
    const { user } = run(
      'var a = 1;\nfunction up() {\n  a++;\n}\nvar odd = 3;\nexport {\n  a as default,\n  up,\n  odd as "a b"\n};\n',
    );
    expect(Object.keys(user!)).toEqual(['default', 'up', 'a b']);
    (user!['up'] as () => void)();
    expect([user!['default'], user!['a b'], Object.getPrototypeOf(user)]).toEqual([2, 3, null]);
  });

  it('takes the exports of a CommonJS entry', () => {
    expect(run('var require_a = () => 7;\nexport default require_a();\n').user!['default']).toBe(7);
  });

  it('runs strictly, without `this`, after the way to register is gone', () => {
    const { user, left } = run(
      'var gone = typeof __isolane_register;\nvar strict = (function() { return this === undefined; })();\nexport {\n  gone as default,\n  strict\n};\n',
    );
    expect([user!['default'], user!['strict'], left]).toEqual(['undefined', true, false]);
  });

  it('has what Node modules ask of the host', () => {
    const { user } = run(
      'import { host } from "isolane:host";\nimport { host as host2 } from "isolane:host";\nvar both = host + host2;\nexport {\n  both as default\n};\n',
    );
    expect(user!['default']).toBe('bridgebridge');
  });

  it('keeps lines where they are, one further down', () => {
    const text = asScript('// first\nvar a;\nexport {\n  a as default\n};\n')!;
    expect(text.split('\n').slice(1, 3)).toEqual(['// first', 'var a;']);
  });

  it.each([
    ['import x from "isolane:hide";\nexport {\n  x as default\n};\n'],
    ['var a = import.meta;\nexport {\n  a as default\n};\n'],
    ['export default 1;\n'],
    ['var a;\nexport { a as default };\n'],
    ['var a;\nexport {\n  a as default\n};\nmore();\n'],
    [''],
  ])('leaves %j a module', (bundle) => {
    expect(asScript(bundle)).toBe(null);
  });
});
