/**
 * The two rows of an invocation, with what only the host knows: its own id, what its isolates and lanes are called, the
 * time of day. Names and times are made once each, as thousands of rows share them: a text not made anew has its hash already.
 */
import { Instants } from '../billing/instants.ts';
import { endRecord, startRow } from '../billing/record.ts';
import type { Clock } from '../contract/clock.ts';
import type { LifePorts } from '../dispatch/life.ts';

const MOST_NAMES = 10_000;

export function openBook(hostId: string, clock: Clock): LifePorts['book'] {
  const instants = new Instants();
  const isolates = new Names(`${hostId}/`);
  const lanes = new Names(`${hostId}/lane-`);
  return {
    start: (invocation, placed, { queueNs }) =>
      startRow(invocation, {
        cold: placed.init !== null,
        startedAt: instants.text(clock.epochMs()),
        queueNs,
        isolateId: isolates.of(placed.isolate),
        engineId: lanes.of(placed.lane),
        hostId,
      }),
    end: endRecord,
  };
}

class Names {
  readonly #prefix: string;
  readonly #names: Map<number, string> = new Map();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  of(number: number): string {
    let name = this.#names.get(number);
    if (name === undefined) {
      if (this.#names.size >= MOST_NAMES) this.#names.clear();
      name = this.#prefix + number;
      this.#names.set(number, name);
    }
    return name;
  }
}
