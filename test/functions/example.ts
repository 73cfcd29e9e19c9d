/**
 * The format of `fixtures/functions/<name>/expect.json` and how an answer is held against it. Says nothing about where
 * the function runs: the real host and plain Node are two implementations of one suite.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { z } from 'zod';

const Text = z.string();
const Payload = z.union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())]);

const Example = z
  .strictObject({
    name: Text,
    request: z
      .strictObject({
        method: Text.default('GET'),
        path: Text.startsWith('/'),
        headers: z.record(Text, Text).default({}),
        body: Payload.optional(),
        bodyFile: Text.optional(),
      })
      .optional(),
    webhook: z
      .strictObject({
        endpoint: Text,
        provider: z.enum(['github', 'standard']),
        event: Text.optional(),
        body: Payload.optional(),
        bodyFile: Text.optional(),
      })
      .optional(),
    cron: z.literal(true).optional(),
    websocket: z
      .strictObject({
        path: Text.startsWith('/'),
        protocols: z.array(Text).default([]),
        send: z.array(Text).default([]),
      })
      .optional(),
    event: z.unknown().optional(),
    expect: z.strictObject({
      status: z.number().int(),
      outcome: Text.default('ok'),
      /** Exact text, or a regular expression between slashes. */
      headers: z.record(Text, Text).default({}),
      body: Text.optional(),
      /** Every key named must be there and match, deeply; others may be there too. */
      json: z.unknown().optional(),
      bodyMatches: z.array(Text).default([]),
      /** Hexadecimal. */
      bytesStartWith: Text.optional(),
      /** Texts a WebSocket brings, in order; what the function closes it with. */
      messages: z.array(Text).default([]),
      closed: z.strictObject({ code: z.number().int(), reason: Text.optional() }).optional(),
      /** Each must match some line the function logged. */
      logs: z.array(Text).default([]),
    }),
  })
  .refine(
    ({ request, webhook, cron, event, websocket }) =>
      [request, webhook, cron, event, websocket].filter(Boolean).length === 1,
    {
      message: 'an example has exactly one of request, webhook, cron, event and websocket',
    },
  );

const Expectations = z.strictObject({
  description: Text,
  /** Of a case that is in no `isolane.json`: its entry there, less what the folder says. */
  config: z.record(Text, z.unknown()).default({}),
  examples: z.array(Example).min(1),
});

export type Example = z.infer<typeof Example>;
export type Expectation = Example['expect'];

export interface Sample {
  readonly name: string;
  readonly directory: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly examples: readonly Example[];
}

export const FIXTURES: string = join(import.meta.dirname, '../../fixtures');

/** Every folder of `fixtures/functions`, or of another collection. */
export function readSamples(collection = 'functions'): readonly Sample[] {
  const root = join(FIXTURES, collection);
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const directory = join(root, name);
      const text = readFileSync(join(directory, 'expect.json'), 'utf8');
      const { config, examples } = Expectations.parse(JSON.parse(text));
      return { name, directory, config, examples };
    });
}

/** The bytes an example sends; `null`: no body. */
export function bodyOf(sample: Sample, source: { body?: unknown; bodyFile?: string | undefined }): Buffer | null {
  if (source.bodyFile !== undefined) return readFileSync(join(sample.directory, source.bodyFile));
  if (source.body === undefined) return null;
  return Buffer.from(typeof source.body === 'string' ? source.body : JSON.stringify(source.body));
}

function patternOf(text: string): RegExp | null {
  const [, source, flags] = /^\/([\s\S]+)\/([imsu]*)$/.exec(text) ?? [];
  return source === undefined ? null : new RegExp(source, flags);
}

export function expectText(actual: string | null, wanted: string, what: string): void {
  const pattern = patternOf(wanted);
  if (pattern) expect(actual ?? '', what).toMatch(pattern);
  else expect(actual, what).toBe(wanted);
}

export async function expectResponse(response: Response, wanted: Expectation): Promise<void> {
  const bytes = Buffer.from(await response.arrayBuffer());
  const text = bytes.toString('utf8');
  expect(response.status, text.slice(0, 500)).toBe(wanted.status);
  for (const [name, value] of Object.entries(wanted.headers)) {
    expectText(response.headers.get(name), value, `header ${name}`);
  }
  if (wanted.body !== undefined) expect(text).toBe(wanted.body);
  if (wanted.json !== undefined) expect({ json: JSON.parse(text) }).toMatchObject({ json: wanted.json });
  for (const pattern of wanted.bodyMatches) expectText(text, pattern, 'body');
  if (wanted.bytesStartWith !== undefined) {
    expect(bytes.subarray(0, wanted.bytesStartWith.length / 2).toString('hex')).toBe(wanted.bytesStartWith);
  }
}

export function expectLogs(lines: readonly string[], wanted: Expectation): void {
  for (const pattern of wanted.logs) {
    const found = lines.some((line) => patternOf(pattern)?.test(line) ?? line === pattern);
    expect(found, `a log line matching ${pattern}; there were:\n${lines.join('\n')}`).toBe(true);
  }
}
