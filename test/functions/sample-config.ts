/** What the suites need of `fixtures/isolane.json`, read without the project's own parser: they are oracles of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'jsonc-parser';
import { z } from 'zod';
import { FIXTURES } from './example.ts';

const SampleConfig = z.object({
  functions: z.record(
    z.string(),
    z.object({
      entry: z.string(),
      handler: z.string().default('fetch'),
      routes: z.array(z.string()).default([]),
      url: z.boolean().default(false),
      env: z.record(z.string(), z.string()).default({}),
      services: z.record(z.string(), z.string()).default({}),
      cron: z.array(z.object({ schedule: z.string() })).default([]),
    }),
  ),
  webhooks: z.record(z.string(), z.object({ secrets: z.array(z.string()).min(1), function: z.string() })),
});

export type SampleConfig = z.infer<typeof SampleConfig>;

export const SAMPLE_CONFIG_FILE: string = join(FIXTURES, 'isolane.json');

export function readSampleConfig(): SampleConfig {
  return SampleConfig.parse(parse(readFileSync(SAMPLE_CONFIG_FILE, 'utf8')));
}
