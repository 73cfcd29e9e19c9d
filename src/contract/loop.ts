/**
 * How functions that fetch each other's public addresses are stopped from doing so for ever: `cdn-loop` (RFC 8586) with
 * the count of calls so far. The host writes it; a guest can neither leave it out nor lower it.
 */

/** Most calls from function to function in a row, as AWS Lambda's recursion limit. */
export const MAX_CALL_DEPTH = 16;

const TOKEN = 'isolane';
const MAX_FOREIGN_CHARS = 1024;

/** The value to send: what other networks wrote into `theirs`, and ours. */
export function loopHeader(theirs: string, depth: number): string {
  const foreign = entries(theirs).filter((entry) => !isOurs(entry));
  const kept = foreign.join(', ').slice(0, MAX_FOREIGN_CHARS);
  return `${kept === '' ? '' : `${kept}, `}${TOKEN};depth=${depth}`;
}

/** Calls that led to a request with this header; 0 when none is told. Two of our entries: the larger counts. */
export function loopDepth(value: string): number {
  let depth = 0;
  for (const entry of entries(value)) {
    if (!isOurs(entry)) continue;
    const told = Number(/;\s*depth=(\d{1,6})\s*(?:;|$)/i.exec(entry)?.[1] ?? '1');
    if (told > depth) depth = told;
  }
  return depth;
}

function entries(value: string): readonly string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function isOurs(entry: string): boolean {
  return entry.split(';', 1)[0]!.trim().toLowerCase() === TOKEN;
}
