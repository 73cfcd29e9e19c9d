/**
 * One engine process as the host sees it: its control socket, its lanes, its health, its death. It is killed, always
 * with SIGKILL, when it is silent while it owes something, when a turn has wedged it, when it outgrows its memory, when
 * it says what no engine says. Whatever killed it: when the last byte of it has been read, it is buried, once.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import type { Fall, Realm } from '../../contract/engine-port.ts';
import { MIB } from '../../contract/units.ts';
import { openBoard, readBoard } from '../board.ts';
import type { Culprit, LaneEvents } from '../lane.ts';
import type { Cgroup, Cgroups } from './cgroup.ts';
import { asControlReport, type ControlOrder, type ControlReport } from './control.ts';
import { FrameReader, FrameWriter } from './frames.ts';
import { CONTROL_FD, FIRST_LANE_FD, launch } from './launch.ts';
import { ProcessLane } from './process-lane.ts';

/** A warden's word is short. */
const FRAME_MOST = 64 * 1024;
/** Checks (`look`, every 50 ms) without a sign of life after which a process that owes something is dead to us. */
const SILENT = { stopped: 6, asleep: 10, busy: 20, starved: 100, booting: 400 } as const;
/** Every so many checks the process's memory is read, and a warden with work is kept awake. */
const MEMORY_EVERY = 2;
const WAKE_EVERY = 10;
/** How much a process may say on its outputs. */
const MOST_SAID = 4096;

export interface ProcessEvents extends Pick<LaneEvents, 'reports'> {
  /** Nothing more may go there; what ran there is judged when it is `buried`. */
  doomed(process: EngineProcess): void;
  /** It is dead, and everything it said was heard. */
  buried(process: EngineProcess): void;
  /** A turn of the lane that was told of has ended. */
  rested(lane: ProcessLane): void;
  recalled(lane: ProcessLane, inv: number): void;
  log(line: string): void;
}

export interface ProcessLimits {
  readonly lanes: number;
  /** Resident memory above what its guests may have by their limits. */
  readonly headroomBytes: number;
  readonly dataBytes: number;
  readonly cgroups: Cgroups;
}

export class EngineProcess {
  /** `null`: a spare. */
  realm: Realm | null = null;
  readonly lanes: ProcessLane[] = [];
  /** Why it was killed; `null`: it was not, or not yet. */
  how: Fall | null = null;
  isDead = false;
  /** Its end is ordered, or seen. */
  isDoomed = false;
  /** Monotonic ms since which it has had nothing loaded. */
  idleSinceMs: number = performance.now();
  readonly #child: ChildProcess;
  readonly #events: ProcessEvents;
  readonly #limits: ProcessLimits;
  readonly #board: number;
  readonly #writer: FrameWriter = new FrameWriter();
  readonly #gone: Promise<void>;
  readonly #cgroup: Cgroup | null;
  #boundBytes = 0;
  #guilty: ProcessLane | null = null;
  #isUp = false;
  #isClosing = false;
  /** It said what makes no sense: nothing it says is heard any more. */
  #isDistrusted = false;
  #awake = false;
  #checks = 0;
  #silent = 0;
  #cpuNs = 0;
  #said = '';

