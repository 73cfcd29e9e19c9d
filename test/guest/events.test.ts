/** Events, ports, structured clones with transfers, marks and patterns: what turns and the border add to the platform's tests. */
import { describe, expect, it } from 'vitest';
import { Guest, openGuest } from '../support/isolate.ts';

/** Runs `code` as a handler, with as many ticks as it needs; its JSON and what was logged or stray. */
const run = async (code: string): Promise<{ value: unknown; strays: readonly string[] }> => {
  const guest = await openGuest(
    `export default { async fetch() { return Response.json(await (async () => { ${code} })() ?? null) } }`,
  );
  try {
    const strays: string[] = [];
    let turn = guest.fetch();
    for (let i = 0; i < 100; i++) {
      for (const { message } of turn.all('stray')) strays.push(message);
      const failed = turn.find('failed');
      if (failed !== undefined) throw new Error(`${failed.name}: ${failed.message}\n${failed.stack}`);
      const head = turn.find('head');
      if (head !== undefined) return { value: JSON.parse((head.body as { text: string }).text), strays };
      guest.nowMs = Math.max(guest.nowMs, turn.wake);
      turn = guest.turn([{ e: 'tick' }]);
    }
    throw new Error('it did not answer');
  } finally {
    guest.close();
  }
};

const NEXT = 'const next = (port) => new Promise((f) => { port.onmessage = (e) => f(e); });';

describe('errors that no callback caught', () => {
  it('go to listeners of error, which may keep them', async () => {
    const { value, strays } = await run(`
      const seen = [];
      addEventListener('error', (e) => { seen.push([e.type, e.message, e.error.message, e.isTrusted, e.cancelable]); e.preventDefault(); });
      setTimeout(() => { throw new Error('timer'); });
      queueMicrotask(() => { throw new Error('microtask'); });
      reportError(new TypeError('reported'));
      const target = new EventTarget();
      target.addEventListener('x', () => { throw new Error('listener'); });
      target.dispatchEvent(new Event('x'));
      await new Promise((f) => setTimeout(f, 5));
      return seen.map(([type, message, inner, ...rest]) => [type, message === inner, inner, ...rest]);`);
    expect(value).toEqual(
      ['reported', 'listener', 'microtask', 'timer'].map((text) => ['error', true, text, true, true]),
    );
    expect(strays).toEqual([]);
  });

  it('are stray without one, and when a listener of error throws itself', async () => {
    expect((await run("reportError(new Error('a')); return 1")).strays).toEqual(['a']);
    const { strays } = await run(`onerror = () => { throw new Error('b'); }; reportError(new Error('a')); return 1`);
    expect(strays).toEqual(['b', 'a']);
  });

  it('are kept by an onerror that returns true', async () => {
    const { value, strays } = await run(`
      let args; onerror = (...given) => { args = given; return true; };
      reportError(new Error('a')); return [args[0], args.length, args[4].message, typeof onerror];`);
    expect(value).toEqual(['a', 5, 'a', 'function']);
    expect(strays).toEqual([]);
  });
});

describe('ports', () => {
  it('deliver clones in order, each in a task of its own', async () => {
    const { value } = await run(`
      const { port1, port2 } = new MessageChannel(); const seen = [];
      const done = new Promise((f) => { port2.onmessage = (e) => {
        seen.push(e.data.n); queueMicrotask(() => seen.push('micro')); if (e.data.n === 3) f(); }; });
      const data = { n: 1 };
      port1.postMessage(data); data.n = 2; port1.postMessage(data); data.n = 3; port1.postMessage(data); data.n = 4;
      seen.push('posted'); await done; return seen;`);
    expect(value).toEqual(['posted', 1, 'micro', 2, 'micro', 3, 'micro']);
  });

  it('wait until they are started, and fall silent when closed', async () => {
    const { value } = await run(`
      const { port1, port2 } = new MessageChannel(); const seen = [];
      port2.addEventListener('message', (e) => seen.push(e.data));
      port1.postMessage('early'); await new Promise((f) => setTimeout(f, 5)); seen.push('not yet');
      port2.start(); await new Promise((f) => setTimeout(f, 5));
      port2.close(); port1.postMessage('late'); await new Promise((f) => setTimeout(f, 5)); return seen;`);
    expect(value).toEqual(['not yet', 'early']);
  });

  it('can be sent through each other, with what waits in them', async () => {
    const { value } = await run(`${NEXT}
      const outer = new MessageChannel(), inner = new MessageChannel();
      inner.port1.postMessage('waiting');
      const first = next(outer.port2);
      outer.port1.postMessage({ port: inner.port2 }, [inner.port2]);
      const event = await first;
      const [port] = event.ports;
      const { data } = await next(port);
      let again; try { outer.port1.postMessage(1, [inner.port2]); } catch (e) { again = e.name; }
      let self; try { outer.port1.postMessage(1, [outer.port1]); } catch (e) { self = e.name; }
      return [port === event.data.port, port instanceof MessagePort, data, again, self, Object.isFrozen(event.ports)];`);
    expect(value).toEqual([true, true, 'waiting', 'DataCloneError', 'DataCloneError', true]);
  });

  it('move buffers', async () => {
    const { value } = await run(`${NEXT}
      const { port1, port2 } = new MessageChannel(); const bytes = new Uint8Array([1, 2, 3]);
      const got = next(port2); port1.postMessage(bytes, { transfer: [bytes.buffer] });
      return [bytes.byteLength, [...(await got).data]];`);
    expect(value).toEqual([0, [1, 2, 3]]);
  });
});

