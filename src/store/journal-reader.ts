/**
 * Writer-thread half of the journal: hands out its lines in order, in pieces of bounded size, and deletes a segment
 * once it has moved past it. Knows nothing of rows. A last line without its end was never called durable: it is dropped.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { SEGMENT_NAME, segmentPath } from './journal.ts';

/** Some 2,700 rows: one transaction. */
const PIECE_BYTES = 1024 * 1024;
const NEWLINE = 10;

export class JournalReader {
  readonly #dir: string;
  #buffer: Buffer = Buffer.alloc(0);
  #fd: number | null = null;
  #segment = 0;
  #at = 0;
  #next = 0;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Makes the directory, readable by its owner alone, and refuses one that cannot be used. */
  open(): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    accessSync(this.#dir, constants.R_OK | constants.W_OK | constants.X_OK);
  }

  /** The segments there are, oldest first. */
  segments(): number[] {
    if (!existsSync(this.#dir)) return [];
    return readdirSync(this.#dir)
      .flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /**
   * The next whole lines before `end` (`null`: the end of the file); `null` when there are none. They are given again
   * until `advance`. A later segment than the last time says that the earlier one is done with: it is deleted.
   */
  read(segment: number, end: number | null = null): string | null {
    const fd = this.#fd !== null && segment === this.#segment ? this.#fd : this.#move(segment);
    const limit = end ?? fstatSync(fd).size;
    for (;;) {
      const length = Math.min(this.#buffer.length, limit - this.#at);
      if (length <= 0) return null;
      this.#fill(fd, length);
      const cut = this.#buffer.lastIndexOf(NEWLINE, length - 1);
      if (cut >= 0) {
        this.#next = this.#at + cut + 1;
        return this.#buffer.toString('utf8', 0, cut);
      }
      if (this.#at + length >= limit) return null;
      this.#buffer = Buffer.allocUnsafeSlow(this.#buffer.length * 2);
    }
  }

  advance(): void {
    this.#at = this.#next;
  }

  /** Everything has been read: deletes what there is, and the directory if nobody else's are in it. */
  clear(): void {
    this.close();
    for (const segment of this.segments()) this.#remove(segment);
    try {
      rmdirSync(this.#dir);
    } catch {
      // An empty directory harms nobody.
    }
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #move(segment: number): number {
    const fd = openSync(segmentPath(this.#dir, segment), 'r');
    if (this.#fd !== null) {
      this.close();
      this.#remove(this.#segment);
    }
    if (this.#buffer.length === 0) this.#buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);
    this.#fd = fd;
    this.#segment = segment;
    this.#at = 0;
    this.#next = 0;
    return fd;
  }

  #remove(segment: number): void {
    try {
      rmSync(segmentPath(this.#dir, segment), { force: true });
    } catch {
      // It will be read again and change nothing.
    }
  }

  #fill(fd: number, length: number): void {
    for (let done = 0; done < length; ) {
      const count = readSync(fd, this.#buffer, done, length - done, this.#at + done);
      if (count === 0) throw new Error(`the journal segment ${this.#segment} has lost its end`);
      done += count;
    }
  }
}
