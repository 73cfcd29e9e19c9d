/**
 * What host and warden say to each other over the control socket, and how far the host believes what an engine process
 * reports: each message is checked field by field, because a guest that broke out of its isolate writes there too.
 */
import { LIMIT_RULES } from '../../contract/limits.ts';
import type { Lost } from '../judge.ts';
import type { LaneReport } from '../lane-wire.ts';
import { FrameError, type Message } from './frames.ts';

/** What a warden is told first. */
export interface InitOrder {
  readonly k: 'init';
  readonly prelude: string;
  /** Base64; `null`: isolates evaluate the prelude. */
  readonly snapshot: string | null;
  readonly spares: number;
  readonly spareMemoryMiB: number;
}

export type ControlOrder =
  | InitOrder
  /** Start a lane on the socket `fd`; `line` of the board is its own. */
  | { readonly k: 'grow'; readonly lane: number; readonly fd: number; readonly line: number }
  /** End the turn of `isolate` if one runs. */
  | { readonly k: 'kill'; readonly lane: number; readonly isolate: number }
  /** Take an invocation back that has not been claimed; answered by `recalled` if it worked. */
  | { readonly k: 'recall'; readonly lane: number; readonly slot: number; readonly inv: number }
  /** There is work: watch, and beat. */
  | { readonly k: 'wake' };

/** A turn that lasts, or (isolate 0) one that was told of and has ended. */
export interface RunsReport {
  readonly k: 'runs';
  readonly lane: number;
  readonly turn: number;
  readonly isolate: number;
  readonly inv: number;
  readonly sinceNs: number;
  /** When this was true. */
  readonly atNs: number;
  /** CPU of the turn so far. */
  readonly cpuNs: number;
}

export type ControlReport =
  | RunsReport
  | { readonly k: 'beat' }
  | { readonly k: 'recalled'; readonly lane: number; readonly inv: number }
  | { readonly k: 'lost'; readonly lane: number; readonly how: Lost }
  | { readonly k: 'lane-died'; readonly lane: number; readonly message: string };

type Fields = Readonly<Record<string, unknown>>;
type Shape = Readonly<Record<string, 'number' | 'text' | 'logs' | 'notes' | 'lives' | readonly string[]>>;

const USAGE = {
  startedNs: 'number',
  endedNs: 'number',
  cpuNs: 'number',
  hostNs: 'number',
  heapBytes: 'number',
} as const;
const SAID = { name: 'text', message: 'text', stack: 'text' } as const;
/** `refused` is none of theirs: they have no code caches. */
const LANE_SHAPES: Readonly<Record<Exclude<LaneReport['k'], 'refused'>, Shape>> = {
  up: {},
  turn: { logs: 'logs', notes: 'notes' },
  loaded: {
    isolate: 'number',
    endedNs: 'number',
    initNs: 'number',
    cpuNs: 'number',
    heapBytes: 'number',
    logs: 'logs',
  },
  'load-failed': {
    isolate: 'number',
    endedNs: 'number',
    why: ['error', 'killed', 'memory', 'fault'],
    ...SAID,
    initNs: 'number',
    cpuNs: 'number',
    logs: 'logs',
  },
  gone: {
    isolate: 'number',
    inv: 'number',
    why: ['burned', 'killed', 'cpu', 'memory', 'fault'],
    message: 'text',
    ...USAGE,
    notes: 'notes',
    lives: 'lives',
    logs: 'logs',
  },
  returned: { inv: 'number' },
  skipped: { inv: 'number' },
  sick: { message: 'text' },
};
const CONTROL_SHAPES: Readonly<Record<ControlReport['k'], Shape>> = {
  runs: {
    lane: 'number',
    turn: 'number',
    isolate: 'number',
    inv: 'number',
    sinceNs: 'number',
    atNs: 'number',
    cpuNs: 'number',
  },
  beat: {},
  recalled: { lane: 'number', inv: 'number' },
  lost: { lane: 'number', how: ['wedged', 'parked'] satisfies readonly Lost[] },
  'lane-died': { lane: 'number', message: 'text' },
};

/** Throws `FrameError` for what no lane says. */
export function asLaneReport(message: Message): LaneReport {
  check(message, LANE_SHAPES as Readonly<Record<string, Shape>>);
  const { stray } = message as { stray?: unknown };
  if (stray !== undefined && stray !== null) matches(stray as Fields, SAID);
  return message as LaneReport;
}

/** Throws `FrameError` for what no warden says. */
export function asControlReport(message: Message): ControlReport {
  check(message, CONTROL_SHAPES as Readonly<Record<string, Shape>>);
  return message as ControlReport;
}

function check(message: Message, shapes: Readonly<Record<string, Shape>>): void {
  const shape = Object.hasOwn(shapes, message.k) ? shapes[message.k] : undefined;
  if (shape === undefined) throw new FrameError('a message is none that may come from there');
  matches(message as unknown as Fields, shape);
}

function matches(fields: Fields, shape: Shape): void {
  for (const key in shape)
    if (!suits(fields[key], shape[key]!)) throw new FrameError(`${key} is not what it should be`);
}

function suits(value: unknown, kind: Shape[string]): boolean {
  if (kind === 'number') return Number.isFinite(value) && (value as number) >= 0;
  if (kind === 'text') return typeof value === 'string';
  if (kind === 'logs') return value === null || (Array.isArray(value) && value.every(isLog));
  if (kind === 'notes') return value === null || (Array.isArray(value) && value.every(isNote));
  if (kind === 'lives') return Array.isArray(value) && value.every(isLive);
  return kind.includes(value as string);
}

function isNote(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { limit, used, reached } = value as Fields;
  return Object.hasOwn(LIMIT_RULES, String(limit)) && suits(used, 'number') && typeof reached === 'boolean';
}

function isLive(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { inv, startedNs, cpuNs, hostNs, notes } = value as Fields;
  return [inv, startedNs, cpuNs, hostNs].every((one) => suits(one, 'number')) && suits(notes, 'notes');
}

const LEVELS: ReadonlySet<unknown> = new Set(['debug', 'info', 'warn', 'error']);

function isLog(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { inv, level, text, epochMs } = value as Fields;
  return Number.isSafeInteger(inv) && LEVELS.has(level) && typeof text === 'string' && Number.isFinite(epochMs);
}
