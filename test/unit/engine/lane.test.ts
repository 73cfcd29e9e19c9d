/** The words a lane shares: claims are won by one side, a kill meets its own turn only, CPU is exact. */
import { describe, expect, it } from 'vitest';
import { LaneSlots } from '../../../src/engine/slots.ts';
import { threadCpuClock } from '../../../src/engine/thread-cpu.ts';

describe('claims', () => {
  it('are won by exactly one side', () => {
    const slots = new LaneSlots();
    slots.offer(3);
    expect(slots.claim(3)).toBe(true);
    expect(slots.takeBack(3)).toBe(false);
    expect(slots.claimed(3)).toBe(true);
    slots.release(3);
    slots.offer(3);
    expect(slots.takeBack(3)).toBe(true);
    expect(slots.claim(3)).toBe(false);
  });

  it('are seen through the shared memory', () => {
    const main = new LaneSlots();
    const thread = new LaneSlots(main.buffer);
    main.offer(0);
    expect(thread.claim(0)).toBe(true);
    expect(main.claimed(0)).toBe(true);
  });
});

describe('the running turn', () => {
  it('says who runs since when with what budget, and nothing once it has ended', () => {
    const slots = new LaneSlots();
    expect(slots.running()).toBeNull();
    const turn = slots.begin(7, { baseNs: 5, budgetNs: 100 }, 1000, 2000);
    expect(slots.running()).toEqual({ turn, isolate: 7, sinceNs: 1000, cpuBaseNs: 5, cpuBudgetNs: 100 });
    slots.end();
    expect(slots.running()).toBeNull();
    expect(slots.runningSinceNs()).toBe(0);
  });

  it('has a number of its own', () => {
    const slots = new LaneSlots();
    const first = slots.begin(1, { baseNs: 0, budgetNs: 1 }, 1, 1);
    const second = slots.begin(1, { baseNs: 0, budgetNs: 1 }, 1, 1);
    expect(second).not.toBe(first);
    expect(slots.end()).toBe(false);
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
