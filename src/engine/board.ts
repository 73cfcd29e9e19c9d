/**
 * The board: a file that lanes write on and that outlives their process, one line a lane. Before every turn a lane notes
 * who runs and the last order begun; when it rests, that nobody does. A write to the page cache costs about a
 * microsecond and survives any death of the process, so whoever holds the file says afterwards exactly what had begun.
 */
import { fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LINE = 128;
const AT = { state: 0, isolate: 4, inv: 8, begun: 16, sinceNs: 24, name: 32 } as const;
const NAME_BYTES = LINE - AT.name - 1;
const MOST_LINES = 1024;

export interface BoardLine {
  readonly line: number;
  /** A turn was running when it was last written. */
  readonly running: boolean;
  readonly isolate: number;
  /** The invocation of the turn; 0: none in particular, or a load. */
  readonly inv: number;
  /** How many start orders the lane had begun with. */
  readonly begun: number;
  /** Monotonic ns. */
  readonly sinceNs: number;
  /** Of the function whose turn it was. */
  readonly name: string;
}

export class Board {
  readonly #fd: number;
  readonly #at: number;
  readonly #bytes: Buffer = Buffer.alloc(LINE);
  #name = '';
  #begun = 0;
  #running = false;

  /** Line `line` of the file `fd`. */
  constructor(fd: number, line: number) {
    this.#fd = fd;
    this.#at = line * LINE;
  }

  /** One more start order is being looked at; the next `begin` says so. */
  order(): void {
    this.#begun += 1;
  }

  /** A turn of `name` begins. */
  begin(name: string, isolate: number, inv: number, sinceNs: number): void {
    const bytes = this.#bytes;
    if (name !== this.#name) this.#label(name);
    this.#running = true;
    bytes[AT.state] = 1;
    bytes.writeInt32LE(isolate, AT.isolate);
    bytes.writeInt32LE(inv, AT.inv);
    bytes.writeDoubleLE(this.#begun, AT.begun);
    bytes.writeDoubleLE(sinceNs, AT.sinceNs);
    this.#write();
  }

  /** No turn runs. */
  rest(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#bytes[AT.state] = 0;
    this.#bytes.writeDoubleLE(this.#begun, AT.begun);
    this.#write();
  }

  #label(name: string): void {
    this.#name = name;
    this.#bytes.fill(0, AT.name);
    this.#bytes.write(name, AT.name, NAME_BYTES, 'latin1');
  }

  #write(): void {
    try {
      writeSync(this.#fd, this.#bytes, 0, LINE, this.#at);
    } catch {
      // A full disk costs the board, not the turn.
    }
  }
}

/** A new board that has no name in the file system; the caller closes it. */
export function openBoard(): number {
  const folder = mkdtempSync(join(tmpdir(), 'isolane-board-'));
  try {
    return openSync(join(folder, 'board'), 'w+', 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What stands on the board `fd`, a line per lane that ever wrote. */
export function readBoard(fd: number): readonly BoardLine[] {
  const lines = Math.min(MOST_LINES, Math.floor(fstatSync(fd).size / LINE));
  const bytes = Buffer.alloc(lines * LINE);
  readSync(fd, bytes, 0, bytes.length, 0);
  return Array.from({ length: lines }, (_, line) => read(bytes.subarray(line * LINE, (line + 1) * LINE), line));
}

function read(bytes: Buffer, line: number): BoardLine {
  const end = bytes.indexOf(0, AT.name);
  return {
    line,
    running: bytes[AT.state] === 1,
    isolate: bytes.readInt32LE(AT.isolate),
    inv: bytes.readInt32LE(AT.inv),
    begun: bytes.readDoubleLE(AT.begun),
    sinceNs: bytes.readDoubleLE(AT.sinceNs),
    name: bytes.toString('latin1', AT.name, end < 0 ? LINE : end),
  };
}
