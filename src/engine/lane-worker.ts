/**
 * The entry of a lane's worker thread in the host's own process. Between orders it sleeps in shared memory, not in its
 * event loop: being woken there costs a fraction. Only while the thread pool works for it (`crypto.subtle`) it sleeps in
 * the event loop, woken from either side. Every report leaves at once.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { ChannelEnd } from './channel.ts';
import { type LaneLink, LaneThread } from './lane-thread.ts';
import type { LaneOrder, LaneReport, RingLaneInit } from './lane-wire.ts';
import { giveWay } from './priority.ts';
import { Ring } from './ring.ts';

/** A sleeping lane looks up this often: isolated-vm reports catastrophes through its event loop. */
const SLEEP_MS = 250;
/** An idle lane looks for so long before it sleeps: the next order mostly comes sooner than a wake-up would take. */
const LOOK_MS = 0.05;
/** After orders that came several at once the main thread has answers to write and requests to read: it takes longer. */
const LOOK_BATCH_MS = 0.01;
/** How long a full ring is waited on before trying again. */
const FULL_MS = 1;
/** How far lanes give way to the doors, on the system's scale of 40. */
const NICE = 5;
/** How far one does whose work nobody waits for. */
const NICE_PRESS = 19;

const init = workerData as RingLaneInit;
const port = parentPort;
if (port === null) throw new Error('a lane runs in a worker thread');
const orders = new Ring(init.orders);
const rings = { out: new Ring(init.reports), in: orders };
const channel = new ChannelEnd<LaneReport, LaneOrder>(rings, init.port, () => port.postMessage(0));
const nothing = new Int32Array(new SharedArrayBuffer(4));
const link: LaneLink = {
  receive: () => channel.receive(),
  // A full ring is waited for: the main thread never waits for a lane, so it will empty it.
  send: (report) => {
    if (channel.send(report)) channel.wake();
    else while (!channel.flush()) Atomics.wait(nothing, 0, 0, FULL_MS);
  },
  flush: () => undefined,
  close: () => {
    channel.close();
    port.close();
  },
};
// The first lane serves functions with short turns; the others give way to it, and to the doors.
if (init.isPress) giveWay(NICE_PRESS);
else if (init.line > 0) giveWay(NICE);
const thread = new LaneThread(init, link);
// The thread lives until it is told to close, not until it has nothing to do.
port.on('message', () => undefined);

/** With nothing to do after a whole round of the event loop it sleeps; `last`: orders that the round before obeyed. */
function round(last: number): void {
  const obeyed = thread.work();
  if (thread.closed) return;
  if (obeyed === 0 && !orders.look(last > 1 ? LOOK_BATCH_MS : LOOK_MS)) {
    if (thread.awaits) {
      restOpenly();
      return;
    }
    orders.wait(thread.waitMs(SLEEP_MS));
  }
  setImmediate(round, obeyed);
}

let notified: Promise<unknown> | null = null;
let resting: NodeJS.Timeout | null = null;

/** Sleeps in the event loop, until an order comes, something is ready or due. */
function restOpenly(): void {
  resting = setTimeout(rouse, thread.waitMs(SLEEP_MS));
  thread.onReady = rouse;
  if (!orders.doze()) {
    rouse();
    return;
  }
  // One that was not needed stays good for the next time.
  if (notified !== null) return;
  notified = orders.notified();
  if (notified === null) {
    rouse();
    return;
  }
  notified.then(() => {
    notified = null;
    rouse();
  });
}

function rouse(): void {
  if (resting === null) return;
  clearTimeout(resting);
  resting = null;
  orders.stir();
  setImmediate(round, 0);
}

round(0);
