/**
 * Makes the code caches of published versions: each is loaded once, on a thread of its own that gives way to everybody,
 * under the limits of any load, and what V8 compiled meanwhile is kept beside the bundle. One after the other; nobody waits
 * for it, and a function that is asked for sooner is loaded without. The thread ends with the work.
 */
import type { FunctionVersion } from '../contract/function.ts';
import type { Lane } from './lane.ts';
import type { LaneReport } from './lane-wire.ts';

export interface PressPorts {
  open(): Lane;
  /** Returns the isolate it is loaded into. */
  load(version: FunctionVersion, lane: Lane): number;
  drop(isolate: number): void;
}

export class Press {
  readonly #ports: PressPorts;
  /** By the hash of what is to be pressed. */
  readonly #waiting: Map<string, FunctionVersion> = new Map();
  #lane: Lane | null = null;
  #isolate = 0;

  constructor(ports: PressPorts) {
    this.#ports = ports;
  }

  want(versions: readonly FunctionVersion[]): void {
    for (const version of versions) this.#waiting.set(version.hash, version);
    if (this.#isolate === 0) this.#next();
  }

  owns(lane: Lane): boolean {
    return this.#lane === lane;
  }

  heard(reports: readonly LaneReport[]): void {
    for (const report of reports) {
      const ended = report.k === 'loaded' || report.k === 'load-failed';
      if (ended && report.isolate === this.#isolate) this.#next();
    }
  }

  /** Its lane is no more, or not to be trusted: what felled it is not tried again. */
  lost(): void {
    this.#lane = null;
    this.#isolate = 0;
    if (this.#waiting.size > 0) this.#next();
  }

  #next(): void {
    if (this.#isolate !== 0) this.#ports.drop(this.#isolate);
    this.#isolate = 0;
    const [version] = this.#waiting.values();
    if (version === undefined) {
      const lane = this.#lane;
      this.#lane = null;
      lane?.post({ k: 'close' });
      return;
    }
    this.#waiting.delete(version.hash);
    this.#lane ??= this.#ports.open();
    this.#isolate = this.#ports.load(version, this.#lane);
  }
}
