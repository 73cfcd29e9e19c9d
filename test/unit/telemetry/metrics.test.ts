import * as conventions from '@opentelemetry/semantic-conventions/incubating';
import { describe, expect, it } from 'vitest';
import { DURATION_BOUNDS, DurationHistogram } from '../../../src/telemetry/histogram.ts';
import { A, M } from '../../../src/telemetry/names.ts';
import { SeriesTable } from '../../../src/telemetry/series.ts';
import { createTelemetry, type Telemetry } from '../../../src/telemetry/telemetry.ts';
import { aStory, aVersion } from './story.ts';

function quiet(): Telemetry {
  return createTelemetry({ env: {}, sampleRatio: 0, serviceVersion: '1.2.3', hostId: 'h-1', now: () => 1_000_000 });
}

/** The value of the one line whose name and labels contain all of these. */
function sample(text: string, ...parts: string[]): number | null {
  const lines = text.split('\n').filter((line) => !line.startsWith('#') && parts.every((part) => line.includes(part)));
  expect(lines.length, `lines with ${parts.join(' ')}`).toBeLessThan(2);
  return lines[0] === undefined ? null : Number(lines[0].slice(lines[0].lastIndexOf(' ')));
}

describe('names', () => {
  it('are those of the semantic conventions', () => {
    const known = new Set(Object.values(conventions));
    const ours = [...Object.values(A), ...Object.values(M)].filter((name) => !known.has(name));
    expect(ours).toEqual([]);
  });
});

describe('histogram', () => {
  it('puts a value on a boundary into the bucket below it', () => {
    const histogram = new DurationHistogram();
    for (const ns of [0, 50_000, 50_001, 100_000_000_000]) histogram.record(ns);
    const counts = histogram.counts();
    expect(counts.slice(0, 2)).toEqual([2, 1]);
    expect(counts[DURATION_BOUNDS.length]).toBe(1);
    expect([histogram.count, histogram.sumSeconds]).toEqual([4, 100.000100001]);
  });
});

