/** The channel between main thread and lane: nothing lost, nothing reordered, whatever the sizes and however full. */
import { MessageChannel, Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChannelEnd } from '../../../src/engine/channel.ts';
import { readCommands } from '../../../src/engine/commands.ts';
import type { EventOrder, LaneOrder, LaneReport, StartOrder, TurnReport } from '../../../src/engine/lane-wire.ts';
import { Ring } from '../../../src/engine/ring.ts';

const start = (inv: number, json: string, chunks: Uint8Array[] | null = null): StartOrder => ({
  k: 'start',
  isolate: 7,
  inv,
  slot: 3,
  json,
  chunks,
  cpuMs: 50,
  wallMs: 60_000,
});

const turn = (inv: number, out: string, chunks: Uint8Array[] | null = null): TurnReport => ({
  k: 'turn',
  isolate: 7,
  inv,
  startedNs: 1_234_567_890_123,
  endedNs: 1_234_567_990_123,
  cpuNs: 4321,
  hostNs: 17,
  estimated: true,
  heapBytes: 3_000_000,
  out,
  chunks,
  logs: null,
  outgrown: false,
  notes: null,
  stray: null,
});

function pair(size = 4096): {
  main: ChannelEnd<LaneOrder, LaneReport>;
  lane: ChannelEnd<LaneReport, LaneOrder>;
  woken: string[];
} {
  const [orders, reports] = [Ring.memory(size), Ring.memory(size)];
  const { port1, port2 } = new MessageChannel();
  const woken: string[] = [];
  const main = { out: new Ring(orders), in: new Ring(reports) };
  const lane = { out: new Ring(reports), in: new Ring(orders) };
  lane.in.doze();
  return {
    main: new ChannelEnd(main, port1, () => woken.push('lane')),
    lane: new ChannelEnd(lane, port2, () => woken.push('main')),
    woken,
  };
}

