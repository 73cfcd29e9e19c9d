/** Words of the command lines of `run.ts` and `compare.ts`, refused by name when they mean nothing. */

export function choose<T extends string>(text: string | undefined, known: readonly T[], flag: string): readonly T[] {
  if (text === undefined || text === 'all') return known;
  return text.split(',').map((word) => {
    const found = known.find((each) => each === word.trim());
    if (!found) throw new Error(`${flag} knows ${known.join(', ')}, not "${word}"`);
    return found;
  });
}

export function positive(text: string, flag: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new Error(`${flag} takes a number above 0, not "${text}"`);
  return value;
}
