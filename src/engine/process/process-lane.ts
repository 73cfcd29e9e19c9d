/**
 * A lane whose thread lives in an engine process: the host's end of its socket. What runs there is known as far as the
 * warden told; what had begun is known exactly once the process is dead and its board was read. Figures from there are
 * believed only within what the host itself has seen of time.
 */

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { MIB } from '../../contract/units.ts';
import type { BoardLine } from '../board.ts';
import { type Culprit, type Lane, type LaneEvents, SlotNumbers } from '../lane.ts';
import type { LaneOrder, LaneReport } from '../lane-wire.ts';
import { nowNs } from '../monotonic.ts';
import { CLAIM_SLOTS, type RunningTurn } from '../slots.ts';
import { asLaneReport, type RunsReport } from './control.ts';
import type { EngineProcess } from './engine-process.ts';
import { FrameReader, FrameWriter } from './frames.ts';

/** Looks (one every 50 ms) after which an ordered end is overdue: the warden's own judgement comes long before. */
const OVERDUE_LOOKS = 60;
/** Orders that leave without waiting for more: the lane works on them while the main thread reads on. */
const BATCH = 4;
/** After an order or a report the main thread goes on looking for so long instead of sleeping: being woken takes as long. */
const LOOK_MS = 0.1;
/** Bytes a lane that does not read may keep the host waiting with. */
const UNREAD_BYTES = 8 * MIB;
/** A frame from a lane may be this long, and twice the memory of its largest guest besides. */
const FRAME_BYTES = 64 * MIB;

export class ProcessLane implements Lane {
  readonly id: number;
  readonly line: number;
  isolates = 0;
  unclaimed = 0;
  sick = false;
  /** Its warden says that its thread was put to sleep out of memory. */
  parked = false;
  /** Loads and invocations that have not been answered. */
  owed = 0;
  /** The guests that were loaded here: their memory limits, and when they were asked for. */
  readonly guests: Map<number, { readonly memoryMiB: number; readonly sinceNs: number }> = new Map();
  /** Ends that were ordered of isolates and not reported: looks since then. */
  readonly #ordered: Map<number, number> = new Map();
  readonly #process: EngineProcess;
  readonly #socket: Socket;
  readonly #events: Pick<LaneEvents, 'reports'>;
  readonly #numbers: SlotNumbers = new SlotNumbers(CLAIM_SLOTS);
  readonly #writer: FrameWriter = new FrameWriter();
  readonly #reader: FrameReader;
  /** How many start orders had been sent, this one included, by slot. */
  readonly #order: number[] = [];
  #starts = 0;
  #unsent = 0;
  #scheduled = false;
  #lookUntilMs = 0;
  #runs: RunsReport | null = null;
  /** When the last turn that was reported had ended: the warden's word of an older one is late. */
  #endedNs = 0;
  #end: BoardLine | null = null;

