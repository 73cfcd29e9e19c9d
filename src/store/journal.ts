/**
 * The ledger's journal: rows are given to the operating system with one write(2) before anybody is answered, so they
 * survive the death of the process, and no other thread is waited for. The writer thread reads the same files into
 * SQLite and deletes them (`journal-reader.ts`), or that of another host once this one is dead. No fsync: `billing.durability: "power"` has no journal.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export const JOURNAL_DIR = 'ledger-journal';
export const SEGMENT_NAME: RegExp = /^(\d{1,15})\.jsonl$/;
/** A new file from here on, about 22,000 rows: so much is read again at most after a crash with an idle writer. */
const SEGMENT_BYTES = 8 * 1024 * 1024;
const SCRATCH_BYTES = 256 * 1024;
/** A UTF-16 unit takes at most three bytes of UTF-8. */
const SCRATCH_CHARS: number = Math.floor(SCRATCH_BYTES / 3);
const INTERRUPTIONS = 100;

/** Everything before it is whole lines. */
export interface JournalPosition {
  readonly segment: number;
  readonly bytes: number;
}

export interface JournalOptions {
  /** Of this host alone, `journalDir`. */
  readonly dir: string;
  readonly segmentBytes?: number | undefined;
  /** A file system that fails on demand. */
  readonly write?: ((fd: number, bytes: Uint8Array, offset: number, length: number) => number) | undefined;
}

/** A host has its own. Files right in the journal's directory are of a time when there was one host. */
export function journalDir(dataDir: string, hostId: string | null): string {
  return hostId === null ? join(dataDir, JOURNAL_DIR) : join(dataDir, JOURNAL_DIR, hostId);
}

export function segmentPath(dir: string, segment: number): string {
  return join(dir, `${segment}.jsonl`);
}

export class Journal {
  readonly #dir: string;
  readonly #segmentBytes: number;
  readonly #write: NonNullable<JournalOptions['write']>;
  readonly #scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #fd: number | null = null;
  #segment = 1;
  #bytes = 0;
  /** Its end may hold part of a line. */
  #spoiled = false;

  constructor(options: JournalOptions) {
    this.#dir = options.dir;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#write = options.write ?? writeSync;
  }

  get position(): JournalPosition {
    return { segment: this.#segment, bytes: this.#bytes };
  }

  /** Whether `rotate` is due, once the writer has been told of the position. */
  get full(): boolean {
    return this.#spoiled || this.#bytes >= this.#segmentBytes;
  }

  /** Appends whole lines. Throws what the file system says; then none of them count. */
  append(lines: string): void {
    if (this.#spoiled) throw new Error('the journal segment was given up');
    this.#fd ??= openSync(segmentPath(this.#dir, this.#segment), 'ax', 0o600);
    const fits = lines.length <= SCRATCH_CHARS;
    const bytes = fits ? this.#scratch : Buffer.from(lines);
    const length = fits ? this.#scratch.write(lines) : bytes.length;
    try {
      this.#writeAll(this.#fd, bytes, length);
    } catch (error) {
      this.#cut(this.#fd);
      throw error;
    }
    this.#bytes += length;
  }

  /** The next line begins a new file. */
  rotate(): void {
    this.close();
    this.#segment += 1;
    this.#bytes = 0;
    this.#spoiled = false;
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = null;
    try {
      if (fd !== null) closeSync(fd);
    } catch {
      // What write(2) took is the system's business.
    }
  }

  #writeAll(fd: number, bytes: Uint8Array, length: number): void {
    let interruptions = 0;
    for (let done = 0; done < length; ) {
      try {
        done += this.#write(fd, bytes, done, length - done);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : '';
        if ((code !== 'EINTR' && code !== 'EAGAIN') || ++interruptions > INTERRUPTIONS) throw error;
      }
    }
  }

  /** Takes half a write back. Where even that fails the file is left as it is: readers drop an unfinished last line. */
  #cut(fd: number): void {
    try {
      ftruncateSync(fd, this.#bytes);
    } catch {
      this.#spoiled = true;
    }
  }
}
