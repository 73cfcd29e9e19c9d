/**
 * `expect.json` beside a function: how to call it and what it answers. Read to print curl lines; a folder without one,
 * or with one of another shape, simply has no examples here (its test says what is wrong with it).
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../contract/config.ts';

export interface Example {
  readonly name: string;
  readonly request?:
    | {
        readonly method?: string | undefined;
        readonly path: string;
        readonly headers?: Readonly<Record<string, string>> | undefined;
        readonly body?: unknown;
        readonly bodyFile?: string | undefined;
      }
    | undefined;
  readonly webhook?:
    | {
        readonly endpoint: string;
        readonly provider: string;
        readonly event?: string | undefined;
        readonly body?: unknown;
        readonly bodyFile?: string | undefined;
      }
    | undefined;
  readonly cron?: boolean | undefined;
  readonly expect: {
    readonly status?: number | undefined;
    readonly headers?: Readonly<Record<string, string>> | undefined;
  };
}

export interface FunctionExamples {
  /** Absolute path that `bodyFile` is relative to. */
  readonly directory: string;
  readonly examples: readonly Example[];
}

const headers = z.record(z.string(), z.string()).optional();
const body = { body: z.unknown().optional(), bodyFile: z.string().optional() };
const exampleSchema: z.ZodType<Example> = z.looseObject({
  name: z.string(),
  request: z.looseObject({ method: z.string().optional(), path: z.string(), headers, ...body }).optional(),
  webhook: z
    .looseObject({ endpoint: z.string(), provider: z.string(), event: z.string().optional(), ...body })
    .optional(),
  cron: z.boolean().optional(),
  expect: z.looseObject({ status: z.number().optional(), headers }),
});
const fileSchema = z.looseObject({ examples: z.array(exampleSchema) });

/** By function name. */
export function readExamples(config: Config): ReadonlyMap<string, FunctionExamples> {
  const found = new Map<string, FunctionExamples>();
  for (const { name, entry } of config.functions) {
    const directory = dirname(entry);
    const parsed = fileSchema.safeParse(readJson(join(directory, 'expect.json')));
    if (!parsed.success) continue;
    found.set(name, { directory, examples: parsed.data.examples });
  }
  return found;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}
