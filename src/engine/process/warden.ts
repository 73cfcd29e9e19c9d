/**
 * The main thread of an engine process. It starts lanes, watches their turns and ends those that pass their limits, all
 * without the host; it tells the host who runs and that it is alive. It sees no request: lanes talk to the host
 * themselves. It ends when the host does.
 */

import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { NS_PER_MS } from '../../contract/units.ts';
import { Places } from '../crypto/places.ts';
import { entryBeside } from '../entry.ts';
import type { Image } from '../image.ts';
import { Judge, threadCpuNs } from '../judge.ts';
import type { LaneInit } from '../lane-wire.ts';
import { nowNs } from '../monotonic.ts';
import { ThreadPriority } from '../priority.ts';
import { LaneSlots, type RunningTurn } from '../slots.ts';
import { Watch } from '../watch.ts';
import type { ControlOrder, ControlReport, InitOrder } from './control.ts';
import { FrameReader, FrameWriter } from './frames.ts';
import { BOARD_FD, CONTROL_FD } from './launch.ts';

/** A turn this long is told of. */
const TELL_NS = 2 * NS_PER_MS;
const BEAT_NS = 50 * NS_PER_MS;
const FRAME_MOST = 256 * 1024 * 1024;

class WardenLane {
  readonly id: number;
  readonly slots: LaneSlots = new LaneSlots();
  readonly judge: Judge = new Judge(this.slots);
  /** The turn the host was last told of, 0 when it was told that none runs. */
  told = 0;
  lost = false;
  turns = 0;
  readonly #priority: ThreadPriority = new ThreadPriority(() => this.slots.threadId);

  constructor(id: number) {
    this.id = id;
  }

  turn(): RunningTurn | null {
    return this.slots.running();
  }

  pace(turn: RunningTurn | null, nowNs: number): void {
    this.#priority.look(turn, nowNs);
  }
}

class Warden {
  readonly #lanes: Map<number, WardenLane> = new Map();
  readonly #places: SharedArrayBuffer = Places.memory();
  readonly #socket: Socket;
  readonly #writer: FrameWriter = new FrameWriter();
  readonly #watch: Watch<WardenLane>;
  #image: Image = { prelude: '', snapshot: null };
  #spares: Pick<InitOrder, 'spares' | 'spareMemoryMiB'> = { spares: 0, spareMemoryMiB: 0 };
  #beatNs = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#watch = new Watch({
      lanes: { [Symbol.iterator]: () => this.#lanes.values() },
      busy: () => this.#moved(),
      nowNs,
      look: (lane, turn, now) => this.#look(lane, turn, now),
      ticked: (now) => this.#ticked(now),
    });
  }

  obey(order: ControlOrder): void {
    switch (order.k) {
      case 'init':
        this.#init(order);
        return;
      case 'grow':
        this.#grow(order);
        return;
      case 'kill': {
        const lane = this.#lanes.get(order.lane);
        const turn = lane?.turn();
        if (turn?.isolate === order.isolate) lane?.judge.kill(turn, 'order', nowNs());
        // The host believed that it runs: it hears that it does not.
        else if (lane !== undefined) this.#rests(lane);
        return;
      }
      case 'recall': {
        const { lane, slot, inv } = order;
        if (this.#lanes.get(lane)?.slots.takeBack(slot, inv) === true) this.#tell({ k: 'recalled', lane, inv });
        return;
      }
      case 'wake':
        this.#watch.wake();
        this.#beat(nowNs());
        return;
      default: {
        const never: never = order;
        throw new Error(`unknown order ${JSON.stringify(never)}`);
      }
    }
  }

  #init(order: InitOrder): void {
    const bytes = order.snapshot === null ? null : Buffer.from(order.snapshot, 'base64');
    const snapshot = bytes === null ? null : new Uint8Array(bytes).buffer;
    this.#image = { prelude: order.prelude, snapshot };
    this.#spares = order;
  }

  #grow(order: Extract<ControlOrder, { k: 'grow' }>): void {
    const lane = new WardenLane(order.lane);
    this.#lanes.set(lane.id, lane);
    const { spares, spareMemoryMiB } = this.#spares;
    const init: LaneInit & { fd: number } = {
      lane: lane.id,
      slots: lane.slots.buffer,
      image: this.#image,
      spares,
      spareMemoryMiB,
      codeKey: null,
      isPress: false,
      boardFd: BOARD_FD,
      places: this.#places,
      line: order.line,
      fd: order.fd,
    };
    const worker = new Worker(entryBeside(import.meta.url, './lane-socket.ts'), {
      workerData: init,
      name: `isolane-lane-${lane.id}`,
      env: {},
    });
    worker.once('error', (error: Error) => this.#tell({ k: 'lane-died', lane: lane.id, message: error.message }));
    worker.once('exit', () => this.#tell({ k: 'lane-died', lane: lane.id, message: 'its thread has ended' }));
  }

  /** Whether any lane has begun a turn since the last look, or is in one. */
  #moved(): boolean {
    let moved = false;
    for (const lane of this.#lanes.values()) {
      const turns = lane.slots.turns();
      if (turns !== lane.turns || lane.slots.runningSinceNs() > 0) moved = true;
      lane.turns = turns;
    }
    return moved;
  }

  #look(lane: WardenLane, turn: RunningTurn, now: number): void {
    if (now - turn.sinceNs > TELL_NS && lane.told !== turn.turn) this.#runs(lane, turn, now);
    const how = lane.lost ? null : lane.judge.look(turn, now);
    if (how === null) return;
    lane.lost = true;
    this.#runs(lane, turn, now);
    this.#tell({ k: 'lost', lane: lane.id, how });
  }

  #ticked(now: number): void {
    for (const lane of this.#lanes.values()) {
      if (lane.told !== 0 && lane.turn()?.turn !== lane.told) this.#rests(lane);
    }
    if (now - this.#beatNs >= BEAT_NS) this.#beat(now);
  }

  #beat(now: number): void {
    this.#beatNs = now;
    for (const lane of this.#lanes.values()) {
      const turn = lane.turn();
      if (turn !== null && now - turn.sinceNs > TELL_NS) this.#runs(lane, turn, now);
    }
    this.#tell({ k: 'beat' });
  }

  #runs(lane: WardenLane, turn: RunningTurn, atNs: number): void {
    lane.told = turn.turn;
    const { isolate, inv, sinceNs } = turn;
    const usedNs = threadCpuNs(lane.slots.threadId) - turn.cpuBaseNs;
    const cpuNs = Number.isFinite(usedNs) ? Math.max(0, usedNs) : 0;
    this.#tell({ k: 'runs', lane: lane.id, turn: turn.turn, isolate, inv, sinceNs, atNs, cpuNs });
  }

  #rests(lane: WardenLane): void {
    lane.told = 0;
    this.#tell({ k: 'runs', lane: lane.id, turn: 0, isolate: 0, inv: 0, sinceNs: 0, atNs: 0, cpuNs: 0 });
  }

  #tell(report: ControlReport): void {
    this.#writer.add(report);
    this.#socket.write(this.#writer.take());
  }
}

const socket = new Socket({ fd: CONTROL_FD });
const warden = new Warden(socket);
const reader = new FrameReader(FRAME_MOST, (messages) => {
  for (const message of messages) warden.obey(message as ControlOrder);
});
socket.on('data', (bytes: Buffer) => reader.push(bytes));
socket.on('error', () => undefined);
// The host is gone, by whatever death: nothing here outlives it.
socket.once('close', () => process.kill(process.pid, 'SIGKILL'));
