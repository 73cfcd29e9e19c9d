import { emptyResource } from '@opentelemetry/resources';
import { describe, expect, it } from 'vitest';
import { RECENT_BOUNDS, type RecentEntry, RecentStore, type Telling } from '../../../src/telemetry/recent.ts';
import { Ring } from '../../../src/telemetry/ring.ts';
import { storySpans } from '../../../src/telemetry/story-spans.ts';
import { createTelemetry } from '../../../src/telemetry/telemetry.ts';
import { aStory, TRACE_ID } from './story.ts';

function entry(number: number, changes: Partial<RecentEntry> = {}): Telling {
  const spans = storySpans(aStory(), { resource: emptyResource(), scope: { name: 'isolane' } }, '1'.repeat(16));
  const told: RecentEntry = {
    invocationId: `inv-${number}`,
    traceId: `trace-${number}`,
    name: 'GET /hello/:who',
    function: 'hello',
    version: 1,
    outcome: 'ok',
    status: 200,
    cold: false,
    startedAt: '2026-11-20T10:00:00.000Z',
    durationNs: 500_000,
    spans,
    logs: [],
    problem: null,
    warnings: [],
    ...changes,
  };
  const bytes = told.logs.reduce((sum, { text }) => sum + 64 + 2 * text.length, 512);
  const { function: name, invocationId } = told;
  const lines = () => told.logs.map((line) => ({ ...line, function: name ?? '', invocationId }));
  return { ...told, isTraced: told.spans.length > 0, bytes, lines, told: () => told };
}

const line = (text: string) => ({ level: 'info', text, epochMs: 1 }) as const;

describe('ring', () => {
  it('drops the oldest by count and by bytes, and tells of each once', () => {
    const left: number[] = [];
    const ring = new Ring<{ n: number; bytes: number }>({ items: 3, bytes: 100 }, (item) => left.push(item.n));
    for (let n = 0; n < 200; n++) ring.add({ n, bytes: 10 });
    expect(left).toEqual(Array.from({ length: 197 }, (_, n) => n));
    expect([...ring.newestFirst()].map(({ n }) => n)).toEqual([199, 198, 197]);
    ring.add({ n: 200, bytes: 95 });
    expect([ring.size, ring.bytes]).toEqual([1, 95]);
    ring.add({ n: 201, bytes: 101 });
    expect([ring.size, ring.bytes, left.length]).toEqual([0, 0, 202]);
  });
});

describe('recent store', () => {
  it('lists traces newest first, page by page, by function', () => {
    const store = new RecentStore();
    for (let n = 1; n <= 5; n++) store.add(entry(n, { function: n % 2 === 1 ? 'odd' : 'even' }));
    const page = store.traces({ function: null, limit: 2, cursor: null });
    expect(page.items.map((item) => item.traceId)).toEqual(['trace-5', 'trace-4']);
    store.add(entry(6));
    const rest = store.traces({ function: null, limit: 10, cursor: page.nextCursor });
    expect(rest.items.map((item) => item.traceId)).toEqual(['trace-3', 'trace-2', 'trace-1']);
    expect(rest.nextCursor).toBeNull();
    const odd = store.traces({ function: 'odd', limit: 3, cursor: null });
    expect(odd.items.map((item) => item.traceId)).toEqual(['trace-5', 'trace-3', 'trace-1']);
    expect(odd.nextCursor).toBeNull();
    expect(page.items[0]).not.toHaveProperty('logs');
  });

  it('forgets trace and invocation together', () => {
    const store = new RecentStore({ ...RECENT_BOUNDS, traces: 2 });
    for (let n = 1; n <= 3; n++) store.add(entry(n));
    expect([store.trace('trace-1'), store.invocation('inv-1')]).toEqual([null, null]);
    expect(store.trace('trace-2')?.resourceSpans[0]?.scopeSpans[0]?.spans).toHaveLength(1);
    expect(store.invocation('inv-3')?.spans).toHaveLength(1);
  });

  it('tells the parts of one trace together', () => {
    const store = new RecentStore({ ...RECENT_BOUNDS, traces: 2 });
    for (let n = 1; n <= 3; n++) store.add(entry(n, { traceId: 'same' }));
    expect(store.trace('same')?.resourceSpans[0]?.scopeSpans[0]?.spans).toHaveLength(2);
  });

  it('lets no function’s logs push out traces or the logs of others', () => {
    const store = new RecentStore({ ...RECENT_BOUNDS, logsPerFunction: 3, logBytes: 20_000 });
    store.add(entry(1));
    store.add(entry(2, { function: 'quiet', spans: [], logs: [line('hush')] }));
    for (let n = 10; n < 30; n++) store.add(entry(n, { function: 'loud', spans: [], logs: [line('x'.repeat(3000))] }));
    expect(store.trace('trace-1')).not.toBeNull();
    expect(store.invocation('inv-2')?.logs).toEqual([line('hush')]);
    expect(store.invocation('inv-26')).toBeNull();
    expect(store.invocation('inv-29')?.logs).toHaveLength(1);
  });

  it('takes room for logs from whoever has most', () => {
    const store = new RecentStore({ ...RECENT_BOUNDS, logBytes: 20_000 });
    const logs = [line('x'.repeat(3000))];
    for (let n = 1; n <= 3; n++) store.add(entry(n, { function: 'loud', spans: [], logs }));
    store.add(entry(10, { function: 'quiet', spans: [], logs: [line('hush')] }));
    store.add(entry(11, { function: 'quiet', spans: [], logs: [line('hush')] }));
    expect(store.invocation('inv-1')).toBeNull();
    expect([2, 3, 10, 11].filter((n) => store.invocation(`inv-${n}`) === null)).toEqual([]);
  });

  it('keeps at most 100 stray lines of a function', () => {
    const store = new RecentStore();
    for (let n = 0; n < 150; n++) store.stray('hello', line(`n${n}`));
    expect(store.strays('hello')).toHaveLength(100);
    expect(store.strays('hello')[0]?.text).toBe('n50');
    expect(store.strays('other')).toEqual([]);
  });
});

