/**
 * The entry of a lane's worker thread in an engine process: orders and reports come and go over the lane's own socket,
 * so that no request takes a detour through the process's main thread.
 */
import { Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { type LaneLink, LaneThread } from '../lane-thread.ts';
import type { LaneInit, LaneOrder } from '../lane-wire.ts';
import { giveWay } from '../priority.ts';
import { FrameReader, FrameWriter } from './frames.ts';

/** Guests give way to the host: a little, so that a busy machine still serves them. */
const NICE = 2;
/** Orders come from the host, which bounds them itself. */
const FRAME_MOST = 0xffffffff;
const READ_BYTES = 64 * 1024;
/** Reports that leave without waiting for more: the host answers while the lane goes on. */
const BATCH = 4;
const SLEEP_MS = 60_000;
/** After its orders the thread goes on looking for so long: the next one mostly comes sooner than a wake-up would take. */
const LOOK_MS = 0.1;

const { fd, ...init } = workerData as LaneInit & { readonly fd: number };
const writer = new FrameWriter();
const orders: LaneOrder[] = [];
let next = 0;
let held = 0;
let timer: NodeJS.Timeout | null = null;
let soon: NodeJS.Immediate | null = null;
let looking = false;
let lookUntilMs = 0;

const reader = new FrameReader(FRAME_MOST, (messages) => {
  for (const message of messages) orders.push(message as LaneOrder);
});
const socket = new Socket({
  fd,
  onread: {
    buffer: Buffer.allocUnsafeSlow(READ_BYTES),
    callback: (size, bytes) => {
      reader.push(Buffer.from(bytes.buffer, bytes.byteOffset, size));
      work();
      return true;
    },
  },
});
// The host is gone: whatever runs here runs for nobody.
socket.once('close', () => process.kill(process.pid, 'SIGKILL'));
socket.on('error', () => undefined);

const link: LaneLink = {
  receive: () => {
    const order = orders[next++];
    if (order !== undefined) return order;
    orders.length = 0;
    next = 0;
    return null;
  },
  send: (report) => {
    writer.add(report);
    held += 1;
    if (held >= BATCH || writer.isFull) flush();
  },
  flush,
  close: () => parentPort?.close(),
};

function flush(): void {
  held = 0;
  if (!writer.isEmpty) socket.write(writer.take());
}

function work(): void {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  // A load takes several steps, and what was dropped goes when there is nothing else to do.
  if (thread.work() > 0) {
    workSoon();
    return;
  }
  const waitMs = thread.waitMs(SLEEP_MS);
  if (waitMs < SLEEP_MS) timer = setTimeout(work, waitMs);
  lookUntilMs = performance.now() + LOOK_MS;
  if (!looking) look();
}

function workSoon(): void {
  if (soon !== null) return;
  soon = setImmediate(() => {
    soon = null;
    work();
  });
}

/** Keeps the event loop from sleeping. */
function look(): void {
  looking = performance.now() < lookUntilMs;
  if (looking) setImmediate(look);
}

const thread = new LaneThread(init, link);
giveWay(NICE);
thread.onReady = workSoon;
work();
socket.resume();
