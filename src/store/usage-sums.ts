/** Sums of usage by what is asked, exact beyond 2^53: nothing here is ever rounded. */
import type { UsageDimension, UsageGroup } from '../contract/store.ts';
import { AT, type CellName, type Line } from './ledger-lines.ts';

const SUMMED = ['cold', 'billedMs', 'cpuNs', 'initNs', 'runNs', 'mibMs', 'requestBytes', 'responseBytes'] as const;
const CELLS: readonly number[] = SUMMED.map((name) => AT[name]);

interface Group {
  readonly key: readonly (string | number)[];
  invocations: number;
  /** In the order of `SUMMED`; what would pass 2^53 has moved to `beyond`. */
  readonly sums: number[];
  readonly beyond: bigint[];
}

export class UsageSums {
  readonly #by: readonly UsageDimension[];
  readonly #cells: readonly number[];
  readonly #groups: Map<string, Group> = new Map();

  constructor(by: readonly UsageDimension[]) {
    this.#by = by;
    this.#cells = by.map((dimension) => AT[dimension satisfies CellName]);
    // Without dimensions there is one group, of zeros if need be.
    if (by.length === 0) this.#group('', []);
  }

  add(line: Line): void {
    let name = '';
    for (const cell of this.#cells) name += `${line[cell]}\n`;
    const group =
      this.#groups.get(name) ??
      this.#group(
        name,
        this.#cells.map((cell) => line[cell]!),
      );
    group.invocations += 1;
    const { sums } = group;
    for (let i = 0; i < CELLS.length; i++) {
      const value = line[CELLS[i]!] as number;
      const sum = sums[i]! + value;
      if (sum <= Number.MAX_SAFE_INTEGER) sums[i] = sum;
      else {
        group.beyond[i]! += BigInt(sums[i]!);
        sums[i] = value;
      }
    }
  }

  /** In the order of their keys. */
  groups(): readonly UsageGroup[] {
    return [...this.#groups.values()].sort((a, b) => order(a.key, b.key)).map((group) => this.#told(group));
  }

  #group(name: string, key: readonly (string | number)[]): Group {
    const group = { key, invocations: 0, sums: CELLS.map(() => 0), beyond: CELLS.map(() => 0n) };
    this.#groups.set(name, group);
    return group;
  }

  #told({ key, invocations, sums, beyond }: Group): UsageGroup {
    const sum = (name: (typeof SUMMED)[number]): string => {
      const at = SUMMED.indexOf(name);
      return String(beyond[at]! + BigInt(sums[at]!));
    };
    return {
      key: Object.fromEntries(this.#by.map((dimension, index) => [dimension, String(key[index])])),
      invocations,
      coldStarts: Number(sum('cold')),
      billedMs: Number(sum('billedMs')),
      cpuNs: sum('cpuNs'),
      initNs: sum('initNs'),
      runNs: sum('runNs'),
      mibMs: sum('mibMs'),
      requestBytes: sum('requestBytes'),
      responseBytes: sum('responseBytes'),
    };
  }
}

function order(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i]! < b[i]!) return -1;
    if (a[i]! > b[i]!) return 1;
  }
  return 0;
}