describe('logs', () => {
  const at = (text: string, epochMs: number) => ({ level: 'info', text, epochMs }) as const;

  it('are the newest lines first, traced or not, stray or not, by function', () => {
    const store = new RecentStore();
    store.add(entry(1, { logs: [at('one', 1), at('two', 2)] }));
    store.add(entry(2, { function: 'other', spans: [], logs: [at('three', 3)] }));
    store.stray('hello', at('four', 4));
    const texts = (name: string | null, limit: number) =>
      store.logs({ function: name, limit }).items.map(({ text, invocationId }) => `${text} ${invocationId}`);
    expect(texts(null, 9)).toEqual(['four null', 'three inv-2', 'two inv-1', 'one inv-1']);
    expect(texts(null, 2)).toEqual(['four null', 'three inv-2']);
    expect(texts('hello', 2)).toEqual(['four null', 'two inv-1']);
    expect(texts('nobody', 2)).toEqual([]);
  });

  it('are followed until somebody leaves', () => {
    const store = new RecentStore();
    const heard: string[] = [];
    const leave = store.follow(({ text }) => heard.push(text));
    store.add(entry(1, { logs: [at('one', 1)] }));
    store.stray('hello', at('two', 2));
    leave();
    store.stray('hello', at('three', 3));
    expect(heard).toEqual(['one', 'two']);
  });

  it('of a failed invocation end with its error', () => {
    const telemetry = createTelemetry({ env: {}, sampleRatio: 0, serviceVersion: '1', hostId: 'h', now: () => 0 });
    const problem = { name: 'Error', message: 'no', stack: 'Error: no\n    at hello.ts:1:1' };
    telemetry.settled(aStory({ record: { outcome: 'function_error' }, story: { logs: [at('one', 1)], problem } }));
    const { items } = telemetry.recent.logs({ function: null, limit: 5 });
    expect(items.map(({ level, text }) => `${level} ${text}`)).toEqual([`error ${problem.stack}`, 'info one']);
  });
});

describe('what telemetry keeps', () => {
  const quiet = () => createTelemetry({ env: {}, sampleRatio: 0, serviceVersion: '1', hostId: 'h', now: () => 0 });

  it('is there as soon as the invocation has settled', () => {
    const telemetry = quiet();
    telemetry.settled(aStory({ trace: { sampled: true }, story: { logs: [line('hi')] } }));
    const found = telemetry.recent.invocation('019aa000-0000-7000-8000-000000000001');
    expect(found).toMatchObject({ traceId: TRACE_ID, logs: [{ text: 'hi' }] });
    expect(found?.spans.map((span) => span.name)).toEqual(['GET /hello/:who']);
  });

  it('of an unsampled success is its logs and no spans, and nothing when it logged nothing', () => {
    const telemetry = quiet();
    telemetry.settled(aStory({ record: { invocationId: 'a' }, story: { logs: [line('hi')] } }));
    telemetry.settled(aStory({ record: { invocationId: 'b' } }));
    expect(telemetry.recent.invocation('a')).toMatchObject({ spans: [], logs: [{ text: 'hi' }] });
    expect(telemetry.recent.invocation('b')).toBeNull();
    expect(telemetry.recent.traces({ function: null, limit: 9, cursor: null }).items).toEqual([]);
  });

  it('makes its spans when asked, the same each time, and holds nothing of the request meanwhile', () => {
    const telemetry = quiet();
    const story = aStory({ record: { cold: true } });
    let reads = 0;
    const watched = Object.defineProperty({ ...story.record }, 'isolateId', {
      enumerable: true,
      get: () => `i-${++reads}`,
    });
    telemetry.settled({ ...story, record: watched });
    expect(reads).toBe(0);
    const spans = () => telemetry.recent.invocation(story.record.invocationId)?.spans.map((span) => span.spanId);
    expect(spans()).toHaveLength(2);
    expect(spans()).toEqual(spans());
  });

  it('is bounded while its export is behind, and the rest is counted', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
    const telemetry = createTelemetry({
      env,
      sampleRatio: 0,
      serviceVersion: '1',
      hostId: 'h',
      now: () => 0,
      warn: () => {},
    });
    await telemetry.start();
    for (let n = 0; n < 8200; n++) telemetry.settled(aStory({ record: { cold: true } }));
    const text = await telemetry.metricsText();
    expect(text).toMatch(/^isolane_telemetry_dropped_total 8$/m);
    expect(text).toMatch(/^isolane_telemetry_faults_total 0$/m);
    await telemetry.shutdown(0);
  });

  it('survives a story it cannot tell', async () => {
    const telemetry = quiet();
    telemetry.settled(aStory({ record: { startedAt: 'no date', cold: true }, story: { subrequests: null as never } }));
    expect(telemetry.recent.trace(TRACE_ID)).toBeNull();
    expect(await telemetry.metricsText()).toMatch(/^isolane_telemetry_faults_total 1$/m);
  });
});
