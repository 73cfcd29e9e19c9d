/** A line against peers that speak badly, slowly, or not at all. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import {
  SOCKET_HELD_BYTES,
  SOCKET_MS,
  SOCKET_PING_MS,
  type SocketData,
  type SocketEnd,
  type SocketLine,
  type SocketListener,
} from '../../../src/contract/socket.ts';
import { Holdings } from '../../../src/sockets/holdings.ts';
import { Sockets } from '../../../src/sockets/sockets.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { type FrameOptions, frame, OPCODE, RawWebSocket } from '../../support/raw-websocket.ts';

class Heard implements SocketListener {
  line!: SocketLine;
  readonly messages: SocketData[] = [];
  readonly told: number[] = [];
  readonly end: Promise<SocketEnd>;
  ends = 0;
  /** Takes each message at once. */
  takes = true;
  #resolve!: (end: SocketEnd) => void;

  constructor() {
    this.end = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }
  opened(line: SocketLine): void {
    this.line = line;
  }
  message(data: SocketData): void {
    this.messages.push(data);
    if (this.takes) queueMicrotask(() => this.line.taken());
  }
  held(bytes: number): void {
    this.told.push(bytes);
  }
  ended(end: SocketEnd): void {
    this.ends += 1;
    this.#resolve(end);
  }
}

interface Served {
  readonly port: number;
  readonly heard: Heard;
  readonly clock: FakeClock;
  readonly sockets: Sockets;
  readonly holdings: Holdings;
}

async function serve(maxBytes = 1000, holdings: Holdings = new Holdings(2 ** 28)): Promise<Served> {
  const clock = new FakeClock();
  const sockets = new Sockets(clock, holdings);
  const heard = new Heard();
  const server = createServer();
  const upgraded: { destroy(): void }[] = [];
  server.on('upgrade', (incoming, socket, early) => {
    upgraded.push(socket);
    sockets.accept({ incoming, socket, early, headers: ['x-a', 'b'], protocol: 'p', maxBytes }, heard);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    sockets.leave();
    for (const socket of upgraded) socket.destroy();
    server.close();
    await vi.waitUntil(() => clock.pending === 0);
    // Whatever it ended with, nothing is held for it any more.
    if (heard.ends === 1) for (let i = 0; i < 1000; i++) heard.line?.taken();
    expect(holdings.bytes).toBe(0);
  });
  return { port: (server.address() as AddressInfo).port, heard, clock, sockets, holdings };
}

function raw(port: number): RawWebSocket {
  const client = new RawWebSocket(port, '/', 'sec-websocket-protocol: o, p\r\n');
  onTestFinished(() => {
    client.socket.destroy();
  });
  return client;
}

