/**
 * `quarantine.json` in the data directory: what one host has learnt of functions that fall, for the one that comes
 * after it. Written whole, for its owner alone, before anything else happens: a fall may be the host's last moment.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writePrivateFile } from '../admin/private-file.ts';
import type { QuarantineCase, QuarantineSnapshot } from '../contract/quarantine.ts';

const EMPTY: QuarantineSnapshot = { cases: [] };
const STATES: ReadonlySet<unknown> = new Set<QuarantineCase['state']>(['lifted', 'confined', 'quarantined']);
const FALLS: ReadonlySet<unknown> = new Set<QuarantineCase['how']>(['wedged', 'crashed', 'outgrown']);
const NUMBERS = ['strikes', 'sinceMs', 'fellMs', 'probeAtMs', 'changedMs', 'waitMs'] as const;

export class QuarantineFile {
  readonly #file: string;
  readonly #log: (line: string) => void;

  constructor(dataDir: string, log: (line: string) => void) {
    this.#file = join(dataDir, 'quarantine.json');
    this.#log = log;
  }

  /** A file that cannot be read is no reason not to start: it is said, and begins anew. */
  read(): QuarantineSnapshot {
    try {
      return parsed(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log(`${this.#file} cannot be read; what it knew of functions that fell is lost.`);
      return EMPTY;
    }
  }

  write(snapshot: QuarantineSnapshot): void {
    try {
      writePrivateFile(this.#file, `${JSON.stringify(snapshot)}\n`);
    } catch {
      this.#log(`${this.#file} cannot be written; what is known of functions that fell ends with this host.`);
    }
  }
}

/** Throws when it is not what `write` wrote. */
function parsed(value: unknown): QuarantineSnapshot {
  const { cases } = value as { readonly cases: readonly Readonly<Record<string, unknown>>[] };
  for (const one of cases) {
    const whole =
      typeof one['key'] === 'string' &&
      typeof one['name'] === 'string' &&
      STATES.has(one['state']) &&
      FALLS.has(one['how']) &&
      NUMBERS.every((name) => Number.isSafeInteger(one[name]) && Math.abs(one[name] as number) < 8.64e15);
    if (!whole) throw new Error('not a quarantine file');
  }
  return { cases: cases as unknown as readonly QuarantineCase[] };
}
