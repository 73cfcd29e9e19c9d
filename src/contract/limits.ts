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
  /** Bytes of console lines as UTF-8, with a line end each. */
  readonly logBytes: number;
  readonly logLines: number;
  /** Pending timers at once. */
  readonly timers: number;
  /** How long `waitUntil` work may go on after the response, ms. */
  readonly waitUntilMs: number;
  /** Size of the bundled code. */
  readonly bundleBytes: number;
}

/**
 * What happens at a limit. `ends`: the invocation, in the outcome of that name. `throws`: into the guest. `drops`: what
 * is over it. `waits`: others, up to `queueMs`. `sheds`: what has not started. `refuses`: the deploy.
 */
export type AtLimit = 'ends' | 'throws' | 'drops' | 'waits' | 'sheds' | 'refuses';

export interface LimitRule {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly at: AtLimit;
  /** What a function did to use `#` of it: the predicate of the sentence in logs. */
  readonly use: string;
  readonly unit: string;
}

export const LIMIT_RULES: Readonly<Record<keyof Limits, LimitRule>> = {
  memoryMiB: { default: 128, min: 8, max: 4096, at: 'ends', use: 'held # of memory', unit: 'MiB' },
  cpuMs: { default: 1000, min: 1, max: 300_000, at: 'ends', use: 'used # of CPU', unit: 'ms' },
  wallMs: { default: 30_000, min: 1, max: 900_000, at: 'ends', use: 'ran for #', unit: 'ms' },
  initMs: { default: 1000, min: 1, max: 10_000, at: 'ends', use: 'took # to load', unit: 'ms' },
  concurrency: { default: 1, min: 1, max: 1000, at: 'waits', use: 'ran # in one isolate', unit: 'invocations' },
  instances: { default: 100, min: 1, max: 10_000, at: 'waits', use: 'had #', unit: 'isolates' },
  queueMs: { default: 5000, min: 0, max: 900_000, at: 'sheds', use: 'waited # for an isolate', unit: 'ms' },
  subrequests: { default: 50, min: 0, max: 10_000, at: 'throws', use: 'asked for #', unit: 'subrequests' },
  requestBytes: { default: 6_291_456, min: 0, max: 512 * MIB, at: 'ends', use: 'was sent a body of #', unit: 'bytes' },
  responseBytes: {
    default: 20_971_520,
    min: 0,
    max: 2048 * MIB,
    at: 'ends',
    use: 'answered with a body of #',
    unit: 'bytes',
  },
  streamedResponseBytes: {
    default: 209_715_200,
    min: 0,
    max: 2048 * MIB,
    at: 'ends',
    use: 'streamed #',
    unit: 'bytes',
  },
  logBytes: { default: 262_144, min: 0, max: 16 * MIB, at: 'drops', use: 'wrote # of log', unit: 'bytes' },
  logLines: { default: 10_000, min: 0, max: 100_000, at: 'drops', use: 'wrote # of log', unit: 'lines' },
  timers: { default: 1000, min: 0, max: 100_000, at: 'throws', use: 'had # pending', unit: 'timers' },
  waitUntilMs: {
    default: 30_000,
    min: 0,
    max: 900_000,
    at: 'ends',
    use: 'went on for # after its response',
    unit: 'ms',
  },
  bundleBytes: { default: 10 * MIB, min: 1, max: 64 * MIB, at: 'refuses', use: 'has # of code', unit: 'bytes' },
};

export type LimitName = keyof Limits;

/** How far one invocation used one limit, in the limit's own unit. */
export interface LimitUse {
  readonly limit: LimitName;
  readonly used: number;
  readonly allowed: number;
  /** It went beyond, or tried to. */
  readonly reached: boolean;
}

/** Share of a limit from which on its use is worth a warning. */
export const WARN_SHARE = 0.8;

/** For logs and the admin plane: who, what was used, what is allowed, which key raises it. */
export function limitSentence(name: string, { limit, used, allowed }: LimitUse): string {
  const { use, unit } = LIMIT_RULES[limit];
  const amount = `${whole(used)} ${unit}`;
  return `function \`${name}\` ${use.replace('#', amount)}, its limit is ${whole(allowed)} ${unit} (limits.${limit})`;
}

/** 1,012: rounded up, so that what went beyond a limit never reads as if it had not. */
function whole(amount: number): string {
  return String(Math.ceil(amount)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `handler: "lambda"` differs where AWS differs: wallMs 3000, cpuMs = wallMs, initMs 10000. */
export const LAMBDA_DEFAULTS: Readonly<Partial<Limits>> = { wallMs: 3000, cpuMs: 3000, initMs: 10_000 };
