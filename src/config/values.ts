/**
 * `"text"`, `{ "env": "NAME" }` and `{ "secret": "NAME" }` → text. Refuses the host's own variables, so that no
 * function can be handed what configures the host. Never puts a value into a message.
 */
import type { Problems } from './problems.ts';
import type { RawValue } from './raw.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `null`: it was refused in `problems`. */
export function resolveValue(
  value: RawValue,
  path: string,
  environment: Environment,
  problems: Problems,
): string | null {
  if (typeof value === 'string') return value;
  if (value.secret !== undefined) {
    problems.refuse(
      `${path} is { "secret": "${value.secret}" }, but secrets arrive with deploys; use { "env": "${value.secret}" } until then.`,
    );
    return null;
  }
  const name = value.env;
  if (/^isolane_/i.test(name)) {
    problems.refuse(
      `${path} is { "env": "${name}" }, but names that begin with "ISOLANE_" belong to the host; use another variable.`,
    );
    return null;
  }
  const found = Object.hasOwn(environment, name) ? environment[name] : undefined;
  if (found === undefined) {
    problems.refuse(
      `${path} is { "env": "${name}" }, but the environment has no ${name}; set it before the start or write the value as text.`,
    );
    return null;
  }
  return found;
}
