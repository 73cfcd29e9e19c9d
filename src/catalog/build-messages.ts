/** esbuild's findings in the host's words: one sentence with file, line and column, then the line of code itself. */
import type { BuildFailure, Message, PartialMessage } from 'esbuild';
import { HostError } from '../contract/errors.ts';
import type { FunctionSpec } from '../contract/function.ts';

const SHOWN_MAX = 5;
const CODE_MAX = 160;

/** `cause`: esbuild's failure, or the rest of the sentence. */
export function bundleError(spec: FunctionSpec, cause: unknown): HostError {
  const subject = `function "${spec.name}" cannot be bundled`;
  if (typeof cause === 'string') return new HostError('BUNDLE_FAILED', `${subject}: ${cause}.`);
  const errors = isFailure(cause) ? cause.errors : [{ text: cause instanceof Error ? cause.message : String(cause) }];
  const shown = errors.slice(0, SHOWN_MAX).map((error) => `${subject}: ${describe(error)}`);
  if (errors.length > SHOWN_MAX) shown.push(`… and ${errors.length - SHOWN_MAX} more in function "${spec.name}".`);
  return new HostError('BUNDLE_FAILED', shown.join('\n'), { cause });
}

/** One error for all functions that failed. */
export function joined(errors: readonly HostError[]): HostError {
  const [first] = errors;
  if (errors.length === 1 && first !== undefined) return first;
  return new HostError('BUNDLE_FAILED', errors.map((error) => error.message).join('\n'), { cause: errors });
}

export function warningLine(spec: FunctionSpec, warning: Message): string {
  return `function "${spec.name}": ${sentence(warning)}`;
}

function isFailure(cause: unknown): cause is BuildFailure {
  return cause instanceof Error && 'errors' in cause && Array.isArray(cause.errors) && cause.errors.length > 0;
}

function describe(error: PartialMessage): string {
  const location = error.location;
  const line = location?.lineText;
  if (location === null || location === undefined || line === undefined || line.length > CODE_MAX)
    return sentence(error);
  const number = String(location.line ?? 1);
  const gutter = ' '.repeat(number.length);
  const indent = line.slice(0, location.column ?? 0).replace(/[^\t]/g, ' ');
  const mark = '^'.repeat(Math.max(1, Math.min(location.length ?? 1, line.length - indent.length)));
  return `${sentence(error)}\n  ${number} | ${line}\n  ${gutter} | ${indent}${mark}`;
}

function sentence(message: PartialMessage): string {
  const text = (message.text ?? 'unknown problem').replace(/\.$/, '').replace(/ in the configured target.*$/s, '');
  const at = message.location;
  const place = at === null || at === undefined ? '' : ` (${at.file}:${at.line}:${(at.column ?? 0) + 1})`;
  const remedy = remedyFor(text);
  return `${text}${place}${remedy === null ? '' : `; ${remedy}`}.`;
}

/** What to do about the findings people meet most. */
function remedyFor(text: string): string | null {
  const [, path] = /^Could not resolve "([^"]+)"/.exec(text) ?? [];
  if (path !== undefined) {
    if (/^[./]/.test(path)) return 'there is no such file';
    const [name] = /^(@[^/]+\/)?[^/]+/.exec(path) ?? [path];
    return `is "${name}" installed? npm install ${name}`;
  }
  if (text.startsWith('No loader is configured for')) {
    return 'what can be imported beside code: .json, .txt, .md, .html, .svg, .sql';
  }
  if (text.startsWith('Top-level await is not available')) {
    return 'not beside node:async_hooks or limits.concurrency above 1; await inside of a function';
  }
  return null;
}
