/**
 * Boards of the hosts of one data directory: who was in a turn in a process that native code has ended. A host writes one
 * only after such a death (`guard`), because it costs every turn a microsecond: the first fault of a function finds no
 * culprit, its second does. Whoever was in a turn at that moment is a suspect, and is moved out of the hosts' processes.
 */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readBoard } from '../engine/board.ts';
import { type Culprit, ifDead } from '../store/store.ts';

const BOARDS = 'boards';

export class Boards {
  readonly #dataDir: string;
  readonly #hostId: string;
  #fd: number | null = null;

  constructor(dataDir: string, hostId: string) {
    this.#dataDir = dataDir;
    this.#hostId = hostId;
  }

  /** This host's own, as a file descriptor. */
  open(): number {
    mkdirSync(join(this.#dataDir, BOARDS), { recursive: true, mode: 0o700 });
    this.#fd ??= openSync(this.#path(this.#hostId), 'w+', 0o600);
    return this.#fd;
  }

  close(): void {
    if (this.#fd === null) return;
    closeSync(this.#fd);
    this.#fd = null;
    rmSync(this.#path(this.#hostId), { force: true });
  }

  /** Who was in a turn in those of the `aborted` that are dead. What other dead hosts wrote blames nobody, and goes too. */
  takeOver(aborted: readonly string[]): readonly Culprit[] {
    return this.#left().flatMap((hostId) => {
      const names = ifDead(this.#dataDir, hostId, { forget: false }, () => this.#read(hostId));
      if (names === null || !aborted.includes(hostId)) return [];
      return [...names].map((name) => ({ function: name, hostId }));
    });
  }

  #left(): readonly string[] {
    try {
      return readdirSync(join(this.#dataDir, BOARDS)).filter((name) => name !== this.#hostId);
    } catch {
      // There has never been one.
      return [];
    }
  }

  #read(hostId: string): ReadonlySet<string> {
    const path = this.#path(hostId);
    const fd = openSync(path, 'r');
    try {
      const running = readBoard(fd).filter((line) => line.running);
      return new Set(running.map(({ name }) => name));
    } finally {
      closeSync(fd);
      rmSync(path, { force: true });
    }
  }

  #path(hostId: string): string {
    return join(this.#dataDir, BOARDS, hostId);
  }
}
