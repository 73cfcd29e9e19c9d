/** Spans as a tree for a terminal: when each began, how long it took, whether it failed. */
import { z } from 'zod';
import { printable } from './problem-text.ts';

export interface Span {
  readonly spanId: string;
  readonly parentSpanId?: string | undefined;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number };
}

export const spanSchema: z.ZodType<Span> = z.looseObject({
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
  status: z.looseObject({ code: z.number() }),
});

const FAILED = 2;
const INDENT = '  ';

export function spanTree(spans: readonly Span[]): readonly string[] {
  const inOrder = spans.toSorted((one, other) =>
    BigInt(one.startTimeUnixNano) < BigInt(other.startTimeUnixNano) ? -1 : 1,
  );
  const begin = BigInt(inOrder[0]?.startTimeUnixNano ?? 0);
  const known = new Set(spans.map(({ spanId }) => spanId));
  const rows: (readonly [string, string, string])[] = [];
  const add = (span: Span, depth: number): void => {
    const start = BigInt(span.startTimeUnixNano);
    const took = BigInt(span.endTimeUnixNano) - start;
    const failed = span.status.code === FAILED ? '  failed' : '';
    rows.push([`${INDENT.repeat(depth)}${printable(span.name)}`, `+${ms(start - begin)}`, `${ms(took)}${failed}`]);
    for (const child of inOrder) if (child.parentSpanId === span.spanId) add(child, depth + 1);
  };
  for (const span of inOrder) if (span.parentSpanId === undefined || !known.has(span.parentSpanId)) add(span, 0);
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, at, took]) => `${INDENT}${name.padEnd(width)}  ${at.padStart(12)}  ${took}`);
}

function ms(ns: bigint): string {
  return `${(Number(ns) / 1e6).toFixed(2)} ms`;
}
