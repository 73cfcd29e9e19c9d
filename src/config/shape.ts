/**
 * Checks the shape of a configuration and words what is wrong with it. Parts that are well-formed come back even when
 * others are not, so that one run reports problems of shape and of meaning together.
 */
import type { z } from 'zod';
import { didYouMean } from '../contract/nearest.ts';
import { type KeyPath, kindOf, type Problems, pathText, shown } from './problems.ts';
import type { RawConfig } from './raw.ts';
import { configSchema } from './schema.ts';

/** The well-formed part of `value`; everything else has been refused in `problems`. */
export function checkShape(value: unknown, problems: Problems): RawConfig {
  const result = configSchema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  for (const issue of result.error.issues) for (const line of sentences(issue, [])) problems.refuse(line);
  return withoutBroken(
    value,
    result.error.issues.map((issue) => issue.path as KeyPath),
  );
}

/** One sentence for each thing an issue says; `prefix` is the path of what was parsed. */
export function sentences(issue: z.core.$ZodIssue, prefix: KeyPath): readonly string[] {
  const path = [...prefix, ...(issue.path as KeyPath)];
  const name = pathText(path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => {
        const known = issue.message.split(' ');
        const remedy = didYouMean(key, known, `; known keys are ${known.join(', ')}.`);
        return `${pathText([...path, key])} is not a known key${remedy}`;
      });
    case 'invalid_key':
      return [`${name} is not a usable name; ${issue.issues[0]?.message ?? 'choose another'}.`];
    case 'too_big':
    case 'too_small':
      if (typeof issue.input === 'string' || Array.isArray(issue.input)) {
        const size =
          issue.input.length === 0
            ? 'is empty'
            : `has ${issue.input.length} ${Array.isArray(issue.input) ? 'entries' : 'characters'}`;
        return [`${name} ${size}, but must be ${issue.message}.`];
      }
      return [`${name} is ${valueText(path, issue.input)}, but must be ${issue.message}.`];
    default:
      if (issue.input === undefined) return [`${name} is missing; it must be ${issue.message}.`];
      return [`${name} is ${valueText(path, issue.input)}, but must be ${issue.message}.`];
  }
}

/** Values that may be secrets are named by their kind only. */
function valueText(path: KeyPath, input: unknown): string {
  if (path.includes('env') || path.includes('secrets')) return kindOf(input);
  return typeof input === 'object' && input !== null ? kindOf(input) : shown(input);
}

function withoutBroken(value: unknown, paths: readonly KeyPath[]): RawConfig {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { functions: {} };
  const sections: Record<string, unknown> = { ...value };
  for (const path of paths) {
    const [section, entry] = path;
    if (section === undefined) continue;
    const named = section === 'functions' || section === 'webhooks' || section === 'tenants';
    const records = sections[section];
    if (!named || entry === undefined || typeof records !== 'object' || records === null) {
      delete sections[section];
      continue;
    }
    const kept = Object.entries(records).filter(([name]) => name !== entry);
    sections[section] = Object.fromEntries(kept);
  }
  // Whatever had no issue has the shape: the schema transforms nothing.
  return { functions: {}, ...sections } as RawConfig;
}
