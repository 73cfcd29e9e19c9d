/**
 * Messages between the engine and a lane's thread. How they travel is the matter of `channel.ts` within the host's own
 * process, and of `process/frames.ts` to an engine process.
 */
import type { MessagePort } from 'node:worker_threads';
import type { GuestProblem, LimitNote } from '../contract/engine-port.ts';
import type { LogLevel } from '../contract/turn.ts';
import type { Image } from './image.ts';

/** What every lane's thread is started with. */
export interface LaneInit {
  readonly lane: number;
  /** Memory of the slots. */
  readonly slots: SharedArrayBuffer;
  readonly image: Image;
  /** The board it writes on, and its line there. */
  readonly boardFd: number | null;
  /** Memory of the places in the process's thread pool. */
  readonly places: SharedArrayBuffer;
  readonly line: number;
  /** Booted spare isolates to keep, for guests of `spareMemoryMiB`. */
  readonly spares: number;
  readonly spareMemoryMiB: number;
  /** For the code caches of bundles; `null`: this lane has none. */
  readonly codeKey: Uint8Array | null;
  /** It only makes code caches, and gives way to everybody. */
  readonly isPress: boolean;
}

/** A lane in the host's own process has two rings and a port besides. */
export interface RingLaneInit extends LaneInit {
  readonly orders: SharedArrayBuffer;
  readonly reports: SharedArrayBuffer;
  readonly port: MessagePort;
}

export interface LoadOrder {
  readonly k: 'load';
  readonly isolate: number;
  readonly name: string;
  readonly bundlePath: string;
  /** The bundle itself, for a lane that may read no files. */
  readonly source: string | null;
  readonly bundleUrl: string;
  readonly hash: string;
  readonly bundleBytes: number;
  /** Loaded so that its code cache can be made, and for nobody. */
  readonly isPress: boolean;
  /** `GuestFacts` as JSON. */
  readonly facts: string;
  readonly memoryMiB: number;
  readonly initMs: number;
  readonly concurrency: number;
  readonly logBytes: number;
  readonly logLines: number;
}

export interface StartOrder {
  readonly k: 'start';
  readonly isolate: number;
  readonly inv: number;
  readonly slot: number;
  /** The start event as JSON. */
  readonly json: string;
  readonly chunks: readonly Uint8Array[] | null;
  readonly cpuMs: number;
  readonly wallMs: number;
}

export interface EventOrder {
  readonly k: 'event';
  readonly isolate: number;
  readonly inv: number;
  readonly json: string;
  readonly chunks: readonly Uint8Array[] | null;
  /** The invocation's CPU budget begins anew with it. */
  readonly renews?: true;
}

export type LaneOrder =
  | LoadOrder
  | StartOrder
  | EventOrder
  /** The host has ended `inv`: the guest forgets it. */
  | { readonly k: 'forget'; readonly isolate: number; readonly inv: number }
  | { readonly k: 'drop'; readonly isolate: number }
  /** Write on that board from now on. */
  | { readonly k: 'board'; readonly fd: number; readonly line: number }
  | { readonly k: 'close' };

export interface LaneLog {
  readonly inv: number;
  readonly level: LogLevel;
  readonly text: string;
  readonly epochMs: number;
}

/** What one invocation has used so far, cumulative. */
export interface LiveUsage {
  /** Monotonic ns of its first turn. */
  readonly startedNs: number;
  readonly cpuNs: number;
  readonly hostNs: number;
  readonly estimated: boolean;
  readonly notes: readonly LimitNote[] | null;
}

/** One turn's yield. Usage is that of `inv`. */
export interface TurnReport extends LiveUsage {
  readonly k: 'turn';
  readonly isolate: number;
  readonly inv: number;
  readonly endedNs: number;
  readonly heapBytes: number;
  readonly out: string;
  readonly chunks: readonly Uint8Array[] | null;
  readonly logs: readonly LaneLog[] | null;
  /** It holds more than its soft limit: it takes nothing more. */
  readonly outgrown: boolean;
  /** A rejection nobody handled surfaced in this turn. */
  readonly stray: GuestProblem | null;
}

/**
 * The isolate has ended inside a turn. `burned`: by the reaper, as the watch saw its CPU used up; `killed`: by the reaper
 * for any other reason; `cpu`: after a turn that used up its CPU; `memory`: by its memory limit; `fault`: our own fault.
 */
export interface GoneReport extends LiveUsage {
  readonly k: 'gone';
  readonly isolate: number;
  readonly inv: number;
  readonly why: 'burned' | 'killed' | 'cpu' | 'memory' | 'fault';
  readonly message: string;
  readonly endedNs: number;
  /** All that ran in it. */
  readonly lives: readonly (LiveUsage & { readonly inv: number })[];
  readonly heapBytes: number;
  readonly logs: readonly LaneLog[] | null;
}

export interface LoadedReport {
  readonly k: 'loaded';
  readonly isolate: number;
  readonly endedNs: number;
  readonly initNs: number;
  readonly cpuNs: number;
  readonly heapBytes: number;
  readonly logs: readonly LaneLog[] | null;
}

export interface LoadFailedReport {
  readonly k: 'load-failed';
  readonly isolate: number;
  readonly endedNs: number;
  /** `fault`: the host's own; the function had no part in it. */
  readonly why: 'error' | 'killed' | 'memory' | 'fault';
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  readonly initNs: number;
  readonly cpuNs: number;
  readonly logs: readonly LaneLog[] | null;
}

export type LaneReport =
  | { readonly k: 'up' }
  | LoadedReport
  | LoadFailedReport
  | TurnReport
  | GoneReport
  /** Not started: its isolate was busy or gone. */
  | { readonly k: 'returned'; readonly inv: number }
  /** The code cache of its bundle was refused. */
  | { readonly k: 'refused'; readonly isolate: number }
  /** A taken-back offer has been seen: its claim word is free again. */
  | { readonly k: 'skipped'; readonly inv: number }
  /** isolated-vm reported what it cannot contain; the lane is not to be trusted any more. */
  | { readonly k: 'sick'; readonly message: string };
