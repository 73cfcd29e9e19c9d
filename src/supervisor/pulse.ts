/**
 * Whether a host that has not been heard of is lost. Silence alone convicts nobody soon: a busy machine, a long garbage
 * collection or a slow disk look the same from here, so the operating system is asked what the host's main thread does.
 */
import type { RestartCause } from '../contract/host-wire.ts';
import type { Vitals } from './vitals.ts';

export interface PulseRules {
  /** A thread that the system holds still (SIGSTOP) is given up after so much silence. */
  readonly stoppedMs: number;
  /** One that computes: so much CPU it may use, more than a garbage collection takes. */
  readonly loopingMs: number;
  /** One that waits for something, or of which nothing is known. */
  readonly silentMs: number;
  /** One that would run if a processor were free. */
  readonly starvedMs: number;
}

export const PULSE_RULES: PulseRules = { stoppedMs: 400, loopingMs: 1000, silentMs: 3000, starvedMs: 15_000 };

/** From so much silence on the system is asked, so that there is a first reading to compare with. */
const NOTICE_MS = 150;
const STARVES = 0.5;

export class Pulse {
  readonly #rules: PulseRules;
  readonly #vitals: () => Vitals | null;
  #heardMs: number;
  #first: { readonly atMs: number; readonly vitals: Vitals | null } | null = null;

  constructor(rules: PulseRules, vitals: () => Vitals | null, nowMs: number) {
    this.#rules = rules;
    this.#vitals = vitals;
    this.#heardMs = nowMs;
  }

  /** When it was last heard of; monotonic ms. */
  get heardMs(): number {
    return this.#heardMs;
  }

  beat(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#first = null;
  }

  /** `null`: alive, or not known to be lost. `lagMs`: for so long the observer itself did not look. */
  judge(nowMs: number, lagMs: number): Extract<RestartCause, 'stopped' | 'looping' | 'silent'> | null {
    this.#heardMs += lagMs;
    const silenceMs = nowMs - this.#heardMs;
    if (silenceMs < NOTICE_MS) return null;
    this.#first ??= { atMs: nowMs, vitals: this.#vitals() };
    const { stoppedMs, loopingMs, silentMs, starvedMs } = this.#rules;
    if (silenceMs < Math.min(stoppedMs, loopingMs, silentMs)) return null;
    const now = this.#vitals();
    const { atMs, vitals: then } = this.#first;
    if (now === null || then === null) return silenceMs >= silentMs ? 'silent' : null;
    if (now.state === 'T') return silenceMs >= stoppedMs ? 'stopped' : null;
    const elapsedMs = Math.max(1, nowMs - atMs);
    if (now.cpuMs - then.cpuMs >= loopingMs - NOTICE_MS) return 'looping';
    if (now.queuedMs - then.queuedMs >= STARVES * elapsedMs) return silenceMs >= starvedMs ? 'silent' : null;
    return silenceMs >= silentMs ? 'silent' : null;
  }
}