describe('/metrics', () => {
  it('counts every invocation once, sampled or not', async () => {
    const telemetry = quiet();
    for (let i = 0; i < 3; i++) telemetry.settled(aStory());
    telemetry.settled(aStory({ record: { outcome: 'wall_timeout', status: 504, billedMs: 40 } }));
    telemetry.settled(aStory({ record: { cold: true, initNs: 2_000_000 }, trace: { sampled: true } }));
    const text = await telemetry.metricsText();
    expect(sample(text, 'isolane_invocations_total{', 'outcome="ok"')).toBe(4);
    expect(sample(text, 'isolane_invocations_total{', 'outcome="wall_timeout"')).toBe(1);
    expect(sample(text, 'faas_invocations_total{')).toBe(4);
    expect(sample(text, 'faas_errors_total{', 'error_type="wall_timeout"')).toBe(1);
    expect(sample(text, 'faas_timeouts_total{')).toBe(1);
    expect(sample(text, 'faas_coldstarts_total{')).toBe(1);
    expect(sample(text, 'isolane_billed_milliseconds_total{')).toBe(44);
    expect(sample(text, 'faas_init_duration_count{')).toBe(1);
    expect(sample(text, 'faas_init_duration_bucket{', 'le="0.0025"')).toBe(1);
    expect(sample(text, 'faas_init_duration_bucket{', 'le="0.001"')).toBe(0);
    expect(sample(text, 'http_server_request_duration_count{', 'status_code="200"')).toBe(4);
    expect(sample(text, 'http_server_request_duration_count{', 'error_type="wall_timeout"')).toBe(1);
    expect(text).toContain('http_route="/hello/:who"');
    expect(text).not.toMatch(/203\.0\.113\.9|\/hello\/you/);
  });

  it('says how often a request was shed, falls and strays', async () => {
    const telemetry = quiet();
    const version = aVersion();
    telemetry.shed(version, 'overloaded');
    telemetry.shed(version, 'overloaded');
    telemetry.felled(version, 'wedged');
    telemetry.felled(version, 'wedged');
    telemetry.felled(version, 'outgrown');
    telemetry.stray(version, { level: 'error', text: 'late', epochMs: 1 });
    const text = await telemetry.metricsText();
    expect(sample(text, 'isolane_shed_total{', 'reason="overloaded"')).toBe(2);
    expect(sample(text, 'isolane_falls_total{', 'how="wedged"')).toBe(2);
    expect(sample(text, 'isolane_falls_total{', 'how="outgrown"')).toBe(1);
    expect(sample(text, 'isolane_stray_lines_total{')).toBe(1);
    expect(telemetry.recent.strays('hello').map((line) => line.text)).toEqual(['late']);
  });

  it('counts what came near a limit and what ran into it, by function and limit', async () => {
    const telemetry = quiet();
    const use = (limit: 'cpuMs' | 'logBytes', reached: boolean) => ({ limit, used: 9, allowed: 10, reached });
    telemetry.settled(aStory({ story: { limits: [use('cpuMs', false), use('logBytes', true)] } }));
    telemetry.settled(aStory({ story: { limits: [use('cpuMs', true)] } }));
    telemetry.shed(aVersion(), 'overloaded', 'queueMs');
    const text = await telemetry.metricsText();
    const of = 'faas_name="hello"';
    expect(sample(text, 'isolane_limits_warnings_total{', of, 'limit="cpuMs"')).toBe(1);
    for (const limit of ['cpuMs', 'logBytes', 'queueMs'])
      expect(sample(text, 'isolane_limits_reached_total{', of, `limit="${limit}"`)).toBe(1);
    expect(sample(text, 'isolane_limits_warnings_total{', 'limit="logBytes"')).toBeNull();
  });

  it('shows the gauges the host hands in', async () => {
    const telemetry = quiet();
    telemetry.observe(() => ({
      gauges: { 'isolane.queue.waiting': 7 },
      isolates: [{ function: 'hello', version: 1, state: 'ready', count: 3 }],
      restarts: { crashed: 2, sick: 0 },
    }));
    await telemetry.start();
    const text = await telemetry.metricsText();
    expect(sample(text, 'isolane_queue_waiting ')).toBe(7);
    expect(sample(text, 'isolane_isolates{', 'state="ready"')).toBe(3);
    expect(sample(text, 'isolane_host_restarts_total{', 'cause="crashed"')).toBe(2);
    expect(sample(text, 'isolane_pool_memory ')).toBeNull();
    expect(sample(text, 'nodejs_eventloop_delay_p99')).toBeGreaterThanOrEqual(0);
    await telemetry.shutdown(1000);
  });

  it('has no series twice', async () => {
    const telemetry = quiet();
    // The same name and version in another object, as after a reload; triggers that the conventions call alike.
    telemetry.settled(aStory());
    telemetry.settled(aStory());
    telemetry.settled(aStory({ record: { trigger: 'bench' } }));
    const text = await telemetry.metricsText();
    const keys = text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.replace(/ \S+$/, ''));
    expect(keys.filter((key, at) => keys.indexOf(key) !== at)).toEqual([]);
  });

  it('stays bounded when a guest answers with every status', async () => {
    const telemetry = quiet();
    for (let status = 200; status < 600; status++) telemetry.settled(aStory({ record: { status } }));
    const text = await telemetry.metricsText();
    expect(text.match(/^http_server_request_duration_count/gm)).toHaveLength(257);
    expect(sample(text, 'http_server_request_duration_count{', 'otel_metric_overflow="true"')).toBe(144);
  });
});

describe('series', () => {
  it('of the least recently used version go, and come back when used', () => {
    const table = new SeriesTable(2);
    const [one, two, three] = [aVersion('one'), aVersion('two'), aVersion('three')];
    const first = table.of(one);
    table.of(two);
    table.of(one);
    table.of(three);
    expect([...table.all()].map((series) => series.name)).toEqual(['one', 'three']);
    expect(table.of(one)).toBe(first);
    expect(table.of(two).live).toBe(true);
    expect([...table.all()].map((series) => series.name)).toEqual(['one', 'two']);
  });
});
