/**
 * The catalogue of attacks as it lies in `fixtures/hostile`: one folder a case, `<nnn>-<slug>`, with `expect.json` and
 * what attacks: `function.ts` and further functions beside it, `client.ts` for attacks from outside, `host.ts` for what
 * needs a host of its own. The folder's name is the function's.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { OUTCOMES, type Outcome } from '../../src/contract/outcome.ts';

export type Mode = 'shared' | 'process';

const Text = z.string();
const outcome = z.enum(Object.keys(OUTCOMES) as [Outcome, ...Outcome[]]);
const oneOrMore = <T extends z.ZodType>(value: T) =>
  z.union([value, z.array(value).min(1)]).transform((given) => (Array.isArray(given) ? given : [given]));

const Expectation = z.strictObject({
  /** Any of them; absent: whatever its outcome says. */
  status: oneOrMore(z.int()).optional(),
  /** Of the record; `null`: it never started, so there is none; absent: there may be one or not. */
  outcome: z.union([z.null(), oneOrMore(outcome)]).optional(),
  /** The code in the body of a refusal. */
  code: Text.optional(),
  body: Text.optional(),
  bodyMatches: Text.optional(),
  bodyLacks: Text.optional(),
  /** The answer breaks off after its head. */
  cut: z.boolean().optional(),
  /** Each matches a line the invocation logged. */
  logs: z.array(Text).default([]),
  logsLack: Text.optional(),
  /** `null`: it must not be there. */
  headers: z.record(Text, Text.nullable()).default({}),
});

const Request = z.strictObject({
  /** Of the functions beside `function.ts`, by file; absent: that itself. */
  function: Text.optional(),
  method: Text.default('GET'),
  path: Text.startsWith('/').default('/'),
  headers: z.record(Text, Text).default({}),
  body: Text.optional(),
  /** Sent this often, one after the other, or all at once. */
  times: z.int().min(1).default(1),
  atOnce: z.boolean().default(false),
  /** Waits before it is sent, ms: for what happens after an answer. */
  afterMs: z.int().default(0),
  expect: Expectation,
});

const Declaration = z.record(Text, z.unknown());

const Case = z.strictObject({
  /** One sentence: the attack, and what has to come of it. */
  what: Text.endsWith('.'),
  /** In a shared process the host may have to be replaced. */
  mayReplaceHost: z.boolean().default(false),
  /** It has a host process of its own. */
  alone: z.boolean().default(false),
  /** More long turns at once than there may be threads: the bystander may have to wait, and must not fail. */
  crowd: z.boolean().default(false),
  /** As in `isolane.json`; `entry` and `url` are filled in, services name files beside `function.ts`. */
  function: Declaration.default({}),
  /** Further functions, by file; `rival` belongs to another tenant. */
  others: z.record(Text, Declaration).default({}),
  requests: z.array(Request).default([]),
  /** Tests elsewhere that prove it; each names the case's number. */
  provedBy: z.array(Text.startsWith('test/')).default([]),
});

export type Expectation = z.infer<typeof Expectation>;
export type HostileRequest = z.infer<typeof Request>;

export interface HostileCase extends z.infer<typeof Case> {
  readonly number: number;
  /** Folder and function. */
  readonly name: string;
  readonly directory: string;
  readonly files: readonly string[];
}

export const CATALOGUE_SIZE = 115;
const ROOT: string = join(import.meta.dirname, '../..');
export const HOSTILE: string = join(ROOT, 'fixtures/hostile');

export function readCases(): readonly HostileCase[] {
  return readdirSync(HOSTILE)
    .filter((name) => /^\d{3}-/.test(name))
    .sort()
    .map((name) => {
      const directory = join(HOSTILE, name);
      const parsed = Case.safeParse(JSON.parse(readFileSync(join(directory, 'expect.json'), 'utf8')));
      if (!parsed.success) throw new Error(`${name}/expect.json: ${z.prettifyError(parsed.error)}`);
      return { ...parsed.data, number: Number(name.slice(0, 3)), name, directory, files: readdirSync(directory) };
    });
}

/** What keeps a case from being proven; empty: nothing. */
export function flaws(one: HostileCase): readonly string[] {
  const found: string[] = [];
  const has = (file: string): boolean => one.files.includes(file);
  const runs = one.requests.length > 0 || has('client.ts') || has('host.ts');
  if (!runs && one.provedBy.length === 0) found.push('nothing proves it');
  if (one.requests.length > 0 && !has('function.ts')) found.push('there is no function.ts to call');
  if (has('function.ts') && one.requests.length === 0 && !has('client.ts')) found.push('nobody calls function.ts');
  for (const file of Object.keys(one.others)) if (!has(`${file}.ts`)) found.push(`there is no ${file}.ts`);
  const known = [
    'expect.json',
    'function.ts',
    'client.ts',
    'host.ts',
    ...Object.keys(one.others).map((o) => `${o}.ts`),
  ];
  for (const file of one.files) if (!known.includes(file)) found.push(`${file} is used by nobody`);
  for (const file of one.provedBy) {
    const path = join(ROOT, file);
    if (!existsSync(path)) found.push(`${file} does not exist`);
    else if (!new RegExp(`\\b(cases?|catalogue)\\b[^\\n]*\\b${one.number}\\b`).test(readFileSync(path, 'utf8'))) {
      found.push(`${file} does not say that it proves case ${one.number}`);
    }
  }
  return found;
}

export function functionName(one: HostileCase, file?: string): string {
  if (file === undefined) return one.name;
  return file === 'rival' ? `rival-${one.name}` : `${one.name}-${file}`;
}
