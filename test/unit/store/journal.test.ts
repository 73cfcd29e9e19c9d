import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Journal, type JournalOptions } from '../../../src/store/journal.ts';
import { JournalReader } from '../../../src/store/journal-reader.ts';

let dir: string;
let reader: JournalReader;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'isolane-journal-'));
  reader = new JournalReader(dir);
});

afterEach(() => {
  reader.close();
  rmSync(dir, { recursive: true, force: true });
});

type Write = NonNullable<JournalOptions['write']>;
const text = (segment: number): string => readFileSync(join(dir, `${segment}.jsonl`), 'utf8');
const fault = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code });

describe('a journal', () => {
  it('writes what one call brings with one write, in a file only its owner reads', () => {
    let writes = 0;
    const write: Write = (...all) => {
      writes += 1;
      return writeSync(...all);
    };
    const journal = new Journal({ dir, write });
    journal.append('a\nb\nü🙂\n');
    expect(writes).toBe(1);
    expect(text(1)).toBe('a\nb\nü🙂\n');
    expect(journal.position).toEqual({ segment: 1, bytes: 11 });
    expect(statSync(join(dir, '1.jsonl')).mode & 0o777).toBe(0o600);
    const long = `${'ü'.repeat(300_000)}\n`;
    journal.append(long);
    expect(text(1)).toBe(`a\nb\nü🙂\n${long}`);
    journal.close();
  });

  it('goes on after short and interrupted writes', () => {
    let call = 0;
    const write: Write = (fd, bytes, offset, length) => {
      call += 1;
      if (call % 3 === 0) throw fault(call % 2 === 0 ? 'EINTR' : 'EAGAIN');
      return writeSync(fd, bytes, offset, Math.min(length, 3));
    };
    const journal = new Journal({ dir, write });
    journal.append('0123456789\n');
    expect(text(1)).toBe('0123456789\n');
    journal.close();
  });

  it('gives up on a write that is interrupted for ever', () => {
    const write: Write = () => {
      throw fault('EAGAIN');
    };
    expect(() => new Journal({ dir, write }).append('a\n')).toThrow('EAGAIN');
  });

  it('takes half a write back, so that the next one begins a line', () => {
    let full = false;
    const write: Write = (fd, bytes, offset, length) => {
      if (!full) return writeSync(fd, bytes, offset, length);
      if (offset > 0) throw fault('ENOSPC');
      return writeSync(fd, bytes, offset, 5);
    };
    const journal = new Journal({ dir, write });
    journal.append('before\n');
    full = true;
    expect(() => journal.append('some\nmore\n')).toThrow('ENOSPC');
    expect(text(1)).toBe('before\n');
    expect(journal.full).toBe(false);
    full = false;
    journal.append('after\n');
    expect(text(1)).toBe('before\nafter\n');
    journal.close();
  });

  it('leaves a file it cannot repair and goes on in the next', () => {
    let broken = false;
    const write: Write = (fd, bytes, offset, length) => {
      if (!broken) return writeSync(fd, bytes, offset, length);
      writeSync(fd, bytes, offset, 3);
      closeSync(fd);
      throw fault('EIO');
    };
    const journal = new Journal({ dir, write });
    journal.append('before\n');
    broken = true;
    expect(() => journal.append('half\n')).toThrow('EIO');
    expect(journal.full).toBe(true);
    expect(journal.position).toEqual({ segment: 1, bytes: 7 });
    broken = false;
    journal.rotate();
    journal.append('after\n');
    expect([text(1), text(2)]).toEqual(['before\nhal', 'after\n']);
    journal.close();
  });

  it('never writes into a file that is there already', () => {
    new Journal({ dir }).append('a\n');
    expect(() => new Journal({ dir }).append('b\n')).toThrow('EEXIST');
  });
});

describe('a reader of the journal', () => {
  it('gives whole lines up to where it was told, again until it is told to go on', () => {
    const journal = new Journal({ dir });
    journal.append('a\nb\n');
    const { bytes } = journal.position;
    journal.append('c\n');
    expect(reader.read(1, bytes)).toBe('a\nb');
    expect(reader.read(1, bytes)).toBe('a\nb');
    reader.advance();
    expect(reader.read(1, bytes)).toBeNull();
    expect(reader.read(1, journal.position.bytes)).toBe('c');
    journal.close();
  });

  it('reads in bounded pieces, and a line of any length', () => {
    const journal = new Journal({ dir });
    const lines = Array.from({ length: 3000 }, (_, index) => `${index}${'x'.repeat(997)}ü`);
    lines[1500] = 'y'.repeat(3_000_000);
    for (const line of lines) journal.append(`${line}\n`);
    const pieces: string[] = [];
    for (let piece = reader.read(1); piece !== null; piece = reader.read(1)) {
      pieces.push(piece);
      reader.advance();
    }
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join('\n')).toBe(lines.join('\n'));
    journal.close();
  });

  it('drops an unfinished last line', () => {
    const journal = new Journal({ dir });
    journal.append('a\nb');
    expect(reader.read(1)).toBe('a');
    reader.advance();
    expect(reader.read(1)).toBeNull();
    journal.close();
  });

  it('deletes a segment when it goes on to the next, and what is left in the end', () => {
    const journal = new Journal({ dir, segmentBytes: 2 });
    for (let i = 0; i < 11; i++) {
      journal.append(`${i}\n`);
      expect(journal.full).toBe(true);
      journal.rotate();
    }
    expect(reader.segments()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    for (const segment of [1, 2, 3]) {
      expect(reader.read(segment)).toBe(String(segment - 1));
      reader.advance();
      expect(reader.segments()[0]).toBe(segment);
    }
    reader.clear();
    expect(existsSync(dir)).toBe(false);
  });

  it('says when a file is shorter than it was', () => {
    const journal = new Journal({ dir });
    journal.append('a\n');
    expect(() => reader.read(1, 100)).toThrow('the journal segment 1 has lost its end');
    journal.close();
  });
});
