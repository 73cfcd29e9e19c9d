import { describe, expect, it } from 'vitest';
import { FailureLog } from '../../../src/telemetry/otlp.ts';
import { pairs, readOtlpSettings } from '../../../src/telemetry/otlp-settings.ts';

describe('export settings', () => {
  it('are off without an endpoint, and with OTEL_SDK_DISABLED', () => {
    expect(readOtlpSettings({})).toMatchObject({ traces: null, metrics: null, problems: [] });
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318', OTEL_SDK_DISABLED: 'TRUE' };
    expect(readOtlpSettings(env)).toMatchObject({ traces: null, metrics: null });
  });

  it('append the path to the base and take a signal’s own address as it is', () => {
    const settings = readOtlpSettings({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/base/',
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'https://metrics.example.com/in',
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%3Db, x=1',
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x=2',
      OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    });
    expect(settings.traces).toEqual({
      url: 'http://collector:4318/base/v1/traces',
      headers: { 'api-key': 'a=b', x: '2' },
      timeoutMillis: 2500,
      gzip: true,
    });
    expect(settings.metrics?.url).toBe('https://metrics.example.com/in');
    expect(settings.batch).toEqual({ queue: 32_768, size: 2048, delayMs: 1000, timeoutMs: 30_000 });
  });

  it('honour none and one signal alone', () => {
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/v1/traces' };
    expect(readOtlpSettings(env)).toMatchObject({ metrics: null, traces: { url: 'http://c/v1/traces' } });
    expect(readOtlpSettings({ ...env, OTEL_TRACES_EXPORTER: 'none' })).toMatchObject({ traces: null, problems: [] });
  });

  it.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'localhost:4318'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc'],
    ['OTEL_TRACES_EXPORTER', 'zipkin'],
    ['OTEL_BSP_MAX_QUEUE_SIZE', 'lots'],
  ])('say in one sentence what is wrong with %s=%s', (name, value) => {
    const { problems } = readOtlpSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', [name]: value });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems[0]).toContain(name);
  });

  it('read pairs and leave out the malformed', () => {
    expect(pairs('a=1,b=x%20y,=z,nothing,c=%zz,d=')).toEqual({ a: '1', b: 'x y', d: '' });
  });
});

describe('failures of export', () => {
  it('are said once a minute, without the secrets of the address', () => {
    let now = 0;
    const said: string[] = [];
    const log = new FailureLog(
      () => now,
      (sentence) => said.push(sentence),
    );
    const url = 'http://user:pw@collector:4318/v1/traces?key=k';
    for (let n = 0; n < 5; n++) log.failed('traces', url, new Error('refused'));
    expect(said).toEqual(['Telemetry export of traces to http://collector:4318 failed: refused']);
    now = 60_000;
    log.failed('traces', url, undefined);
    expect(said).toHaveLength(2);
    expect(said[1]).toContain('(5 times since');
    expect(log.failures).toBe(6);
  });
});
