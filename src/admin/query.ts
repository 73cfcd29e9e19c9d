/**
 * Query parameters of the admin plane, each read by one zod type whose error is the remedy. An unknown or repeated
 * parameter is refused: a mistyped filter that is ignored answers a question nobody asked.
 */
import { z } from 'zod';
import { HostError } from '../contract/errors.ts';
import { nearest } from '../contract/nearest.ts';

/** Absent parameters reach it as `undefined`. */
export type Field<T> = z.ZodType<T, string | undefined>;

export type Query<S extends Readonly<Record<string, Field<unknown>>>> = { readonly [K in keyof S]: z.output<S[K]> };

const MAX_SHOWN_CHARS = 60;

export function readQuery<S extends Readonly<Record<string, Field<unknown>>>>(url: string, shape: S): Query<S> {
  const given = new URL(url).searchParams;
  const names = Object.keys(shape);
  for (const name of new Set(given.keys())) {
    if (!names.includes(name)) throw new HostError('BAD_REQUEST', unknownName(name, names));
    if (given.getAll(name).length > 1) {
      throw new HostError('BAD_REQUEST', `The query parameter \`${name}\` is given more than once; give it once.`);
    }
  }
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(shape)) {
    const value = given.get(name) ?? undefined;
    const read = field.safeParse(value);
    if (!read.success) {
      const shown = (value ?? '').slice(0, MAX_SHOWN_CHARS);
      const remedy = read.error.issues[0]?.message ?? 'give another value';
      throw new HostError('BAD_REQUEST', `The query parameter \`${name}\` is \`${shown}\`; ${remedy}.`);
    }
    values[name] = read.data;
  }
  return values as Query<S>;
}

function unknownName(name: string, names: readonly string[]): string {
  const shown = name.slice(0, MAX_SHOWN_CHARS);
  if (names.length === 0) return `The query parameter \`${shown}\` is unknown; this path takes none.`;
  const near = nearest(name, names);
  const remedy = near === null ? `known here are ${names.join(', ')}` : `did you mean \`${near}\`?`;
  return `The query parameter \`${shown}\` is unknown; ${remedy}${near === null ? '.' : ''}`;
}

/** How many items, 1–1000. */
export const limitField: Field<number> = z
  .string()
  .optional()
  .transform((text) => (text === undefined ? 50 : /^\d{1,4}$/.test(text) ? Number(text) : 0))
  .refine((limit) => limit >= 1 && limit <= 1000, { error: 'give a whole number from 1 to 1000' });

/** `nextCursor` of the page before; opaque. */
export const cursorField: Field<string | null> = z
  .string()
  .regex(/^[\w.~:+/=-]{1,512}$/, { error: 'give the `nextCursor` of the page before, unchanged' })
  .optional()
  .transform(orNull);

/** ISO 8601 UTC, a time or a day; comes back with milliseconds, as records have it. */
export const timeField: Field<string | null> = z
  .union([z.iso.datetime(), z.iso.date()], { error: 'give an ISO 8601 time in UTC such as `2026-11-20T10:00:00Z`' })
  .optional()
  .transform((text) => (text === undefined ? null : new Date(text).toISOString()));

/** A name of a function or an endpoint. */
export const nameField: Field<string | null> = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'give a name of lower-case letters, digits and `-`' })
  .optional()
  .transform(orNull);

export function oneOf<T extends string>(values: readonly [T, ...T[]]): Field<T | null> {
  return z
    .enum(values, { error: `give one of ${values.join(', ')}` })
    .optional()
    .transform((value) => (value as T | undefined) ?? null);
}

/** A comma-separated list, each value at most once. */
export function someOf<T extends string>(values: readonly [T, ...T[]], fallback: readonly T[]): Field<readonly T[]> {
  const list = z.array(z.enum(values)).refine((given) => new Set(given).size === given.length);
  return z
    .string()
    .optional()
    .transform((text) => (text === undefined || text === '' ? [...fallback] : text.split(',')))
    .refine((given): given is T[] => list.safeParse(given).success, {
      error: `give a comma-separated list of ${values.join(', ')}, each at most once`,
    });
}

function orNull(text: string | undefined): string | null {
  return text ?? null;
}
