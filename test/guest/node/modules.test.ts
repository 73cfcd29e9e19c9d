/** Node's built-ins as functions get them: resolved, bundled only where imported, stubs that throw by name when called. */
import { afterEach, describe, expect, it } from 'vitest';
import { bundled, evalBundled } from '../../support/bundled.ts';
import type { Guest } from '../../support/isolate.ts';

const guests: Guest[] = [];
afterEach(() => {
  for (const guest of guests.splice(0)) guest.close();
});

describe('resolution', () => {
  it.each([
    ["import { EventEmitter as E } from 'node:events';", 'typeof new E().on'],
    ["import E from 'events';", 'typeof new E().on'],
    ["import * as all from 'events';\nconst E = all.EventEmitter;", 'typeof new E().on'],
    ["const E = require('events');", 'typeof new E().on'],
    ["const { EventEmitter: E } = require('node:events');", 'typeof new E().on'],
    ["import E = require('events');", 'typeof new E().on'],
  ])('%s', async (imports, expression) => {
    expect(await evalBundled(imports, `return ${expression};`)).toBe('function');
  });

  it('gives one Buffer to whoever asks for it', async () => {
    expect(
      await evalBundled(
        "import { Buffer as A } from 'node:buffer'; import B from 'buffer'; const C = require('buffer');",
        'return [A === B.Buffer, A === C.Buffer, A === Buffer, A === globalThis.Buffer, A === global.Buffer];',
      ),
    ).toEqual([true, true, true, true, true]);
  });

  it('costs nothing where nothing is mentioned', async () => {
    const { guest, bytes } = await bundled('export default { fetch: () => new Response("x") };');
    guests.push(guest);
    expect(bytes).toBeLessThan(400);
  });
});

describe('globals', () => {
  it('are there where a bundle mentions them', async () => {
    expect(
      await evalBundled(
        '',
        `return [process.env.GREETING, typeof process.nextTick, process.platform, process.cwd(), Buffer.from('aGk=', 'base64').toString(),
          await new Promise((resolve) => setImmediate(resolve, 1)), process.env.NODE_ENV];`,
        { env: { GREETING: 'hi' } },
      ),
    ).toEqual(['hi', 'function', 'linux', '/', 'hi', 1, 'production']);
  });
});

describe('streams', () => {
  it('pipe, transform, iterate', async () => {
    expect(
      await evalBundled(
        "import { Readable, Transform, Writable } from 'node:stream'; import { pipeline } from 'node:stream/promises'; import { text } from 'node:stream/consumers';",
        `const seen = [];
        await pipeline(Readable.from(['a', 'b']), new Transform({ transform(c, e, done) { done(null, c.toString().toUpperCase()); } }),
          new Writable({ write(c, e, done) { seen.push(c.toString()); done(); } }));
        const web = Readable.toWeb(Readable.from([Buffer.from('x'), Buffer.from('y')], { objectMode: false }));
        const back = Readable.fromWeb(new Response('zz').body);
        return [seen, await new Response(web).text(), await text(back)];`,
      ),
    ).toEqual([['A', 'B'], 'xy', 'zz']);
  });
});

describe('timers', () => {
  it('are objects where a bundle calls their methods, numbers elsewhere', async () => {
    const timer = 'const timer = setTimeout(() => {}, 1); const kind = typeof timer; clearTimeout(timer);';
    expect(await evalBundled('', `${timer} return kind;`)).toBe('number');
    expect(
      await evalBundled('', `${timer} if (timer.unref) timer.unref(); return [kind, timer.unref().hasRef()];`),
    ).toEqual(['object', false]);
  });
});

describe('places', () => {
  it('are names under which nothing lies', async () => {
    expect(
      await evalBundled(
        "import { fileURLToPath } from 'node:url'; import { dirname, join } from 'node:path'; import { existsSync } from 'node:fs'; import { createRequire } from 'node:module';",
        `const here = dirname(fileURLToPath(import.meta.url)); const load = createRequire(import.meta.url); let code; try { load('x') } catch (e) { code = e.code }
        return [import.meta.url, here, __dirname, __filename, import.meta.dirname, existsSync(join(here, 'x')), code];`,
      ),
    ).toEqual(['file:///a.mjs', '/', '/', '/a.mjs', '/', false, 'MODULE_NOT_FOUND']);
  });
});
