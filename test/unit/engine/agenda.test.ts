/** What a lane does at a time of its own. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Agenda } from '../../../src/engine/agenda.ts';

describe('an agenda', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1000 }));
  afterEach(() => void vi.useRealTimers());

  it('runs what is due, earliest first, and says how long until the next', () => {
    const agenda = new Agenda();
    const ran: string[] = [];
    const [a, b, c] = [{}, {}, {}];
    agenda.at(a, 1030, () => ran.push('a'));
    agenda.at(b, 1010, () => ran.push('b'));
    agenda.at(c, 1500, () => ran.push('c'));
    expect(agenda.waitMs(250)).toBe(10);
    vi.setSystemTime(1040);
    expect(agenda.waitMs(250)).toBe(0);
    agenda.runDue();
    expect(ran).toEqual(['b', 'a']);
    expect(agenda.waitMs(250)).toBe(250);
    expect(agenda.waitMs(1000)).toBe(460);
  });

  it('keeps one entry per owner, the last', () => {
    const agenda = new Agenda();
    const ran: string[] = [];
    const owner = {};
    agenda.at(owner, 1005, () => ran.push('first'));
    agenda.at(owner, 1020, () => ran.push('second'));
    vi.setSystemTime(1010);
    agenda.runDue();
    expect(ran).toEqual([]);
    vi.setSystemTime(1020);
    agenda.runDue();
    expect(ran).toEqual(['second']);
  });

  it('lets what runs cancel and add', () => {
    const agenda = new Agenda();
    const ran: string[] = [];
    const [a, b] = [{}, {}];
    agenda.at(a, 1001, () => {
      agenda.cancel(b);
      agenda.at(a, 1001, () => ran.push('again'));
    });
    agenda.at(b, 1002, () => ran.push('b'));
    vi.setSystemTime(1005);
    agenda.runDue();
    expect(ran).toEqual([]);
    agenda.runDue();
    expect(ran).toEqual(['again']);
    expect(agenda.waitMs(99)).toBe(99);
  });
});
