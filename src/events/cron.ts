/**
 * Runs functions on their schedules. croner only computes times; the Clock port decides when they have come. A tick
 * that was missed (the host was down, suspended or busy) is not made up for, and none runs twice, also when
 * the wall clock is set back a little. One whose function is quarantined is tried again until the next one is due.
 */
import { Cron as Schedule } from 'croner';
import type { Clock, Timer } from '../contract/clock.ts';
import { HostError } from '../contract/errors.ts';
import type { CronEntry } from '../contract/function.ts';

export interface CronOptions {
  readonly clock: Clock;
  /** Starts one run and does not wait for it. `scheduledEpochMs`: the time it was due. */
  readonly invoke: (functionName: string, entry: CronEntry, scheduledEpochMs: number) => void;
}

export interface CronFunction {
  readonly name: string;
  readonly cron: readonly CronEntry[];
}

interface Job {
  readonly functionName: string;
  readonly entry: CronEntry;
  readonly schedule: Schedule;
  /** The last tick that ran or was passed over; the next one is later than this. */
  lastMs: number;
  /** `null`: the schedule has no further time. */
  nextMs: number | null;
  /** When the last tick is tried again; `null`: it had its run. */
  againMs: number | null;
  /** Wall clock when `nextMs` was computed. */
  plannedMs: number;
}

/** Longest sleep: the wall clock may be set, the machine may be suspended, and timers end at 2^31 ms. */
const MAX_SLEEP_MS = 60_000;
/** A tick this late counts as missed. */
const GRACE_MS = 30_000;
const MIN_AGAIN_MS = 1_000;
/** A wall clock set back by more than this was wrong before: its ticks are planned anew instead of waited for. */
const CLOCK_FAULT_MS = 3_600_000;

export class Cron {
  readonly #options: CronOptions;
  #jobs: Map<string, Job> = new Map();
  #timer: Timer | null = null;
  #started = false;

  constructor(options: CronOptions) {
    this.#options = options;
  }

  /** Replaces the schedules. Those that stay keep their place, so a reload neither repeats nor skips a tick. */
  set(functions: readonly CronFunction[]): void {
    const nowMs = this.#options.clock.epochMs();
    const jobs: Map<string, Job> = new Map();
    for (const { name, cron } of functions) {
      for (const entry of cron) {
        const key = keyOf(name, entry);
        jobs.set(key, this.#jobs.get(key) ?? newJob(name, entry, nowMs));
      }
    }
    this.#jobs = jobs;
    this.#arm();
  }

  /** Ticks from `sinceMs` on, now when left out; what fell due before is missed, or was another's. */
  start(sinceMs: number = this.#options.clock.epochMs()): void {
    if (this.#started) return;
    this.#started = true;
    const nowMs = this.#options.clock.epochMs();
    for (const job of this.#jobs.values()) plan(job, Math.max(sinceMs, job.lastMs), nowMs);
    this.#arm();
  }

  /** The tick of `scheduledEpochMs` was not run: it is tried again after `afterMs`, unless the next one comes first. */
  again(functionName: string, entry: CronEntry, scheduledEpochMs: number, afterMs: number): void {
    const job = this.#jobs.get(keyOf(functionName, entry));
    if (job === undefined || job.lastMs !== scheduledEpochMs) return;
    job.againMs = this.#options.clock.epochMs() + Math.max(afterMs, MIN_AGAIN_MS);
    this.#arm();
  }

  stop(): void {
    this.#started = false;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #tick(): void {
    const nowMs = this.#options.clock.epochMs();
    for (const job of this.#jobs.values()) {
      if (nowMs < job.plannedMs - CLOCK_FAULT_MS) plan(job, nowMs, nowMs);
      const dueMs = job.nextMs;
      if (dueMs === null || dueMs > nowMs) {
        this.#retry(job, nowMs);
        continue;
      }
      // Planned before it runs: nothing that happens while it runs can make it due again.
      job.lastMs = dueMs;
      plan(job, Math.max(nowMs, dueMs), nowMs);
      if (nowMs - dueMs <= GRACE_MS) this.#options.invoke(job.functionName, job.entry, dueMs);
    }
    this.#arm();
  }

  #retry(job: Job, nowMs: number): void {
    if (job.againMs === null || job.againMs > nowMs) return;
    job.againMs = null;
    this.#options.invoke(job.functionName, job.entry, job.lastMs);
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = null;
    if (!this.#started || this.#jobs.size === 0) return;
    const nowMs = this.#options.clock.epochMs();
    let sleepMs = MAX_SLEEP_MS;
    for (const { nextMs, againMs } of this.#jobs.values()) {
      const dueMs = Math.min(nextMs ?? Infinity, againMs ?? Infinity);
      sleepMs = Math.min(sleepMs, Math.max(dueMs - nowMs, 0));
    }
    this.#timer = this.#options.clock.after(sleepMs, () => this.#tick());
  }
}

function keyOf(functionName: string, { schedule, timezone }: CronEntry): string {
  return JSON.stringify([functionName, schedule, timezone]);
}

function newJob(functionName: string, entry: CronEntry, nowMs: number): Job {
  const job: Job = {
    functionName,
    entry,
    schedule: parse(functionName, entry),
    lastMs: -1,
    nextMs: null,
    againMs: null,
    plannedMs: nowMs,
  };
  plan(job, nowMs, nowMs);
  return job;
}

function parse(functionName: string, entry: CronEntry): Schedule {
  try {
    const schedule = new Schedule(entry.schedule, { timezone: entry.timezone });
    // An unknown time zone shows only when it is used.
    schedule.nextRun();
    return schedule;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new HostError(
      'CONFIG_INVALID',
      `The schedule "${entry.schedule}" (${entry.timezone}) of function ${functionName} is not understood: ${reason}.`,
      { cause: error },
    );
  }
}

function plan(job: Job, afterMs: number, nowMs: number): void {
  job.nextMs = job.schedule.nextRun(new Date(afterMs))?.getTime() ?? null;
  job.plannedMs = nowMs;
  job.againMs = null;
}
