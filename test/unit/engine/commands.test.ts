/** What comes out of an isolate is checked before anybody acts on it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify } from '../../../src/engine/classify.ts';
import { ProtocolError, readCommands, readHeaders, wireHeaders } from '../../../src/engine/commands.ts';
import type { Guest } from '../../../src/engine/guest.ts';
import { endings } from '../../../src/engine/yielded.ts';

describe('readCommands', () => {
  it('reads what a turn yields', () => {
    expect(readCommands('')).toEqual([]);
    const head = '{"c":"head","inv":1,"status":200,"headers":"a\\nb","body":{"text":"x"},"done":true}';
    expect(readCommands(`${head},{"c":"done","inv":2}`)).toHaveLength(2);
  });

  it('reads a whole answer that comes first, whatever is in it, and the commands behind it', () => {
    const answer = {
      c: 'head',
      inv: 12,
      status: 200,
      headers: 'a\nb',
      body: { text: '=,{"done":true}\n' },
      done: true,
    };
    expect(readCommands('=12,200,3,16\na\nb=,{"done":true}\n')).toEqual([answer]);
    expect(readCommands('=12,204,0,-1\n')).toEqual([{ ...answer, status: 204, headers: '', body: null }]);
    const both = readCommands('=1,200,0,2\nhi,{"c":"eof","sid":3}');
    expect(both).toMatchObject([{ body: { text: 'hi' } }, { c: 'eof', sid: 3 }]);
    expect(readCommands('=1,200,0,0\n')).toMatchObject([{ body: { text: '' } }]);
  });

  it.each([
    '=',
    '=1',
    '=1,200,0,0',
    '=1,200,0,2\nx',
    '=1,200,9,0\nx',
    '=1,200,0,0\nx',
    '=-1,200,0,0\n',
    '=1,2e2,0,0\n',
    '=1,200,,0\n',
    '=12345678901,200,0,0\n',
    '=1,200,0,0\n,7',
  ])('refuses the answer %j', (text) => {
    expect(() => readCommands(text)).toThrow(ProtocolError);
  });

  it('who has ended is told by the form of an answer, never by its text', () => {
    const guest = (concurrency: number) => ({ concurrency, live: new Map([[7, {}]]) }) as unknown as Guest;
    expect(endings(guest(1), 7, '=7,200,0,2\nhi')).toEqual([7]);
    expect(endings(guest(4), 7, '=7,200,0,2\nhi,{"c":"done","inv":9}')).toEqual([7, 9]);
    expect(endings(guest(1), 7, '{"c":"head","inv":7,"status":200,"headers":"","body":null}')).toEqual([]);
  });

  it.each([
    '{"c":"head","inv":"1","status":200,"headers":"","body":null}',
    '{"c":"head","inv":1,"status":200.5,"headers":"","body":null}',
    '{"c":"head","inv":1,"status":200,"headers":[],"body":null}',
    '{"c":"head","inv":1,"status":200,"headers":"","body":"x"}',
    '{"c":"head","inv":1,"status":200,"headers":"","body":{"chunk":-1}}',
    '{"c":"data","sid":1}',
    '{"c":"fetch","id":1,"inv":1,"url":1,"method":"GET","headers":"","body":null,"redirect":"follow"}',
    '{"c":"fetch","id":1,"inv":1,"url":"","method":"GET","headers":"","body":null,"redirect":"else"}',
    '{"c":"constructor"}',
    '{"c":"__proto__"}',
    'null',
    '7',
    '[]',
  ])('refuses %s', (text) => {
    expect(() => readCommands(text)).toThrow(ProtocolError);
  });

  it('any JSON is read or refused, never anything else, and pollutes nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.json()), (values) => {
        try {
          readCommands(values.join(','));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
        expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      }),
    );
  });
});

describe('headers on the wire', () => {
  it('go there and back', () => {
    const list = ['content-type', 'text/plain', 'x-empty', '', 'set-cookie', 'a=1', 'set-cookie', 'b=2'];
    expect(readHeaders(wireHeaders(list))).toEqual(list);
    expect(readHeaders(wireHeaders([]))).toEqual([]);
  });

  it('must pair up', () => {
    expect(() => readHeaders('a\nb\nc')).toThrow(ProtocolError);
  });
});

describe('classify', () => {
  const base = { why: 'burned', guilty: true, ordered: null, forAnother: false, cpuNs: 100, cpuLimitNs: 100 } as const;
  it('charges the guest only when its measured CPU reached the limit', () => {
    expect(classify(base)).toBe('cpu_exceeded');
    expect(classify({ ...base, cpuNs: 99 })).toBe('aborted');
  });
  it('keeps what the host ordered', () => {
    expect(classify({ ...base, ordered: 'wall_timeout', cpuNs: 0 })).toBe('wall_timeout');
    expect(classify({ ...base, ordered: 'aborted' })).toBe('aborted');
    expect(classify({ ...base, why: 'killed' })).toBe('wall_timeout');
    expect(classify({ ...base, why: 'killed', ordered: 'aborted' })).toBe('aborted');
  });
  it('lets nobody pay for a neighbour in the same isolate', () => {
    expect(classify({ ...base, guilty: false })).toBe('aborted');
    expect(classify({ ...base, guilty: false, why: 'memory' })).toBe('aborted');
    expect(classify({ ...base, why: 'killed', guilty: false, ordered: 'wall_timeout' })).toBe('wall_timeout');
    expect(classify({ ...base, why: 'killed', forAnother: true })).toBe('aborted');
    expect(classify({ ...base, guilty: null, why: 'cpu' })).toBe('cpu_exceeded');
    expect(classify({ ...base, guilty: null, why: 'cpu', cpuNs: 99 })).toBe('aborted');
  });
  it('memory is memory, a fault of ours is nobody else’s', () => {
    expect(classify({ ...base, why: 'memory' })).toBe('memory_exceeded');
    expect(classify({ ...base, why: 'fault' })).toBe('aborted');
  });
});