describe('a channel', () => {
  it('carries orders and reports as they are', () => {
    const { main, lane } = pair(1 << 16);
    const bytes = [Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(255)];
    const orders: LaneOrder[] = [
      start(1, '{"a":"ä€😀"}', bytes),
      { k: 'drop', isolate: 9 },
      { k: 'event', isolate: 7, inv: 1, json: '{"b":"ü"}', chunks: [Uint8Array.of(4)] },
      { k: 'event', isolate: 7, inv: 1, json: '', chunks: null, renews: true },
      start(2, ''),
      start(3, 'x', []),
    ];
    const reports: LaneReport[] = [turn(1, 'é', bytes), { k: 'up' }, { ...turn(2, ''), logs: [] }, turn(4, '')];
    for (const order of orders) expect(main.send(order)).toBe(true);
    for (const report of reports) expect(lane.send(report)).toBe(true);
    for (const order of orders) expect(lane.receive()).toEqual(order);
    for (const report of reports) expect(main.receive()).toEqual(report);
    expect(lane.receive()).toBeNull();
    expect(main.receive()).toBeNull();
  });

  it('brings the long text of an answer as its bytes, what follows it as it is', () => {
    const { main, lane } = pair(1 << 18);
    const text = 'ä€😀\ud800'.repeat(5000);
    const headers = 'content-type\ntext/plain';
    lane.send(
      turn(1, `=1,200,${headers.length},${text.length}\n${headers}${text},{"c":"eof","sid":1}`, [Uint8Array.of(5)]),
    );
    const report = main.receive() as TurnReport;
    const [head, eof] = readCommands(report.out);
    expect(head).toEqual({ c: 'head', inv: 1, status: 200, headers, body: { chunk: 1 }, done: true });
    expect(eof).toEqual({ c: 'eof', sid: 1 });
    expect(report.chunks?.[0]).toEqual(Uint8Array.of(5));
    expect(Buffer.from(report.chunks![1]!).equals(Buffer.from(text))).toBe(true);
  });

  it('keeps what it was given for a start, and gives back the memory of the rest', () => {
    const { main, lane } = pair(1 << 18);
    const [kept, event, report] = [1, 2, 3].map((value) => new Uint8Array(50_000).fill(value)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    main.send(start(1, '', [kept]));
    main.send({ k: 'event', isolate: 7, inv: 1, json: '', chunks: [event] });
    lane.send(turn(1, '', [report]));
    expect([kept, event, report].map(({ byteLength }) => byteLength)).toEqual([50_000, 0, 0]);
    expect((lane.receive() as StartOrder).chunks?.[0]?.every((byte) => byte === 1)).toBe(true);
    expect((lane.receive() as EventOrder).chunks?.[0]?.every((byte) => byte === 2)).toBe(true);
    expect((main.receive() as TurnReport).chunks?.[0]?.every((byte) => byte === 3)).toBe(true);
  });

  it('sends what is large by the port where it would have to wait for room', () => {
    const { main, lane } = pair(1 << 17);
    const large = (inv: number) => start(inv, '', [new Uint8Array(60_000).fill(inv)]);
    for (let inv = 1; inv <= 5; inv++) expect(main.send(large(inv)), `${inv}`).toBe(true);
    for (let inv = 1; inv <= 5; inv++) expect(lane.receive()).toEqual(large(inv));
  });

  it('takes what is larger than its ring', () => {
    const { main, lane } = pair();
    const large = start(1, 'x'.repeat(100_000), [new Uint8Array(200_000).fill(7)]);
    main.send(large);
    main.send(start(2, 'after'));
    expect(lane.receive()).toEqual(large);
    expect(lane.receive()).toMatchObject({ inv: 2 });
  });

  it('gives copies: what was received does not change when the ring is written again', () => {
    const { main, lane } = pair();
    main.send(start(1, '', [Uint8Array.of(1, 1, 1, 1)]));
    const first = lane.receive() as StartOrder;
    for (let i = 0; i < 100; i++) {
      main.send(start(2, '', [Uint8Array.of(9, 9, 9, 9)]));
      lane.receive();
    }
    expect(first.chunks?.[0]).toEqual(Uint8Array.of(1, 1, 1, 1));
    expect(first.chunks?.[0]?.buffer).toBeInstanceOf(ArrayBuffer);
  });

  it('keeps what finds no room, in order, until there is some', () => {
    const { main, lane } = pair();
    let sent = 0;
    while (main.send(start(sent, 'y'.repeat(200)))) sent += 1;
    for (let i = 0; i < 5; i++) main.send({ k: 'drop', isolate: 1000 + i });
    expect(main.flush()).toBe(false);
    for (let inv = 0; inv <= sent; ) {
      const order = lane.receive();
      if (order === null) expect(main.flush(), `after ${inv} of ${sent}`).toBe(true);
      else expect(order).toMatchObject({ k: 'start', inv: inv++ });
    }
    main.flush();
    for (let i = 0; i < 5; i++) expect(lane.receive()).toEqual({ k: 'drop', isolate: 1000 + i });
  });

  it('loses nothing and keeps the order, whatever is sent and whenever it is read', () => {
    const message = fc.oneof(
      fc.record({
        text: fc.string({ unit: 'grapheme', maxLength: 400 }),
        bytes: fc.option(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 3 })),
      }),
      fc.constant('drop' as const),
      fc.constant('read' as const),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 200 }), (steps) => {
        const { main, lane } = pair();
        const expected: LaneOrder[] = [];
        const got: LaneOrder[] = [];
        const read = (): void => {
          for (let order = lane.receive(); order !== null; order = lane.receive()) got.push(order);
        };
        for (const [inv, step] of steps.entries()) {
          if (step === 'read') {
            read();
            main.flush();
            continue;
          }
          const order: LaneOrder =
            step === 'drop' ? { k: 'drop', isolate: inv } : start(inv, step.text, step.bytes as Uint8Array[] | null);
          expected.push(order);
          main.send(order);
        }
        do read();
        while (!main.flush());
        read();
        expect(got).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('wakes only who sleeps, and only once', () => {
    const { main, lane, woken } = pair();
    main.send(start(1, ''));
    main.wake();
    main.send(start(2, ''));
    main.wake();
    expect(woken).toEqual(['lane']);
    lane.send(turn(1, ''));
    lane.wake();
    expect(woken).toEqual(['lane']);
  });
});

describe('a ring', () => {
  it('refuses to doze over a frame that has come', () => {
    const memory = Ring.memory(4096);
    const [writer, reader] = [new Ring(memory), new Ring(memory)];
    expect(reader.doze()).toBe(true);
    expect(writer.rouse()).toBe(true);
    expect(writer.rouse()).toBe(false);
    writer.reserve(8);
    writer.commit(8);
    expect(reader.doze()).toBe(false);
    expect(writer.rouse()).toBe(false);
  });

  it('never writes over what has not been read, at its end least of all', () => {
    const memory = Ring.memory(4096);
    const [writer, reader] = [new Ring(memory), new Ring(memory)];
    for (let i = 0; i < 4; i++) {
      expect(writer.reserve(1008)).toBe(i * 1008);
      writer.commit(1008);
    }
    expect(reader.next()).toBe(0);
    reader.release();
    // 1072 bytes are free, but 64 of them are behind the last frame.
    expect(writer.reserve(1016)).toBe(-1);
    expect(writer.reserve(1008)).toBe(0);
  });

  it('is looked into for a while, and no longer', () => {
    const memory = Ring.memory(4096);
    const [writer, reader] = [new Ring(memory), new Ring(memory)];
    const before = performance.now();
    expect(reader.look(2)).toBe(false);
    expect(performance.now() - before).toBeGreaterThanOrEqual(2);
    writer.reserve(8);
    writer.commit(8);
    expect(reader.look(60_000)).toBe(true);
  });

  it('wakes a thread that waits in it', async () => {
    const memory = Ring.memory(4096);
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.module).then(({ Ring }) => {
        const ring = new Ring(workerData.memory);
        parentPort.postMessage('waiting');
        while (ring.next() < 0) ring.wait(60_000);
        parentPort.postMessage('woken');
      });`;
    const module = new URL('../../../src/engine/ring.ts', import.meta.url).href;
    const worker = new Worker(source, { eval: true, workerData: { memory, module } });
    const said = (): Promise<unknown> => new Promise((resolve) => worker.once('message', resolve));
    expect(await said()).toBe('waiting');
    const woken = said();
    const ring = new Ring(memory);
    ring.reserve(8);
    ring.commit(8);
    if (ring.rouse()) ring.notify();
    expect(await woken).toBe('woken');
    await worker.terminate();
  });

  it('holds a power of two bytes', () => {
    expect(() => new Ring(Ring.memory(3000))).toThrow('power of two');
  });
});
