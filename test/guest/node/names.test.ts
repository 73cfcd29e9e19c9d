/** Every name that Node's built-ins export is there, so that an import links whatever it asks for; and `require` gives it too. */
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { MODULE_NAMES, nodeModule } from '../../../src/catalog/node-modules.ts';
import { bundled, evalBundled } from '../../support/bundled.ts';

const require = createRequire(import.meta.url);
const REAL = MODULE_NAMES.filter((name) => nodeModule(name).support !== 'stub');
const STUBS = MODULE_NAMES.filter((name) => nodeModule(name).support === 'stub');
/** Node 26 has them no more. */
const GONE = ['CallTracker'];
/** Node keeps them for itself. */
const PRIVATE = /^_(?!makeLong|extend|errnoException|exceptionWithHostPort)/;

const names = async (name: string): Promise<readonly string[]> => {
  const found = new Set([
    ...Object.keys((await import(/* @vite-ignore */ `node:${name}`)) as object),
    ...Object.keys(require(`node:${name}`) as object),
  ]);
  // A child process with a channel, as a test is, has more.
  const own = name === 'process' ? ['channel', 'connected', 'disconnect', 'send'] : [];
  return [...found]
    .filter((one) => !own.includes(one) && !GONE.includes(one))
    .filter((one) => !PRIVATE.test(one) && one !== 'module.exports' && /^[\w$]+$/.test(one))
    .sort();
};

describe('names', () => {
  it.each(REAL)('node:%s', async (name) => {
    const wanted = await names(name);
    const missing = await evalBundled(
      `import * as all from 'node:${name}'; const required = require('node:${name}');`,
      `const wanted = ${JSON.stringify(wanted)};
      return [wanted.filter((one) => !(one in all)), wanted.filter((one) => one !== 'default' && !(one in required))];`,
      { memoryMiB: 128 },
    );
    expect(missing).toEqual([[], []]);
  });
});

describe('stubs (catalogue case 55)', () => {
  it.each(STUBS)('node:%s links any name and throws by name when called', async (name) => {
    const { guest, warnings } = await bundled(
      `import whole, { whatever } from 'node:${name}';
      export default { fetch() { try { return Response.json(typeof whatever(whole)); } catch (e) { return Response.json([e.name, e.message]); } } };`,
    );
    try {
      const body = guest.fetch().get('head').body as { text: string };
      const [kind, message] = JSON.parse(body.text) as string[];
      expect(kind).toBe('NotSupportedError');
      expect(message).toContain(`node:${name}.whatever is not available in an isolate`);
      expect(warnings).toEqual([
        expect.stringContaining(`function "a" imports node:${name} (a.ts), which is not available`),
      ]);
    } finally {
      guest.close();
    }
  });
});
