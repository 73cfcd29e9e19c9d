/**
 * All engine processes: one per realm, made when the realm is first used, closed when nothing has been loaded there for a
 * while, and one booted spare as soon as any is in use. A process serves one realm in its life, never a second.
 */
import { availableParallelism, totalmem } from 'node:os';
import type { Realm } from '../../contract/engine-port.ts';
import { MIB } from '../../contract/units.ts';
import type { EngineOptions, ProcessOptions } from '../engine-options.ts';
import { Cgroups } from './cgroup.ts';
import { EngineProcess, type ProcessEvents } from './engine-process.ts';
import { FrameWriter } from './frames.ts';
import type { ProcessLane } from './process-lane.ts';

/** How often each process is looked at. */
const LOOK_MS = 50;

/** What V8 maps before it has done anything. */
const MAPPED_MIB = 4096;
/** And for each isolate: 512 MiB for code, most of which is never touched, all of which the system counts as data. */
const RESERVED_MIB = 544;

function defaults(): ProcessOptions {
  return {
    most: 16,
    lanes: Math.max(4, availableParallelism()),
    headroomMiB: 1536,
    isolates: 4000,
    procfs: '/proc/self',
    idleMs: 60_000,
  };
}

export class Fleet {
  readonly #options: ProcessOptions;
  readonly #events: ProcessEvents;
  readonly #nextId: () => number;
  readonly #initOf: () => Buffer;
  readonly #processes: Set<EngineProcess> = new Set();
  #init: Buffer | null = null;
  #cgroups: Cgroups | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Monotonic ms at which a realm was last in use. */
  #usedMs = 0;
  #closing = false;

  constructor(options: EngineOptions, events: ProcessEvents, nextId: () => number) {
    this.#options = { ...defaults(), ...options.processes };
    this.#nextId = nextId;
    this.#initOf = () => initFrame(options);
    this.#events = {
      ...events,
      reports: (lane, reports) => events.reports(lane, reports),
      doomed: (process) => {
        events.doomed(process);
        // In time for whoever is handed back.
        if (!process.isClosing && process.realm !== null) this.#keepSpare();
      },
      buried: (process) => {
        this.#processes.delete(process);
        if (this.#processes.size === 0) this.#rest();
        events.buried(process);
      },
    };
  }

  /** One lane more in `realm`, or its first ones; `null` when the bounds do not allow it. */
  grow(realm: Realm): readonly ProcessLane[] | null {
    if (this.#closing) return null;
    const process = this.#find((one) => one.realm === realm);
    if (process !== undefined) return process.isFull ? null : [process.grow(this.#nextId())];
    const spare = this.#find((one) => one.realm === null) ?? this.#spawn();
    if (spare === null) return null;
    spare.realm = realm;
    spare.idleSinceMs = performance.now();
    this.#usedMs = spare.idleSinceMs;
    this.#keepSpare();
    return spare.lanes;
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#rest();
    await Promise.all([...this.#processes].map((process) => process.close()));
  }

  /** Pids of those that live, for tests and for the operator. */
  get pids(): readonly { readonly pid: number; readonly realm: Realm | null }[] {
    return [...this.#processes].map(({ pid, realm }) => ({ pid, realm }));
  }

  #find(fits: (process: EngineProcess) => boolean): EngineProcess | undefined {
    for (const process of this.#processes) if (fits(process) && !process.isDoomed) return process;
    return undefined;
  }

  /** In the next round: starting a process takes a millisecond or two of ours. */
  #keepSpare(): void {
    setImmediate(() => {
      if (this.#closing || this.#find((one) => one.realm === null) !== undefined) return;
      if (this.#processes.size < this.#options.most) this.#spawn();
    });
  }

  #spawn(): EngineProcess | null {
    if (this.#processes.size >= this.#options.most) {
      // One that nobody needs makes room.
      const idle = this.#find((one) => one.realm !== null && one.isolates === 0 && !one.owes);
      if (idle === undefined) return null;
      void idle.close();
    }
    const { lanes, headroomMiB, isolates } = this.#options;
    const dataMiB = MAPPED_MIB + Math.floor((totalmem() * 0.9) / MIB) + RESERVED_MIB * isolates;
    this.#init ??= this.#initOf();
    this.#cgroups ??= new Cgroups(this.#options.procfs);
    const limits = {
      ...{ lanes, headroomBytes: headroomMiB * MIB, dataBytes: dataMiB * MIB },
      cgroups: this.#cgroups,
    };
    let process: EngineProcess;
    try {
      process = new EngineProcess(this.#init, limits, this.#events);
    } catch (error) {
      this.#events.log(`an engine process could not be started: ${error instanceof Error ? error.message : error}`);
      return null;
    }
    this.#processes.add(process);
    process.grow(this.#nextId());
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
    return process;
  }

  #look(): void {
    const now = performance.now();
    for (const process of this.#processes) {
      process.look();
      if (process.realm === null || process.isDoomed) continue;
      if (now - process.idleSinceMs > this.#options.idleMs) void process.close();
      else this.#usedMs = now;
    }
    // A spare is for those who use one.
    if (now - this.#usedMs > this.#options.idleMs) for (const process of this.#processes) void process.close();
  }

  #rest(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

function initFrame({ image, spares, spareMemoryMiB }: EngineOptions): Buffer {
  const writer = new FrameWriter();
  const snapshot = image.snapshot === null ? null : Buffer.from(image.snapshot).toString('base64');
  writer.add({ k: 'init', prelude: image.prelude, snapshot, spares, spareMemoryMiB });
  return writer.take();
}
