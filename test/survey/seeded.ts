/** A sample that is the same for one seed and another for another: ISOLANE_SEED. */
const SEED = Number(process.env['ISOLANE_SEED'] ?? 20_261_121);

export function seeded<T>(all: readonly T[], count: number): readonly T[] {
  let state = SEED;
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 32;
  };
  return all
    .map((one) => [random(), one] as const)
    .sort(([a], [b]) => a - b)
    .slice(0, count)
    .map(([, one]) => one);
}
