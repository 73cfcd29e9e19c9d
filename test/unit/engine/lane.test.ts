/** The words a lane shares: claims are won by one side, a kill meets its own turn only, CPU is exact. */
import { describe, expect, it } from 'vitest';
import { LaneSlots } from '../../../src/engine/slots.ts';
import { TurnCpu, threadCpuClock } from '../../../src/engine/thread-cpu.ts';

describe('claims', () => {
  it('are won by exactly one side', () => {
    const slots = new LaneSlots();
    expect(slots.claimed(3, 7)).toBe(false);
    expect(slots.claim(3, 7)).toBe(true);
    expect(slots.takeBack(3, 7)).toBe(false);
    expect(slots.claimed(3, 7)).toBe(true);
    expect(slots.takeBack(3, 8)).toBe(true);
    expect(slots.claim(3, 8)).toBe(false);
    expect(slots.claimed(3, 8)).toBe(false);
    expect(slots.claim(3, 9)).toBe(true);
  });

  it('are not won for an order whose place has passed to a later one', () => {
    const slots = new LaneSlots();
    expect(slots.takeBack(3, 8)).toBe(true);
    expect(slots.claim(3, 7)).toBe(false);
    expect(slots.claim(3, 8)).toBe(false);
    // The numbers have started again.
    const last = new LaneSlots();
    last.claim(3, 0x7fffff00);
    expect(last.claim(3, 5)).toBe(true);
  });

  it('are seen through the shared memory', () => {
    const main = new LaneSlots();
    const thread = new LaneSlots(main.buffer);
    expect(thread.claim(0, 5)).toBe(true);
    expect(main.claimed(0, 5)).toBe(true);
  });
});

describe('the running turn', () => {
  it('says who runs since when with what budget, and nothing once it has ended', () => {
    const slots = new LaneSlots();
    expect(slots.running()).toBeNull();
    const turn = slots.begin({ isolate: 7, inv: 4, handle: 7 }, { baseNs: 5, budgetNs: 100 }, 1000, 2000);
    expect(slots.running()).toEqual({
      turn,
      isolate: 7,
      inv: 4,
      ended: false,
      sinceNs: 1000,
      cpuBaseNs: 5,
      cpuBudgetNs: 100,
    });
    slots.end();
    expect(slots.running()).toBeNull();
    expect(slots.runningSinceNs()).toBe(0);
  });

  it('has a number of its own', () => {
    const slots = new LaneSlots();
    const first = slots.begin({ isolate: 1, inv: 0, handle: 1 }, { baseNs: 0, budgetNs: 1 }, 1, 1);
    const second = slots.begin({ isolate: 1, inv: 0, handle: 1 }, { baseNs: 0, budgetNs: 1 }, 1, 1);
    expect(second).not.toBe(first);
    expect(slots.end()).toBeNull();
  });
});

describe('threadCpuClock', () => {
  it('counts work of less than a tick, and not sleep', async () => {
    const cpu = threadCpuClock();
    const samples: number[] = [];
    for (let i = 0; i < 20; i++) {
      const before = cpu();
      let x = 0;
      for (let n = 0; n < 20_000; n++) x += n % 7;
      samples.push(cpu() - before);
      expect(x).toBeGreaterThan(0);
    }
    expect(samples.every((ns) => ns > 1000)).toBe(true);
    const before = cpu();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(cpu() - before).toBeLessThan(30e6);
  });
});

describe('CPU around turns', () => {
  /** A thread whose CPU readings are given. */
  const cpuOf = (...readings: number[]): TurnCpu =>
    new TurnCpu(() => {
      const reading = readings.shift();
      if (reading === undefined) throw new Error('read once too often');
      return reading;
    });

  it('is read twice for a turn alone, and once for one that follows closely', () => {
    const cpu = cpuOf(1000, 6000, 15_000);
    expect(cpu.used(cpu.begin(50_000), 56_000)).toBe(5000);
    // 2 µs between the two were the host's.
    expect(cpu.used(cpu.begin(58_000), 66_000)).toBe(7000);
  });

  it('is read anew where the thread may have slept in between', () => {
    const cpu = cpuOf(1000, 6000, 7000, 9000);
    cpu.used(cpu.begin(50_000), 56_000);
    expect(cpu.used(cpu.begin(90_000), 93_000)).toBe(2000);
  });

  it('is never less than nothing', () => {
    const cpu = cpuOf(1000, 6000, 7000);
    cpu.used(cpu.begin(50_000), 56_000);
    expect(cpu.used(cpu.begin(74_000), 75_000)).toBe(0);
  });
});
