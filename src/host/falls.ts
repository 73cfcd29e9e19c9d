/**
 * Functions that brought their engine down, between the engine that says so, the quarantine that remembers, the pool
 * that moves them, and the file that outlives this host. The fall is on disk before anything else happens.
 */
import type { Fall } from '../contract/engine-port.ts';
import type { FunctionVersion } from '../contract/function.ts';
import { Quarantine } from '../quarantine/quarantine.ts';
import type { Parts } from './parts.ts';
import { QuarantineFile } from './quarantine-file.ts';

export class Falls {
  readonly quarantine: Quarantine;
  readonly #parts: Omit<Parts, 'quarantine'>;
  readonly #file: QuarantineFile;
  readonly #told: () => void;
  #refreshing = false;

  /** `told` is called when other hosts should `refresh`. */
  constructor(parts: Omit<Parts, 'quarantine'>, told: () => void) {
    this.#parts = parts;
    this.#told = told;
    this.#file = new QuarantineFile(parts.config.server.dataDir, (line) => parts.log(line));
    this.quarantine = new Quarantine({
      epochMs: () => parts.clock.epochMs(),
      initial: this.#file.read(),
      changed: () => this.#changed(),
      say: (version, text) => {
        parts.log(text);
        parts.telemetry.stray(version, { level: 'warn', text, epochMs: parts.clock.epochMs() });
      },
    });
  }

  felled(version: FunctionVersion, how: Fall): void {
    this.#parts.telemetry.felled(version, how);
    // Another host of this data directory may have written meanwhile.
    this.refresh();
    this.quarantine.strike(version, how);
  }

  /** As a supervisor tells it, by name. */
  strike(functionName: string, how: Fall): void {
    const version = this.#parts.live.get(functionName);
    if (version !== undefined) this.felled(version, how);
  }

  refresh(): void {
    if (this.#refreshing) return;
    this.#refreshing = true;
    this.quarantine.absorb(this.#file.read());
    this.#refreshing = false;
  }

  #changed(): void {
    this.refresh();
    this.#file.write(this.quarantine.snapshot());
    this.#parts.dispatch.expel();
    this.#parts.pool.rehome();
    if (!this.#refreshing) this.#told();
  }
}
