/**
 * What the supervisor and its host processes tell each other, as JSON over the IPC channel, and the beat a host sends
 * over a pipe of its own. Both sides read every message with the functions here: what does not fit is not obeyed. A
 * host runs code of strangers, so nothing it says can make the supervisor do more than replace that host.
 */
import type { Config } from './config.ts';
import { ERRORS, type ErrorCode } from './errors.ts';
import type { FunctionVersion } from './function.ts';

/** Why a host was replaced. */
export type RestartCause = 'crashed' | 'stopped' | 'looping' | 'silent' | 'sick' | 'memory';

export const RESTART_CAUSES: readonly RestartCause[] = ['crashed', 'stopped', 'looping', 'silent', 'sick', 'memory'];

/** How many hosts may serve at once. */
export const WORKERS = { min: 1, max: 64 } as const;

/** File descriptors of a supervised host; 0 to 2 are the usual ones. From `data` on: those of the accept queues. */
export const HOST_FDS = { ipc: 3, admin: 4, beat: 5, data: 6 } as const;

/**
 * How often a host has each queue's descriptor. A server closes its own when it stops accepting, and Node cannot copy
 * one: where there are several queues, a host may stand in for others some times and give the queue back.
 */
export function copiesOf(queues: number): number {
  return queues === 1 ? 1 : 4;
}

/** One that `copy` counts, of the queue `queue`. */
export function queueFd(queue: number, copy: number, queues: number): number {
  return HOST_FDS.data + copy * queues + queue;
}

/** What a host is among the others, as its supervisor sees it. */
export interface Standing {
  readonly role: HostRole;
  /** From 0; `null` while it serves nobody. */
  readonly worker: number | null;
  /** How many serve at once. */
  readonly workers: number;
  /** Booted and waiting. */
  readonly spares: number;
  /** Counts of hosts replaced since the supervisor started. */
  readonly restarts: Readonly<Record<RestartCause, number>>;
}

export type HostRole = 'single' | 'active' | 'spare' | 'retiring';

/** Of one process that serves alone. */
export const SINGLE: Standing = {
  role: 'single',
  worker: 0,
  workers: 1,
  spares: 0,
  restarts: { crashed: 0, stopped: 0, looping: 0, silent: 0, sick: 0, memory: 0 },
};

/** Supervisor to host. */
export type Order =
  | {
      readonly k: 'boot';
      readonly config: Config;
      /** What the first host published: a spare serves the same code, whatever the files say by then. */
      readonly versions: readonly FunctionVersion[] | null;
      readonly standing: Standing;
      /** Accept queues of the data plane: one, or one for each worker. */
      readonly queues: number;
    }
  | { readonly k: 'standing'; readonly standing: Standing }
  /** Listen. */
  | { readonly k: 'activate'; readonly standing: Standing }
  /** Accept from the queues of these places as well, which have no host, and no longer from others beside its own. */
  | { readonly k: 'cover'; readonly queues: readonly number[] }
  /** Run the schedules, from this time on. */
  | { readonly k: 'lead'; readonly sinceEpochMs: number }
  /** Take over what dead hosts left behind. `aborted`: host ids of those that died of a fault in native code. */
  | { readonly k: 'recover'; readonly aborted: readonly string[] }
  /** A host has died so: note from now on who is in a turn, so that the next one's culprit is known. */
  | { readonly k: 'guard' }
  /** What another host knows of functions that fall has changed: read it. */
  | { readonly k: 'quarantine' }
  /** Another one listens: accept nothing more, answer what comes on open connections and close them, finish, flush. */
  | { readonly k: 'retire'; readonly graceMs: number }
  /** The end of all: accept nothing more, finish what runs, flush. */
  | { readonly k: 'stop'; readonly graceMs: number };

/** An error as data. */
export interface Problem {
  /** `null`: not one that was written for people. */
  readonly code: ErrorCode | null;
  readonly message: string;
}

/** Host to supervisor. */
export type Report =
  | {
      readonly k: 'booted';
      readonly hostId: string;
      readonly adminTokenFile: string;
      readonly versions: readonly FunctionVersion[];
    }
  /** It cannot boot or listen, and ends. */
  | { readonly k: 'refused'; readonly problem: Problem }
  | { readonly k: 'serving'; readonly url: string; readonly adminUrl: string }
  /** It serves on, but should be replaced. */
  | { readonly k: 'sick'; readonly reason: string }
  /** What it knows of functions that fall has changed, and is on disk. */
  | { readonly k: 'quarantine' }
  /** It runs no schedule any more, since that time. */
  | { readonly k: 'unled'; readonly atEpochMs: number }
  /** All that ran has ended and is written: it may be killed. */
  | { readonly k: 'done'; readonly problem: Problem | null };

