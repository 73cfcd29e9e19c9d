import { describe, expect, it } from 'vitest';
import { PULSE_RULES, Pulse } from '../../../src/supervisor/pulse.ts';
import type { Vitals } from '../../../src/supervisor/vitals.ts';

/** Judges every 25 ms until there is a verdict; `vitals` is what /proc says after so much silence. */
function silence(vitals: (ms: number) => Vitals | null, untilMs = 20_000) {
  let now = 0;
  const pulse = new Pulse(PULSE_RULES, () => vitals(now), 0);
  for (now = 25; now <= untilMs; now += 25) {
    const verdict = pulse.judge(now, 0);
    if (verdict !== null) return [verdict, now] as const;
  }
  return [null, now] as const;
}

describe('a host that is silent', () => {
  it('and held still by the system is lost at once', () => {
    expect(silence(() => ({ state: 'T', cpuMs: 5, queuedMs: 0 }))).toEqual(['stopped', PULSE_RULES.stoppedMs]);
  });

  it('and computing has as much CPU as a garbage collection may take, however long that is', () => {
    expect(silence((ms) => ({ state: 'R', cpuMs: ms, queuedMs: 0 }))).toEqual(['looping', PULSE_RULES.loopingMs]);
    const [verdict, ms] = silence((now) => ({ state: 'R', cpuMs: now / 4, queuedMs: (now * 3) / 4 }));
    expect(verdict).toBe('looping');
    expect(ms).toBeGreaterThan(3 * PULSE_RULES.loopingMs);
  });

  it('and waiting has longer: it may be a disk', () => {
    expect(silence(() => ({ state: 'D', cpuMs: 5, queuedMs: 0 }))).toEqual(['silent', PULSE_RULES.silentMs]);
  });

  it('and kept from every processor is waited for', () => {
    const verdict = silence((ms) => ({ state: 'R', cpuMs: ms * 0.05, queuedMs: ms * 0.95 }));
    expect(verdict).toEqual(['silent', PULSE_RULES.starvedMs]);
  });

  it('is judged by its silence where there is no /proc', () => {
    expect(silence(() => null)).toEqual(['silent', PULSE_RULES.silentMs]);
  });
});

it('does not hold against a host that its supervisor did not look', () => {
  const pulse = new Pulse(PULSE_RULES, () => ({ state: 'T', cpuMs: 0, queuedMs: 0 }), 0);
  expect(pulse.judge(25, 0)).toBeNull();
  expect(pulse.judge(2025, 1975)).toBeNull();
  expect(pulse.judge(2300, 0)).toBeNull();
  expect(pulse.judge(2400, 0)).toBe('stopped');
});

it('forgets a silence that ended', () => {
  const pulse = new Pulse(PULSE_RULES, () => ({ state: 'T', cpuMs: 0, queuedMs: 0 }), 0);
  expect(pulse.judge(375, 0)).toBeNull();
  pulse.beat(390);
  expect(pulse.judge(500, 0)).toBeNull();
  expect(pulse.judge(790, 0)).toBe('stopped');
});