  /** `init` is the frame of an `InitOrder`. */
  constructor(init: Buffer, limits: ProcessLimits, events: ProcessEvents) {
    this.#events = events;
    this.#limits = limits;
    this.#board = openBoard();
    this.#cgroup = limits.cgroups.make(limits.headroomBytes);
    const cgroup = this.#cgroup?.path ?? '';
    this.#child = launch({ dataBytes: limits.dataBytes, boardFd: this.#board, lanes: limits.lanes, cgroup });
    if ((this.#child.stdio as unknown) === undefined) {
      // Out of descriptors: Node made none of its sockets, and says why later.
      this.#child.once('error', () => undefined);
      closeSync(this.#board);
      throw new Error('the system gives no more descriptors or processes');
    }
    const reader = new FrameReader(FRAME_MOST, (messages) => {
      for (const message of messages) this.#hear(asControlReport(message));
    });
    const control = this.#socket(CONTROL_FD);
    control.on('data', (bytes: Buffer) => this.guard(() => reader.push(bytes)));
    control.on('error', () => undefined);
    for (const output of [this.#child.stdout, this.#child.stderr]) this.#listen(output!);
    this.#gone = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#say(error.message);
        this.#doom();
        this.#bury();
        resolve();
      });
      this.#child.once('exit', () => this.#doom());
      this.#child.once('close', (code, signal) => {
        this.#bury(signal ?? `exit ${code}`);
        resolve();
      });
    });
    this.#unref();
    control.write(init);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get isFull(): boolean {
    return this.isDoomed || this.lanes.length >= this.#limits.lanes;
  }

  get isolates(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.isolates, 0);
  }

  get owes(): boolean {
    return this.lanes.some((lane) => lane.owed > 0);
  }

  /** One lane more, at once; its thread comes up later and finds its orders waiting. */
  grow(id: number): ProcessLane {
    const line = this.lanes.length;
    const fd = FIRST_LANE_FD + line;
    const lane = new ProcessLane(id, line, this.#socket(fd), this, this.#events);
    this.lanes.push(lane);
    this.tell({ k: 'grow', lane: id, fd, line });
    return lane;
  }

  tell(order: ControlOrder): void {
    if (this.isDoomed) return;
    this.#writer.add(order);
    this.#socket(CONTROL_FD).write(this.#writer.take());
  }

  /** There is work: its warden watches, and we expect to hear of it. */
  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.tell({ k: 'wake' });
  }

  /** A sign of life. */
  heard(): void {
    this.#silent = 0;
    this.#isUp = true;
  }

  /** Runs what reads from the process: should that make no sense, its end is ours to order. */
  guard(read: () => void): void {
    if (this.#isDistrusted) return;
    try {
      read();
    } catch (error) {
      this.#isDistrusted = true;
      this.kill('crashed', error instanceof Error ? error.message : String(error));
    }
  }

  /** Every 50 ms, counted rather than timed: a host that was itself held up blames nobody for it. */
  look(): void {
    if (this.isDoomed) return;
    this.#checks += 1;
    if (this.isolates > 0 || this.owes) this.idleSinceMs = performance.now();
    if (this.#checks % WAKE_EVERY === 0) {
      this.#awake = false;
      if (this.owes) this.wake();
    }
    if (!this.owes) {
      this.#silent = 0;
      return;
    }
    const overdue = this.lanes.filter((lane) => lane.isOverdue());
    if (overdue.length > 0) {
      this.kill('wedged', 'an end that was ordered does not come', overdue[0]);
      return;
    }
    if (this.#checks % MEMORY_EVERY === 0 && this.#outgrown()) return;
    this.#silent += 1;
    if (this.#silent < SILENT.stopped) return;
    const patience = this.#patience();
    if (this.#silent >= patience) this.kill('wedged', 'it gives no sign of life');
  }

  /** `null` as the reason: it is not needed any more. `guilty`: the lane whose turn is to blame, and no other. */
  kill(how: Fall | null, why: string, guilty?: ProcessLane): void {
    if (this.isDead || this.how !== null) return;
    this.how = how;
    this.#guilty = guilty ?? null;
    if (how === null) this.#isClosing = true;
    else this.#events.log(`engine process ${this.pid} (${this.realm ?? 'spare'}) is killed: ${why}`);
    this.#child.kill('SIGKILL');
    this.#doom();
  }

  /** It holds nothing that could be lost. */
  async close(): Promise<void> {
    this.kill(null, 'not needed');
    this.#child.ref();
    await this.#gone;
  }

  /** Who was in a turn there as it died, unless the blame is another lane's. */
  culpritOf(lane: ProcessLane): Culprit | null {
    return this.#guilty === null || this.#guilty === lane ? lane.culprit : null;
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  #hear(report: ControlReport): void {
    this.heard();
    switch (report.k) {
      case 'beat':
        return;
      case 'runs': {
        const lane = this.#lane(report.lane);
        const before = lane?.running ?? 0;
        lane?.runs(report);
        if (lane !== undefined && before !== 0 && lane.running !== before) this.#events.rested(lane);
        else if (lane !== undefined && report.isolate === 0) this.#events.rested(lane);
        return;
      }
      case 'recalled': {
        const lane = this.#lane(report.lane);
        if (lane !== undefined) this.#events.recalled(lane, report.inv);
        return;
      }
      case 'lost': {
        const lane = this.#lane(report.lane);
        const parked = report.how === 'parked';
        if (lane !== undefined) lane.parked = parked;
        this.kill('wedged', parked ? 'V8 found no memory and parked a thread' : 'a turn ignores its end', lane);
        return;
      }
      case 'lane-died':
        this.kill('crashed', `a lane has ended: ${report.message.slice(0, 500)}`);
        return;
      default: {
        const never: never = report;
        throw new Error(`unknown report ${JSON.stringify(never)}`);
      }
    }
  }

  #lane(id: number): ProcessLane | undefined {
    return this.lanes.find((lane) => lane.id === id);
  }

  /** How many silent checks its main thread is given, by what the system says it does. */
  #patience(): number {
    if (!this.#isUp) return SILENT.booting;
    const { state, cpuNs } = threadOf(this.pid);
    const usedNs = cpuNs - this.#cpuNs;
    if (this.#silent === SILENT.stopped) this.#cpuNs = cpuNs;
    switch (state) {
      case 'T':
      case 't':
        return SILENT.stopped;
      case 'R':
        // Running all the time without a word, or waiting for a CPU?
        return this.#silent > SILENT.busy && usedNs < (this.#silent - SILENT.stopped) * 10e6
          ? SILENT.starved
          : SILENT.busy;
      case 'D':
        return SILENT.starved;
      default:
        return SILENT.asleep;
    }
  }

  #outgrown(): boolean {
    let bound = this.#limits.headroomBytes;
    for (const lane of this.lanes) for (const { memoryMiB } of lane.guests.values()) bound += memoryMiB * MIB;
    if (bound !== this.#boundBytes) this.#cgroup?.bound(bound);
    this.#boundBytes = bound;
    const resident = residentBytes(this.pid);
    if (resident <= bound) return false;
    this.kill('outgrown', `it holds ${Math.round(resident / MIB)} MiB, its bound is ${Math.round(bound / MIB)} MiB`);
    return true;
  }

  #doom(): void {
    if (this.isDoomed) return;
    this.isDoomed = true;
    for (const lane of this.lanes) lane.abandon();
    this.#events.doomed(this);
  }

  #bury(how = 'it could not be started'): void {
    if (this.isDead) return;
    this.#doom();
    this.isDead = true;
    const board = readBoard(this.#board);
    closeSync(this.#board);
    for (const lane of this.lanes) lane.died(board[lane.line]);
    if (!this.#isClosing) {
      const said = this.#said === '' ? '' : `: ${this.#said.slice(-1000).replace(/[^\x20-\x7e]+/g, ' ')}`;
      this.#events.log(`engine process ${this.pid} (${this.realm ?? 'spare'}) has ended (${how})${said}`);
      // What V8 says when the system gives it no more memory.
      this.how ??= this.#cgroup?.wasKilled === true || /out of memory/i.test(this.#said) ? 'outgrown' : 'crashed';
    }
    this.#cgroup?.remove();
    this.#events.buried(this);
  }

  #listen(output: Readable): void {
    output.on('data', (bytes: Buffer) => this.#say(bytes.toString('latin1')));
    output.on('error', () => undefined);
  }

  #say(text: string): void {
    this.#said = (this.#said + text).slice(-MOST_SAID);
  }

  #socket(fd: number): Socket {
    return this.#child.stdio[fd] as Socket;
  }

  /** It keeps nobody's process alive. */
  #unref(): void {
    this.#child.unref();
    for (const stream of this.#child.stdio) (stream as Socket | null)?.unref?.();
  }
}

function threadOf(pid: number): { readonly state: string; readonly cpuNs: number } {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const cpuNs = Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ', 1)[0]);
    return { state: stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3), cpuNs };
  } catch {
    return { state: '', cpuNs: 0 };
  }
}

/** 0 where the system does not say. */
function residentBytes(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? '0';
    return Number(kib) * 1024;
  } catch {
    return 0;
  }
}
