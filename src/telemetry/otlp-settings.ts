/**
 * Export settings from the standard environment variables. Off unless an endpoint is named. Only OTLP over HTTP with
 * JSON bodies is built in; a variable that asks for more is answered by one sentence, never by failing to start.
 */

export type Env = Readonly<Record<string, string | undefined>>;

export interface SignalSettings {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMillis: number;
  readonly gzip: boolean;
}

export interface OtlpSettings {
  readonly traces: SignalSettings | null;
  readonly metrics: SignalSettings | null;
  readonly batch: {
    readonly queue: number;
    readonly size: number;
    readonly delayMs: number;
    readonly timeoutMs: number;
  };
  readonly metricIntervalMs: number;
  /** What was asked for and cannot be had. */
  readonly problems: readonly string[];
}

export function readOtlpSettings(env: Env): OtlpSettings {
  const problems: string[] = [];
  const off = env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true';
  const number = (name: string, fallback: number, max: number): number => {
    const text = env[name]?.trim() ?? '';
    if (text === '') return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    problems.push(`${name} is \`${text}\`: it must be a whole number from 1 to ${max}; ${fallback} is used.`);
    return fallback;
  };
  const queue = number('OTEL_BSP_MAX_QUEUE_SIZE', 32_768, 1_048_576);
  return {
    traces: off ? null : signal('TRACES', 'v1/traces', { env, problems, number }),
    metrics: off ? null : signal('METRICS', 'v1/metrics', { env, problems, number }),
    batch: {
      queue,
      size: Math.min(queue, number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 2048, 1_048_576)),
      delayMs: number('OTEL_BSP_SCHEDULE_DELAY', 1000, 3_600_000),
      timeoutMs: number('OTEL_BSP_EXPORT_TIMEOUT', 30_000, 3_600_000),
    },
    metricIntervalMs: number('OTEL_METRIC_EXPORT_INTERVAL', 60_000, 86_400_000),
    problems,
  };
}

interface Reading {
  readonly env: Env;
  readonly problems: string[];
  readonly number: (name: string, fallback: number, max: number) => number;
}

function signal(name: 'TRACES' | 'METRICS', path: string, reading: Reading): SignalSettings | null {
  const { env, problems } = reading;
  const own = (key: string): readonly [string, string] => {
    const specific = `OTEL_EXPORTER_OTLP_${name}_${key}`;
    const text = env[specific]?.trim() ?? '';
    const general = `OTEL_EXPORTER_OTLP_${key}`;
    return text === '' ? [general, env[general]?.trim() ?? ''] : [specific, text];
  };
  const exporter = env[`OTEL_${name}_EXPORTER`]?.trim() ?? '';
  if (exporter === 'none') return null;
  const [endpointName, endpoint] = own('ENDPOINT');
  if (endpoint === '') return null;
  if (exporter !== '' && exporter !== 'otlp') {
    problems.push(`OTEL_${name}_EXPORTER is \`${exporter}\`: only \`otlp\` and \`none\` are built in; it is off.`);
    return null;
  }
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    problems.push(`${endpointName} is no http or https URL; export of ${name.toLowerCase()} is off.`);
    return null;
  }
  const [protocolName, protocol] = own('PROTOCOL');
  if (protocol !== '' && protocol !== 'http/json') {
    problems.push(`${protocolName} is \`${protocol}\`: http/json is what is built in, and used.`);
  }
  // The general endpoint is a base, a signal's own is the whole address.
  const url = endpointName.includes(name) ? endpoint : `${endpoint.replace(/\/+$/, '')}/${path}`;
  return {
    url,
    headers: { ...pairs(env['OTEL_EXPORTER_OTLP_HEADERS']), ...pairs(env[`OTEL_EXPORTER_OTLP_${name}_HEADERS`]) },
    timeoutMillis: reading.number(own('TIMEOUT')[0], 10_000, 3_600_000),
    gzip: own('COMPRESSION')[1] === 'gzip',
  };
}

/** `k=v,k=v`, percent-encoded, as headers and resource attributes are written; malformed parts are left out. */
export function pairs(text: string | undefined): Record<string, string> {
  const found: Record<string, string> = {};
  for (const part of (text ?? '').split(',')) {
    const at = part.indexOf('=');
    const key = part.slice(0, Math.max(0, at)).trim();
    if (key === '' || key === '__proto__') continue;
    try {
      found[decodeURIComponent(key)] = decodeURIComponent(part.slice(at + 1).trim());
    } catch {}
  }
  return found;
}