describe('structuredClone', () => {
  it('moves nothing when it throws', async () => {
    const { value } = await run(`
      const buffer = new ArrayBuffer(4), { port1 } = new MessageChannel(); const names = [];
      const attempt = (f) => { try { f(); names.push('ok'); } catch (e) { names.push(e.name); } };
      attempt(() => structuredClone({ f() {} }, { transfer: [buffer, port1] }));
      attempt(() => structuredClone(1, { transfer: [buffer, buffer] }));
      attempt(() => structuredClone(1, { transfer: [{}] }));
      attempt(() => structuredClone(port1));
      attempt(() => structuredClone(1, { transfer: [1] }));
      attempt(() => structuredClone(1, 1));
      attempt(() => structuredClone(1, { transfer: [buffer, port1] }));
      attempt(() => structuredClone(1, { transfer: [buffer] }));
      attempt(() => structuredClone(new Uint8Array(buffer)));
      return names;`);
    const refused = 'DataCloneError';
    expect(value).toEqual([refused, refused, refused, refused, 'TypeError', 'TypeError', 'ok', refused, 'TypeError']);
  });
});

describe('streams in a transfer list', () => {
  it('hand clones of their chunks on, both ways', async () => {
    const { value } = await run(`
      const chunk = { n: 1 };
      const from = new ReadableStream({ start(c) { c.enqueue(chunk); c.enqueue('b'); c.close(); } });
      const got = [];
      const sink = new WritableStream({ write(c) { got.push(c); }, close() { got.push('closed'); } });
      const { r, w } = structuredClone({ r: from, w: sink }, { transfer: [from, sink] });
      const locked = [from.locked, sink.locked];
      const reader = r.getReader(), first = await reader.read();
      chunk.n = 2;
      const writer = w.getWriter(); await writer.write(first.value); first.value.n = 3; await writer.close();
      let refused; try { structuredClone(1, { transfer: [from] }); } catch (e) { refused = e.name; }
      let plain; try { structuredClone(new ReadableStream()); } catch (e) { plain = e.name; }
      return [locked, (await reader.read()).value, (await reader.read()).done, got, refused, plain];`);
    expect(value).toEqual([[true, true], 'b', true, [{ n: 1 }, 'closed'], 'DataCloneError', 'DataCloneError']);
  });

  it('tell the other side of errors and of a reader that has gone', async () => {
    const { value } = await run(`
      const seen = [];
      const broken = new ReadableStream({ pull() { throw new Error('broke'); } });
      const open = new ReadableStream({ cancel(reason) { seen.push(reason); } });
      const a = structuredClone(broken, { transfer: [broken] }), b = structuredClone(open, { transfer: [open] });
      try { await a.getReader().read(); } catch (e) { seen.push(e.message); }
      await b.cancel('gone'); return seen;`);
    expect(value).toEqual(['broke', 'gone']);
  });
});