  constructor(id: number, line: number, socket: Socket, process: EngineProcess, events: Pick<LaneEvents, 'reports'>) {
    this.id = id;
    this.line = line;
    this.#process = process;
    this.#socket = socket;
    this.#events = events;
    this.#reader = new FrameReader(FRAME_BYTES, (messages) => this.#hear(messages.map(asLaneReport)));
    socket.on('data', (bytes: Buffer) => process.guard(() => this.#reader.push(bytes)));
    socket.on('error', () => undefined);
  }

  get realm(): string {
    return this.#process.realm ?? '';
  }

  get runningSinceNs(): number {
    return this.#runs?.sinceNs ?? 0;
  }

  get running(): number {
    return this.#runs?.isolate ?? 0;
  }

  get full(): boolean {
    return this.#numbers.isOut || this.#socket.writableLength > UNREAD_BYTES;
  }

  takeSlot(): number {
    if (this.sick || this.full) return -1;
    const slot = this.#numbers.take();
    if (slot >= 0) this.owed += 1;
    return slot;
  }

  freeSlot(slot: number): void {
    this.owed -= 1;
    this.#numbers.give(slot);
  }

  post(order: LaneOrder): void {
    if (this.sick) return;
    switch (order.k) {
      case 'start':
        this.#starts += 1;
        this.#order[order.slot] = this.#starts;
        break;
      case 'load':
        this.owed += 1;
        this.guests.set(order.isolate, { memoryMiB: order.memoryMiB, sinceNs: nowNs() });
        this.#reader.mostBytes = Math.max(this.#reader.mostBytes, FRAME_BYTES + 2 * order.memoryMiB * MIB);
        // The engine process reads no files but its own code.
        this.#writer.add({ ...order, bundlePath: '', source: bundleText(order.bundlePath) });
        this.#sent();
        return;
      case 'drop':
        this.#forget(order.isolate);
        // Should a turn of it run after all, it ends.
        this.#process.tell({ k: 'kill', lane: this.id, isolate: order.isolate });
        break;
      default:
        break;
    }
    this.#writer.add(order);
    this.#sent();
  }

  turn(): RunningTurn | null {
    if (this.#runs === null) return null;
    const { turn, isolate, inv, sinceNs } = this.#runs;
    return { turn, isolate, inv, ended: false, sinceNs, cpuBaseNs: 0, cpuBudgetNs: Number.POSITIVE_INFINITY };
  }

  claimed(slot: number, inv: number): boolean {
    if (this.#end !== null) return this.#order[slot]! <= this.#end.begun;
    return this.#runs?.inv === inv;
  }

  takeBack(slot: number, inv: number): boolean {
    this.#process.tell({ k: 'recall', lane: this.id, slot, inv });
    return false;
  }

  kill(isolate: number): boolean {
    if (this.#runs?.isolate !== isolate) return false;
    if (!this.#ordered.has(isolate)) this.#ordered.set(isolate, 0);
    this.#process.tell({ k: 'kill', lane: this.id, isolate });
    return true;
  }

  /** Called at every look at the process. True: an end that was ordered is so late that the warden cannot be believed. */
  isOverdue(): boolean {
    let overdue = false;
    for (const [isolate, looks] of this.#ordered) {
      this.#ordered.set(isolate, looks + 1);
      if (looks >= OVERDUE_LOOKS) overdue = true;
    }
    return overdue;
  }

  /** The warden judges. */
  look(): null {
    return null;
  }

  abandon(): void {
    this.sick = true;
  }

  async close(): Promise<void> {
    await this.#process.close();
  }

  /** What the warden told of its turn. */
  runs(report: RunsReport): void {
    this.#runs = report.isolate === 0 || report.sinceNs <= this.#endedNs ? null : report;
    if (this.#runs === null) this.#ordered.clear();
  }

  /** The process is dead and nothing more comes: what stands on its board is the last word. */
  died(line: BoardLine | undefined): void {
    this.sick = true;
    this.#end = line ?? { line: this.line, running: false, isolate: 0, inv: 0, begun: 0, sinceNs: 0, name: '' };
    if (!this.#end.running) this.#runs = null;
  }

  /** Who was in a turn when the process died. */
  get culprit(): Culprit | null {
    if (this.#end?.running !== true) return null;
    const { isolate, inv } = this.#end;
    const now = nowNs();
    const sinceNs = Math.min(now, this.#end.sinceNs);
    const runs = this.#runs;
    const { parked } = this;
    if (runs === null || runs.sinceNs !== sinceNs) return { isolate, inv, sinceNs, untilNs: sinceNs, cpuNs: 0, parked };
    const untilNs = Math.min(now, Math.max(sinceNs, runs.atNs));
    return { isolate, inv, sinceNs, untilNs, cpuNs: Math.min(runs.cpuNs, untilNs - sinceNs), parked };
  }

  /** Whoever is told of a turn's end must find the lane free. */
  #ended(endedNs: number): void {
    this.#endedNs = Math.max(this.#endedNs, endedNs);
    if (this.#runs !== null && this.#runs.sinceNs <= this.#endedNs) this.#runs = null;
  }

  #forget(isolate: number): void {
    this.guests.delete(isolate);
    this.#ordered.delete(isolate);
  }

  #sent(): void {
    this.#process.wake();
    this.#unsent += 1;
    if (this.#unsent >= BATCH || this.#writer.isFull) this.#send();
    this.#look();
  }

  #look(): void {
    this.#lookUntilMs = performance.now() + LOOK_MS;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#round);
  }

  readonly #round = (): void => {
    this.#send();
    this.#scheduled = performance.now() < this.#lookUntilMs;
    if (this.#scheduled) setImmediate(this.#round);
  };

  #send(): void {
    this.#unsent = 0;
    if (!this.#writer.isEmpty) this.#socket.write(this.#writer.take());
  }

  #hear(reports: readonly LaneReport[]): void {
    this.#process.heard();
    this.#look();
    const now = nowNs();
    const believed = reports.map((report) => this.#plausible(report, now));
    for (const report of believed) {
      if ('endedNs' in report) this.#ended(report.endedNs);
      if (report.k === 'loaded' || report.k === 'load-failed') this.owed -= 1;
      if (report.k === 'sick')
        this.#process.kill(/memory/i.test(report.message) ? 'outgrown' : 'wedged', report.message, this);
      if (report.k === 'load-failed' || report.k === 'gone') this.#forget(report.isolate);
    }
    this.#events.reports(this, believed);
  }

  /** The report, with times that lie in the past, CPU that fits between them, and memory a guest may have. */
  #plausible(report: LaneReport, now: number): LaneReport {
    switch (report.k) {
      case 'turn':
      case 'gone': {
        const heapBytes = this.#heapBytes(report.isolate, report.heapBytes);
        const endedNs = within(report.endedNs, now);
        const startedNs = within(report.startedNs, endedNs);
        // A turn may run beside the one operation in the thread pool that its invocation has going.
        const cpuNs = within(report.cpuNs, 2 * (endedNs - startedNs) + SLACK_NS);
        return { ...report, heapBytes, endedNs, startedNs, cpuNs, hostNs: within(report.hostNs, cpuNs + SLACK_NS) };
      }
      case 'loaded':
      case 'load-failed': {
        const endedNs = within(report.endedNs, now);
        const initNs = within(report.initNs, now - (this.guests.get(report.isolate)?.sinceNs ?? now));
        const cpuNs = within(report.cpuNs, 2 * initNs + SLACK_NS);
        if (report.k === 'load-failed') return { ...report, endedNs, initNs, cpuNs };
        return { ...report, endedNs, initNs, cpuNs, heapBytes: this.#heapBytes(report.isolate, report.heapBytes) };
      }
      default:
        return report;
    }
  }

  #heapBytes(isolate: number, bytes: number): number {
    return within(bytes, 2 * (this.guests.get(isolate)?.memoryMiB ?? 0) * MIB);
  }
}

/** `null`: there is none; the lane finds none either, and its load fails. */
function bundleText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function within(value: number, most: number): number {
  return Math.max(0, Math.min(value, most));
}

/** Two clocks are never read at the same instant. */
const SLACK_NS = 1_000_000;
