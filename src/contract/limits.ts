/**
 * Every limit of a function, in one table: default, allowed range, unit (CONTRACT §7). Parsers, docs, the JSON Schema
 * and the error messages read this table; nothing else states a number.
 */
import { MIB } from './units.ts';

/** Complete limits of one function. No field is optional: defaults are filled in by `config`. */
export interface Limits {
  /** Heap plus array buffers of one isolate, MiB. */
  readonly memoryMiB: number;
  /** Thread CPU of one invocation's turns and of host work done for it, ms. */
  readonly cpuMs: number;
  /** From start to the handler's response body produced, ms. */
  readonly wallMs: number;
  /** Loading the bundle, wall ms. */
  readonly initMs: number;
  /** Invocations at once in one isolate. */
  readonly concurrency: number;
  /** Isolates of this function in one host. */
  readonly instances: number;
  /** Longest wait for an isolate, ms. */
  readonly queueMs: number;
  /** `fetch` and service calls per invocation. */
  readonly subrequests: number;
  readonly requestBytes: number;
  /** A response body that is handed over whole. */
  readonly responseBytes: number;
  /** A response body that is streamed. */
  readonly streamedResponseBytes: number;
  readonly logBytes: number;
  /** Pending timers at once. */
  readonly timers: number;
  /** How long `waitUntil` work may go on after the response, ms. */
  readonly waitUntilMs: number;
  /** Size of the bundled code. */
  readonly bundleBytes: number;
}

export interface LimitRule {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export const LIMIT_RULES: Readonly<Record<keyof Limits, LimitRule>> = {
  memoryMiB: { default: 128, min: 8, max: 4096 },
  cpuMs: { default: 1000, min: 1, max: 300_000 },
  wallMs: { default: 30_000, min: 1, max: 900_000 },
  initMs: { default: 1000, min: 1, max: 10_000 },
  concurrency: { default: 1, min: 1, max: 1000 },
  instances: { default: 100, min: 1, max: 10_000 },
  queueMs: { default: 5000, min: 0, max: 900_000 },
  subrequests: { default: 50, min: 0, max: 10_000 },
  requestBytes: { default: 6_291_456, min: 0, max: 512 * MIB },
  responseBytes: { default: 20_971_520, min: 0, max: 2048 * MIB },
  streamedResponseBytes: { default: 209_715_200, min: 0, max: 2048 * MIB },
  logBytes: { default: 262_144, min: 0, max: 16 * MIB },
  timers: { default: 1000, min: 0, max: 100_000 },
  waitUntilMs: { default: 30_000, min: 0, max: 900_000 },
  bundleBytes: { default: 10 * MIB, min: 1, max: 64 * MIB },
};

/** `handler: "lambda"` differs where AWS differs: wallMs 3000, cpuMs = wallMs, initMs 10000. */
export const LAMBDA_DEFAULTS: Readonly<Partial<Limits>> = { wallMs: 3000, cpuMs: 3000, initMs: 10_000 };
