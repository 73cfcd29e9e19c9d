/**
 * The Lambda contract on one real host process: adding a folder to fixtures/lambda adds a test. The folders are copied
 * into a project of their own, so that what stacks say of paths is theirs.
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningHost, startHost } from '../support/host.ts';
import { type Example, expectResponse, FIXTURES, readSamples, type Sample } from './example.ts';
import { SampleHost } from './sample-host.ts';

interface Invoked {
  readonly invocationId: string;
  readonly outcome: string;
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: string;
}

const samples = readSamples('lambda');
const project = mkdtempSync(join(tmpdir(), 'isolane-lambda-'));
let host: RunningHost;
let door: SampleHost;

beforeAll(async () => {
  cpSync(join(FIXTURES, 'lambda'), join(project, 'lambda'), { recursive: true });
  symlinkSync(join(FIXTURES, '../node_modules'), join(project, 'node_modules'));
  const functions = samples.map(({ name, config }) => {
    return [name, { entry: `lambda/${name}/function.ts`, handler: 'lambda', url: true, ...config }];
  });
  const file = join(project, 'isolane.json');
  writeFileSync(file, JSON.stringify({ functions: Object.fromEntries(functions) }));
  host = await startHost({ config: file });
  door = new SampleHost(host);
});
afterAll(async () => {
  await host?.stop();
  rmSync(project, { recursive: true, force: true });
});

async function invoke(name: string, event: unknown): Promise<Invoked> {
  return door.json<Invoked>(`/v1/functions/${name}/invoke`, { method: 'POST', body: JSON.stringify(event) });
}

async function run(sample: Sample, example: Example): Promise<void> {
  if (example.event === undefined) return door.run(sample, example);
  const { invocationId, outcome, status, headers, body } = await invoke(sample.name, example.event);
  expect(outcome, body).toBe(example.expect.outcome);
  await expectResponse(new Response(body, { status, headers }), example.expect);
  await door.expectLogsOf(invocationId, example);
}

for (const sample of samples) {
  describe(sample.name, () => {
    it.for(sample.examples)('$name', (example) => run(sample, example));
  });
}

describe('streaming', () => {
  it('sends what is written as it is written', async () => {
    const response = await fetch(`${host.url}/fn/stream/`);
    const chunks: string[] = [];
    for await (const chunk of response.body!) chunks.push(Buffer.from(chunk).toString());
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.join('')).toBe('1 2 3 {"done":true}');
  });

  it('cuts the connection when the handler fails halfway', async () => {
    const response = await fetch(`${host.url}/fn/stream/broken`);
    expect(response.status).toBe(201);
    await expect(response.text()).rejects.toThrow();
    const { record, problem } = await door.json<{ record: { outcome: string }; problem: { stack: string } }>(
      `/v1/invocations/${response.headers.get('x-invocation-id')}`,
    );
    expect(record.outcome).toBe('function_error');
    expect(problem.stack).toMatch(/^Error: halfway\n {4}at .*lambda\/stream\/function\.ts:9:/);
  });
});
