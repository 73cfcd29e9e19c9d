/** The wire to an engine process: nothing lost whatever the sizes and cuts, and what makes no sense is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LaneOrder, LaneReport, TurnReport } from '../../../src/engine/lane-wire.ts';
import { asControlReport, asLaneReport } from '../../../src/engine/process/control.ts';
import { FrameError, FrameReader, FrameWriter, type Message } from '../../../src/engine/process/frames.ts';

const TURN: TurnReport = {
  k: 'turn',
  isolate: 7,
  inv: 9,
  startedNs: 123_456_789_012,
  endedNs: 123_456_989_012,
  cpuNs: 4321,
  hostNs: 17,
  estimated: true,
  heapBytes: 3_000_000,
  out: '{"c":"done","inv":9}',
  chunks: null,
  logs: null,
  outgrown: true,
  notes: [{ limit: 'logBytes', used: 900, reached: false }],
  stray: null,
};

const frameOf = (...messages: Message[]): Buffer => {
  const writer = new FrameWriter();
  for (const message of messages) writer.add(message);
  return writer.take();
};

const read = (bytes: Buffer, mostBytes = 1 << 20): Message[] => {
  const got: Message[] = [];
  new FrameReader(mostBytes, (messages) => got.push(...messages)).push(bytes);
  return got;
};

describe('frames', () => {
  it('carry orders and reports as they are', () => {
    const orders: LaneOrder[] = [
      { k: 'start', isolate: 1, inv: 2, slot: 3, json: '{"a":"ä€😀"}', chunks: null, cpuMs: 50, wallMs: 60 },
      { k: 'event', isolate: 1, inv: 2, json: '', chunks: [Uint8Array.of(1, 2), new Uint8Array(0)] },
      { k: 'drop', isolate: 4 },
    ];
    const reports: LaneReport[] = [
      TURN,
      { ...TURN, chunks: [Uint8Array.of(255)], logs: [{ inv: 9, level: 'info', text: 'x', epochMs: 1 }] },
      { ...TURN, stray: { name: 'Error', message: 'm', stack: '' } },
      { k: 'returned', inv: 5 },
    ];
    expect(read(frameOf(...orders))).toEqual(orders);
    expect(read(frameOf(...reports)).map(asLaneReport)).toEqual(reports);
  });

  it('come through whatever way the bytes are cut', () => {
    const message = fc.record({
      text: fc.string({ unit: 'grapheme', maxLength: 300 }),
      chunks: fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), fc.array(fc.integer({ min: 1, max: 400 })), (sent, cuts) => {
        const frames = sent.map(({ text, chunks }, inv) =>
          frameOf(
            { k: 'event', isolate: 1, inv, json: text, chunks: chunks.length === 0 ? null : (chunks as Uint8Array[]) },
            TURN,
          ),
        );
        const bytes = Buffer.concat(frames);
        const got: Message[] = [];
        const reader = new FrameReader(1 << 20, (messages) => got.push(...messages));
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          const part = Buffer.from(bytes.subarray(at, at + cut));
          reader.push(part);
          // As a socket does that reads into one buffer.
          part.fill(0xff);
          at += cut;
        }
        const events = got.filter((one) => one.k === 'event');
        expect(events.map((one) => [one.json, one.chunks?.map((chunk) => [...chunk]) ?? []])).toEqual(
          sent.map(({ text, chunks }) => [text, chunks.map((chunk) => [...chunk])]),
        );
        expect(got.filter((one) => one.k === 'turn')).toEqual(sent.map(() => TURN));
      }),
      { numRuns: 200 },
    );
  });

  it('give chunks buffers of their own', () => {
    const [order] = read(frameOf({ k: 'event', isolate: 1, inv: 2, json: 'secret', chunks: [Uint8Array.of(1, 2)] }));
    expect((order as { chunks: readonly Uint8Array[] }).chunks[0]!.buffer.byteLength).toBe(2);
  });
});

describe('what an engine process says', () => {
  it('is refused when it is too long, before it is kept', () => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(1 << 30);
    expect(() => read(head)).toThrow(FrameError);
  });

  it('is refused, and nothing else happens, whatever bytes they are', () => {
    const frame = frameOf(TURN, { ...TURN, k: 'gone', why: 'killed', message: '', lives: [] } as LaneReport);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(frame.length - 5), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const bytes = Buffer.from(frame);
          for (const [at, value] of changes) bytes[4 + at] = value;
          try {
            for (const message of read(bytes)) asLaneReport(message);
          } catch (error) {
            expect(error).toBeInstanceOf(FrameError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is refused field by field', () => {
    const refused: unknown[] = [
      { k: 'start' },
      { k: 'constructor' },
      { k: 'gone', isolate: 1, inv: 1, why: 'luck' },
      { k: 'loaded', isolate: 1, initNs: -1, cpuNs: 0, heapBytes: 0, logs: null },
      {
        k: 'loaded',
        isolate: 1,
        initNs: 0,
        cpuNs: 0,
        heapBytes: 0,
        logs: [{ inv: 1, level: 'loud', text: '', epochMs: 0 }],
      },
      { k: 'sick', message: 5 },
      { ...TURN, stray: { name: 'x' } },
    ];
    for (const message of refused)
      expect(() => asLaneReport(message as Message), JSON.stringify(message)).toThrow(FrameError);
    expect(() => asControlReport({ k: 'init' } as Message)).toThrow(FrameError);
    expect(() => asControlReport({ k: 'runs', lane: 1 } as unknown as Message)).toThrow(FrameError);
    expect(asControlReport({ k: 'beat' })).toEqual({ k: 'beat' });
  });
});