const ROLES: readonly string[] = ['single', 'active', 'spare', 'retiring'] satisfies readonly HostRole[];
const MAX_TEXT = 100_000;

/** `null`: not an order. */
export function readOrder(value: unknown): Order | null {
  if (!isRecord(value)) return null;
  const fits = ((): boolean => {
    switch (value['k'] as Order['k']) {
      case 'boot': {
        const { config, versions, standing, queues } = value;
        const published = versions === null || areVersions(versions);
        return isRecord(config) && published && isStanding(standing) && isNumber(queues) && queues >= 1;
      }
      case 'standing':
      case 'activate':
        return isStanding(value['standing']);
      case 'cover':
        return Array.isArray(value['queues']) && value['queues'].every(isNumber);
      case 'lead':
        return isNumber(value['sinceEpochMs']);
      case 'recover':
        return Array.isArray(value['aborted']) && value['aborted'].every(isText);
      case 'guard':
      case 'quarantine':
        return true;
      case 'retire':
      case 'stop':
        return isNumber(value['graceMs']);
      default:
        return false;
    }
  })();
  return fits ? (value as unknown as Order) : null;
}

/** `null`: not a report. */
export function readReport(value: unknown): Report | null {
  if (!isRecord(value)) return null;
  const fits = ((): boolean => {
    switch (value['k'] as Report['k']) {
      case 'booted':
        return isText(value['hostId']) && isText(value['adminTokenFile']) && areVersions(value['versions']);
      case 'refused':
        return isProblem(value['problem']);
      case 'serving':
        return isText(value['url']) && isText(value['adminUrl']);
      case 'sick':
        return isText(value['reason']);
      case 'quarantine':
        return true;
      case 'unled':
        return isNumber(value['atEpochMs']);
      case 'done':
        return value['problem'] === null || isProblem(value['problem']);
      default:
        return false;
    }
  })();
  return fits ? (value as unknown as Report) : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function isProblem(value: unknown): boolean {
  if (!isRecord(value) || !isText(value['message'])) return false;
  const { code } = value;
  return code === null || (typeof code === 'string' && Object.hasOwn(ERRORS, code));
}

function isStanding(value: unknown): boolean {
  if (!isRecord(value) || !isRecord(value['restarts'])) return false;
  const { role, worker, workers, spares, restarts } = value;
  const counted = RESTART_CAUSES.every((cause) => isNumber((restarts as Record<string, unknown>)[cause]));
  return (
    typeof role === 'string' &&
    ROLES.includes(role) &&
    (worker === null || isNumber(worker)) &&
    isNumber(workers) &&
    isNumber(spares) &&
    counted
  );
}

function areVersions(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => isRecord(one) && isRecord(one['spec']) && isText(one['key']));
}

/**
 * One beat: who sends it, how old the main loop's counter is (the beat thread knows it even while the loop is stuck),
 * how late the loop's timers were, how much memory is resident.
 */
export interface Beat {
  readonly from: 'loop' | 'thread';
  readonly ageMs: number;
  readonly delayMs: number;
  readonly rssMiB: number;
}

export const BEAT_BYTES = 16;
export const BEAT_MS = 50;

export function writeBeat({ from, ageMs, delayMs, rssMiB }: Beat): Uint8Array {
  const view = new DataView(new ArrayBuffer(BEAT_BYTES));
  view.setUint32(0, from === 'loop' ? 1 : 2);
  view.setUint32(4, Math.min(ageMs, 0xffff_ffff));
  view.setUint32(8, Math.min(delayMs, 0xffff_ffff));
  view.setUint32(12, Math.min(rssMiB, 0xffff_ffff));
  return new Uint8Array(view.buffer);
}

/** `null`: the bytes are no beat. */
export function readBeat(bytes: Uint8Array): Beat | null {
  if (bytes.byteLength !== BEAT_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, BEAT_BYTES);
  const from = view.getUint32(0);
  if (from !== 1 && from !== 2) return null;
  const ageMs = view.getUint32(4);
  return { from: from === 1 ? 'loop' : 'thread', ageMs, delayMs: view.getUint32(8), rssMiB: view.getUint32(12) };
}
