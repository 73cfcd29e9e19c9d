/**
 * Every sample on one real host process: adding a folder to fixtures/functions adds a test. Then all payloads GitHub
 * publishes go in, signed, and at the end the ledger must show what was invoked, no more and no less.
 */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningHost, startHost } from '../support/host.ts';
import { readSamples } from './example.ts';
import { readSampleConfig, SAMPLE_CONFIG_FILE } from './sample-config.ts';
import { type DeliveryView, SampleHost } from './sample-host.ts';
import { signedHeaders } from './signature.ts';

interface PublishedEvent {
  readonly event: string;
  readonly body: Buffer;
}

interface Group {
  readonly key: { readonly function?: string };
  readonly invocations: number;
}

const AT_ONCE = 8;

/** Distinct payloads from `@octokit/webhooks-examples`. */
function publishedEvents(): readonly PublishedEvent[] {
  const groups = createRequire(import.meta.url)('@octokit/webhooks-examples/api.github.com/index.json') as readonly {
    readonly name: string;
    readonly examples: readonly unknown[];
  }[];
  const distinct = new Map<string, PublishedEvent>();
  for (const { name, examples } of groups) {
    for (const example of examples) {
      const text = JSON.stringify(example, null, 2);
      distinct.set(`${name} ${text}`, { event: name, body: Buffer.from(text) });
    }
  }
  return [...distinct.values()];
}

/** Runs `work` for every item, `AT_ONCE` at a time. */
async function forAll<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

let host: RunningHost;
let samples: SampleHost;

beforeAll(async () => {
  host = await startHost({ config: SAMPLE_CONFIG_FILE });
  samples = new SampleHost(host);
});
afterAll(async () => {
  await host?.stop();
});

for (const sample of readSamples()) {
  describe(sample.name, () => {
    it.for(sample.examples)('$name', (example) => samples.run(sample, example));
  });
}

describe('payloads as GitHub publishes them', () => {
  const deliveries = publishedEvents().map((each) => ({ ...each, guid: randomUUID(), id: '' }));

  it('has enough of them', () => {
    expect(deliveries.length).toBeGreaterThan(100);
  });

  it('accepts and delivers every one', async () => {
    await forAll(deliveries, async (each) => {
      const response = await samples.send('github', each.body, { event: each.event, id: each.guid });
      expect(response.status, each.event).toBe(202);
      each.id = ((await response.json()) as { id: string }).id;
      samples.count('github-push');
    });
    await forAll(deliveries, async (each) => {
      const { state, attempts, lastStatus } = await samples.settled(each.id);
      expect({ event: each.event, state, attempts, lastStatus }).toEqual({
        event: each.event,
        state: 'succeeded',
        attempts: 1,
        lastStatus: 204,
      });
    });
  });

  it('answers a repeated delivery as a duplicate and runs nothing', async () => {
    for (const each of deliveries.filter((_, index) => index % 10 === 0)) {
      const response = await samples.send('github', each.body, { event: each.event, id: each.guid });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ duplicate: true, id: each.id });
    }
  });

  it('refuses a changed byte and stores nothing', async () => {
    const { body, event } = deliveries[0]!;
    const changed = new Uint8Array(body);
    changed[changed.length - 3] = 0x20;
    const secret = readSampleConfig().webhooks['github']!.secrets[0]!;
    const response = await fetch(`${host.url}/hooks/github`, {
      method: 'POST',
      headers: signedHeaders(body, { provider: 'github', secret, event }),
      body: changed,
    });
    expect(response.status).toBe(401);
    const { items } = await samples.json<{ items: DeliveryView[] }>('/v1/deliveries?endpoint=github&limit=1000');
    const examples = readSamples().flatMap((sample) => sample.examples);
    const own = examples.filter((example) => example.webhook?.endpoint === 'github').length;
    expect(items).toHaveLength(deliveries.length + own);
  });
});

it('the ledger shows every invocation made, and none beside', async () => {
  const { items } = await samples.json<{ items: Group[] }>('/v1/usage?by=function');
  const billed = Object.fromEntries(items.map((group) => [group.key.function, group.invocations]));
  // One for a missing member, three for a found one, one for the scheduled job: calls through service bindings.
  const called = (samples.made.get('gateway') === 2 ? 1 + 3 : 0) + (samples.made.get('cleanup') ?? 0);
  samples.made.set('users', (samples.made.get('users') ?? 0) + called);
  expect(billed).toEqual(Object.fromEntries(samples.made));
});
