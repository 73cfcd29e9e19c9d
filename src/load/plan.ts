/** What a load is, and what it leaves behind: data only, so that it crosses to generator processes as JSON. */
import type { HistogramJson, Quantiles } from './histogram.ts';

export interface Origin {
  /** An address or a name. */
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** The name in the URL, where `host` is the address it was looked up to. */
  readonly name: string;
}

/** In a header or the body of a request: replaced by a text of the same length that no other request has. */
export const SERIAL = '{serial--------}';

export interface LoadRequest {
  /** GET, or POST when there is a body. */
  readonly method?: string;
  /** With its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** What every answer must be. */
export interface Expectation {
  /** `null`: any from 200 to 299. */
  readonly status: number | null;
  /** `null`: any. */
  readonly body: string | null;
}

export interface LoadPlan {
  readonly origin: Origin;
  /** Sent in turn. */
  readonly requests: readonly LoadRequest[];
  readonly connections: number;
  readonly warmupMs: number;
  readonly durationMs: number;
  /**
   * Requests that fall due in a second, whatever the server does (open loop); `null`: every connection sends its next
   * request when the last is answered (closed loop).
   */
  readonly ratePerSecond: number | null;
  readonly expect: Expectation;
  /** Generator processes that share connections and rate. */
  readonly processes: number;
  /** Reads `server-timing` of every answer. Costs the generator twice the CPU. */
  readonly serverTiming: boolean;
}

export interface LoadResult extends Quantiles {
  /** Answers of the measured time in a second. */
  readonly perSecond: number;
  /** Answers with another status or body than expected, requests without an answer. */
  readonly failures: number;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly wrongBodies: number;
  /** Requests without an answer, by what became of them. */
  readonly errors: Readonly<Record<string, number>>;
  /** From when a request was sent, or fell due while every connection was busy, to its last byte. */
  readonly latency: HistogramJson;
  /** Open loop: from when it fell due, the generator's own lateness included. */
  readonly sinceDue: HistogramJson | null;
  /** Open loop: how late the generator itself was, p99; 0 in a closed loop. */
  readonly lagP99Ms: number;
  /** By entry of `server-timing`. */
  readonly serverTiming: Readonly<Record<string, HistogramJson>>;
  /** CPU the generator processes used for a request, µs. */
  readonly generatorCpuUs: number;
}

/** A plan as one generator process gets it. */
export interface GeneratorPlan extends Omit<LoadPlan, 'requests' | 'processes'> {
  /** Whole requests, base64. */
  readonly requests: readonly string[];
  /** HEAD: answers have a length but no body. */
  readonly bodiless: boolean;
}

/** A part of a LoadResult that adds up. */
export interface GeneratorResult {
  readonly answered: number;
  readonly tookMs: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly wrongStatuses: number;
  readonly wrongBodies: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly latency: HistogramJson;
  readonly sinceDue: HistogramJson | null;
  readonly lag: HistogramJson;
  readonly serverTiming: Readonly<Record<string, HistogramJson>>;
  readonly cpuUs: number;
}

/** The bytes of a request, as they are sent again and again. */
export function requestBytes(origin: Pick<Origin, 'name' | 'port' | 'tls'>, request: LoadRequest): Buffer {
  const body = request.body === undefined ? null : Buffer.from(request.body as string);
  const method = request.method ?? (body === null ? 'GET' : 'POST');
  const usualPort = origin.port === (origin.tls ? 443 : 80);
  const headers = new Map<string, string>([['host', usualPort ? origin.name : `${origin.name}:${origin.port}`]]);
  if (body !== null) headers.set('content-length', String(body.length));
  for (const [name, value] of Object.entries(request.headers ?? {})) headers.set(name.toLowerCase(), value);
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([
    Buffer.from(`${method} ${request.path} HTTP/1.1\r\n${lines}\r\n`, 'latin1'),
    body ?? Buffer.alloc(0),
  ]);
}