describe('messages', () => {
  it('of both kinds, both ways, in pieces, with control frames between', async () => {
    const { port, heard } = await serve();
    const client = raw(port);
    expect(await client.opened()).toMatch(/^HTTP\/1\.1 101 [\s\S]*accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
    expect(client.head).toMatch(/sec-websocket-protocol: p\r\n[\s\S]*x-a: b\r\n/i);
    expect(client.head).not.toMatch(/extensions/i);
    client.socket.write(frame('plain'));
    client.socket.write(frame('in ', { last: false }));
    client.socket.write(frame('are you there', { opcode: OPCODE.ping }));
    client.socket.write(frame('', { opcode: OPCODE.part, last: false }));
    client.socket.write(frame('pieces', { opcode: OPCODE.part }));
    client.socket.write(frame(Uint8Array.of(1, 2, 255), { opcode: OPCODE.binary }));
    await client.until(() => client.frames.some((one) => one.opcode === OPCODE.pong));
    await vi.waitUntil(() => heard.messages.length === 3);
    expect(heard.messages).toEqual(['plain', 'in pieces', Uint8Array.of(1, 2, 255)]);
    // A buffer of its own: nothing of a neighbour's bytes crosses with it.
    expect((heard.messages[2] as Uint8Array).buffer.byteLength).toBe(3);
    heard.line.send('ä');
    heard.line.send(Uint8Array.of(9));
    await client.until(() => client.frames.length === 3);
    expect(client.frames.map((one) => [one.opcode, one.payload.toString('hex')])).toEqual([
      [OPCODE.pong, Buffer.from('are you there').toString('hex')],
      [OPCODE.text, 'c3a4'],
      [OPCODE.binary, '09'],
    ]);
  });

  it('that came before the end are heard before it', async () => {
    const { port, heard } = await serve();
    heard.takes = false;
    const client = new WebSocket(`ws://127.0.0.1:${port}`, ['p']);
    await once(client, 'open');
    for (let i = 0; i < 100; i++) client.send(String(i));
    const closed = once(client, 'close');
    client.close(3000, 'done');
    await vi.waitUntil(() => heard.messages.length === 32);
    await closed;
    expect(heard.ends).toBe(0);
    while (heard.messages.length < 100) heard.line.taken();
    for (let i = 0; i < 100; i++) heard.line.taken();
    expect(await heard.end).toEqual({ code: 3000, reason: 'done', clean: true, error: null });
    expect(heard.messages).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  });
});

describe('peers that break the rules', () => {
  const cases: readonly [string, number, readonly (string | Uint8Array | FrameOptions)[][]][] = [
    ['without a mask', 1002, [['x', { masked: false }]]],
    ['a reserved bit', 1002, [['x', { reserved: 4 }]]],
    ['an unknown opcode', 1002, [['x', { opcode: 3 }]]],
    ['a piece of nothing', 1002, [['x', { opcode: OPCODE.part }]]],
    [
      'a message within a message',
      1002,
      [
        ['x', { last: false }],
        ['y', {}],
      ],
    ],
    ['a ping in pieces', 1002, [['x', { opcode: OPCODE.ping, last: false }]]],
    ['a long ping', 1002, [['x'.repeat(126), { opcode: OPCODE.ping }]]],
    ['a close code of nobody', 1002, [[Uint8Array.of(3, 237), { opcode: OPCODE.close }]]],
    ['half a close code', 1002, [[Uint8Array.of(3), { opcode: OPCODE.close }]]],
    ['text that is not UTF-8', 1007, [[Uint8Array.of(0xff, 0xfe), {}]]],
    ['a reason that is not UTF-8', 1007, [[Uint8Array.of(3, 232, 0xff), { opcode: OPCODE.close }]]],
    ['too long', 1009, [['x'.repeat(1001), {}]]],
    ['said to be too long', 1009, [['x', { length: 2 ** 40 }]]],
    ['said to be longer than any', 1009, [['x', { length: Number.MAX_SAFE_INTEGER + 1 }]]],
    [
      'too long in pieces',
      1009,
      [
        ['x'.repeat(600), { last: false }],
        ['x'.repeat(600), { opcode: OPCODE.part }],
      ],
    ],
  ];

  it.each(cases)('%s: %d', async (_, code, frames) => {
    const { port, heard } = await serve();
    const client = raw(port);
    await client.opened();
    for (const [payload, options] of frames) client.socket.write(frame(payload as string, options as FrameOptions));
    expect(await client.closeCode()).toBe(code);
    client.socket.end();
    expect(await heard.end).toMatchObject({ code: 1006, clean: false, error: expect.any(String) });
    expect([heard.messages, heard.ends]).toEqual([[], 1]);
  });

  it('a message of a million pieces: 1008', async () => {
    const { port, heard } = await serve(1_000_000);
    const client = raw(port);
    await client.opened();
    client.socket.write(frame('x', { last: false }));
    client.socket.write(Buffer.concat(Array.from({ length: 5000 }, () => frame('x', { opcode: 0, last: false }))));
    expect(await client.closeCode()).toBe(1008);
    client.socket.end();
    expect(await heard.end).toMatchObject({ code: 1006 });
  });
});

describe('what may pile up', () => {
  it('a listener that takes nothing stops the reading', async () => {
    const { port, heard } = await serve(100_000);
    heard.takes = false;
    const client = raw(port);
    await client.opened();
    const message = frame('x'.repeat(100_000), { opcode: OPCODE.binary });
    // Some of it fits into the buffers of the system; most has to wait here.
    for (let i = 0; i < 300; i++) client.socket.write(message);
    await vi.waitUntil(() => heard.messages.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard.messages.length).toBeLessThanOrEqual(11);
    expect(client.socket.writableLength).toBeGreaterThan(10_000_000);
    heard.takes = true;
    for (let i = heard.messages.length; i > 0; i--) heard.line.taken();
    await vi.waitUntil(() => heard.messages.length === 300, { timeout: 10_000 });
  });

  it('a reader that reads nothing is told of, and cut with 1013', async () => {
    const { port, heard } = await serve();
    const client = raw(port);
    await client.opened();
    client.socket.pause();
    const chunk = new Uint8Array(1024 * 1024);
    let sent = 0;
    while (heard.ends === 0 && sent < 64 * chunk.length) {
      heard.line.send(chunk);
      sent += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await heard.end).toMatchObject({ code: 1013, clean: false });
    expect(sent).toBeLessThanOrEqual(SOCKET_HELD_BYTES + 16 * chunk.length);
    expect(heard.told.length).toBeLessThan(12);
    expect(heard.told.at(-1)).toBeGreaterThan(4 * chunk.length);
  });

  it('a reader that catches up is told of, too', async () => {
    const { port, heard } = await serve();
    const client = raw(port);
    await client.opened();
    client.socket.pause();
    for (let i = 0; i < 12; i++) heard.line.send(new Uint8Array(1024 * 1024));
    expect(heard.told.at(-1)).toBeGreaterThan(0);
    client.socket.resume();
    await vi.waitUntil(() => heard.told.at(-1) === 0, { timeout: 10_000 });
  });

  it('pings without end, from who reads nothing, are not answered without end', async () => {
    const { port, heard, holdings } = await serve();
    const client = raw(port);
    await client.opened();
    client.socket.pause();
    const ping = frame('x'.repeat(125), { opcode: OPCODE.ping });
    const many = Buffer.concat(Array.from({ length: 1000 }, () => ping));
    let most = 0;
    for (let i = 0; i < 200; i++) {
      if (!client.socket.write(many)) await once(client.socket, 'drain');
      most = Math.max(most, holdings.bytes);
    }
    expect(most).toBeLessThan(1024 * 1024);
    expect(heard.ends).toBe(0);
  });

  it('a socket that passes what all may hold is cut', async () => {
    const { port, heard } = await serve(1_000_000, new Holdings(300_000));
    const client = raw(port);
    await client.opened();
    client.socket.write(frame('x'.repeat(250_000), { last: false }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard.ends).toBe(0);
    client.socket.write(frame('x'.repeat(100_000), { opcode: OPCODE.part, last: false }));
    expect(await heard.end).toMatchObject({ code: 1013, clean: false });
  });

  it('all sockets together have a bound', () => {
    const holdings = new Holdings(100);
    expect([holdings.change(60), holdings.change(60), holdings.change(-60), holdings.change(40)]).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(holdings.bytes).toBe(100);
  });
});

describe('time', () => {
  it('a ping that is not answered ends it', async () => {
    const { port, heard, clock } = await serve();
    const client = raw(port);
    await client.opened();
    await clock.advance(SOCKET_PING_MS);
    await client.until(() => client.frames.some((one) => one.opcode === OPCODE.ping));
    expect(heard.ends).toBe(0);
    await clock.advance(SOCKET_PING_MS);
    expect(await heard.end).toMatchObject({ code: 1006, error: 'A ping was not answered' });
    await client.closed;
    expect(clock.pending).toBe(0);
  });

  it('one that is answered does not', async () => {
    const { port, heard, clock } = await serve();
    const client = new WebSocket(`ws://127.0.0.1:${port}`, ['p']);
    await once(client, 'open');
    for (let i = 0; i < 5; i++) {
      const ping = once(client, 'ping');
      await clock.advance(SOCKET_PING_MS);
      await ping;
      // The pong has gone ahead of this.
      client.send(String(i));
      await vi.waitUntil(() => heard.messages.length === i + 1);
    }
    expect(heard.ends).toBe(0);
    client.terminate();
    expect(await heard.end).toMatchObject({ code: 1006, clean: false });
  });

  it('fifteen minutes end it with 1001', async () => {
    const { port, heard, clock } = await serve();
    const client = new WebSocket(`ws://127.0.0.1:${port}`, ['p']);
    await once(client, 'open');
    const closed = once(client, 'close');
    for (let at = 0; at < SOCKET_MS; at += SOCKET_PING_MS) {
      await clock.advance(SOCKET_PING_MS);
      if (client.readyState !== 1) break;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect((await closed)[0]).toBe(1001);
    expect(await heard.end).toMatchObject({ code: 1001, clean: true });
  });

  it('a host that goes says so', async () => {
    const { port, heard, sockets } = await serve();
    const client = new WebSocket(`ws://127.0.0.1:${port}`, ['p']);
    await once(client, 'open');
    const closed = once(client, 'close');
    sockets.leave();
    expect((await closed)[0]).toBe(1001);
    expect(await heard.end).toEqual({ code: 1001, reason: 'The host is going away', clean: true, error: null });
  });

  it('who has left hears nothing more', async () => {
    const { port, heard } = await serve();
    const client = new WebSocket(`ws://127.0.0.1:${port}`, ['p']);
    await once(client, 'open');
    const closed = once(client, 'close');
    heard.takes = false;
    client.send('x');
    await vi.waitUntil(() => heard.messages.length === 1);
    client.send('y');
    heard.line.leave(1011);
    expect((await closed)[0]).toBe(1011);
    expect([heard.messages, heard.ends]).toEqual([['x'], 0]);
  });
});