describe('performance', () => {
  it('keeps marks and measures on the clock of the turns', async () => {
    const { value } = await run(`
      performance.mark('a', { detail: { x: 1 } });
      await new Promise((f) => setTimeout(f, 20));
      performance.mark('b');
      const m = performance.measure('ab', 'a', 'b'), n = performance.measure('n', { start: 'a', duration: 7 });
      const found = performance.getEntries().map((e) => [e.name, e.entryType, e.duration]);
      performance.clearMarks('a');
      return [m.duration, n.duration, found, performance.getEntriesByName('a').length, performance.getEntriesByType('mark').length,
        m instanceof PerformanceMeasure, structuredClone(m.toJSON()).name,
        (() => { try { performance.measure('z', 'none'); } catch (e) { return e.name; } })()];`);
    const entries = [
      ['a', 'mark', 0],
      ['ab', 'measure', 20],
      ['n', 'measure', 7],
      ['b', 'mark', 0],
    ];
    expect(value).toEqual([20, 7, entries, 0, 1, true, 'ab', 'SyntaxError']);
  });

  it('tells observers in a task of its own', async () => {
    const { value } = await run(`
      const seen = []; performance.mark('before');
      const done = new Promise((f) => {
        new PerformanceObserver((list, observer) => { seen.push(list.getEntries().map((e) => e.name)); observer.disconnect(); f(); })
          .observe({ type: 'mark', buffered: true });
      });
      performance.mark('after'); seen.push('sync'); await done; performance.mark('unseen');
      await new Promise((f) => setTimeout(f, 5)); return seen;`);
    expect(value).toEqual(['sync', ['before', 'after']]);
  });

  it('keeps a bounded number of them', async () => {
    const count = await Guest.eval(
      "for (let i = 0; i < 10_005; i++) performance.mark('m' + i); const e = performance.getEntries(); return [e.length, e[0].name]",
    );
    expect(count).toEqual([10_000, 'm5']);
  });
});

describe('text in encodings whose state the host keeps', () => {
  const ROWS: readonly (readonly [string, readonly number[], string])[] = [
    ['shift_jis', [0x90, 0x85, 0x41], '水A'],
    ['gb18030', [0x84, 0x31, 0xa4, 0x39, 0xc4, 0xe3], '\ufffd你'],
    ['euc-jp', [0x8f, 0xb0, 0xa1, 0xa4, 0xa2], '丂あ'],
    ['iso-2022-jp', [0x1b, 0x24, 0x42, 0x24, 0x22, 0x1b, 0x28, 0x42, 0x41], 'あA'],
    ['big5', [0xa7, 0x41, 0x41], '你A'],
    ['euc-kr', [0xb0, 0xa1, 0x41], '가A'],
  ];
  it.each(ROWS)('%s, byte by byte', async (label, bytes) => {
    const value = await Guest.eval(`
      const decoder = new TextDecoder('${label}'), bytes = ${JSON.stringify(bytes)};
      const byOne = () => bytes.map((b) => decoder.decode(new Uint8Array([b]), { stream: true })).join('') + decoder.decode();
      return [byOne(), byOne(), new TextDecoder('${label}').decode(new Uint8Array(bytes))];`);
    const whole = new TextDecoder(label).decode(new Uint8Array(bytes));
    expect(value).toEqual([whole, whole, whole]);
  });

  it('forgets the oldest of too many, and says so', async () => {
    const value = await Guest.eval(`
      const all = Array.from({ length: 65 }, () => new TextDecoder('shift_jis'));
      for (const decoder of all) decoder.decode(new Uint8Array([0x90]), { stream: true });
      let first; try { first = all[0].decode(new Uint8Array([0x85])); } catch (e) { first = e.name; }
      return [first, all[64].decode(new Uint8Array([0x85])), all[0].decode(new Uint8Array([0x41]))];`);
    expect(value).toEqual(['TypeError', '水', 'A']);
  });
});

describe('URLPattern', () => {
  it('matches, takes bases and dictionaries, and names its groups', async () => {
    const value = await Guest.eval(`
      const p = new URLPattern('/books/:id(\\\\d+)/:rest*', 'https://example.com');
      const found = p.exec('https://example.com/books/12/a/b?x#y');
      const loose = new URLPattern({ pathname: '/A' }, { ignoreCase: true });
      const refused = (f) => { try { f(); return 'ok'; } catch (e) { return e.name; } };
      return [p.hostname, p.pathname, p.hasRegExpGroups, found.pathname, found.inputs, p.test('https://example.com/books/x'),
        p.test({ protocol: 'https', hostname: 'example.com', pathname: '/books/1' }), p.exec('nonsense'),
        p.test('/books/7', 'https://example.com/z'), loose.test('https://h/a'), Object.prototype.toString.call(p),
        refused(() => new URLPattern({ pathname: '/(' })), refused(() => p.test({}, 'https://example.com')),
        new URLPattern({ pathname: '/:__proto__' }).exec({ pathname: '/x' }).pathname.groups.__proto__];`);
    expect(value).toEqual([
      'example.com',
      '/books/:id(\\d+)/:rest*',
      true,
      { input: '/books/12/a/b', groups: { id: '12', rest: 'a/b' } },
      ['https://example.com/books/12/a/b?x#y'],
      false,
      true,
      null,
      true,
      true,
      '[object URLPattern]',
      'TypeError',
      'TypeError',
      'x',
    ]);
  });
});
