import { describe, expect, it } from 'vitest';
import { HostError } from '../../../src/contract/errors.ts';
import { Cron } from '../../../src/events/cron.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const entry = (schedule: string, timezone = 'UTC') => ({ schedule, timezone });
const MINUTE = 60_000;
const HOUR = 3_600_000;

function scene(...schedules: { schedule: string; timezone: string }[]) {
  const clock = new FakeClock(Date.parse('2026-11-30T12:00:00Z'));
  const runs: string[] = [];
  const cron = new Cron({
    clock,
    invoke: (name, _entry, at) => runs.push(`${name} ${new Date(at).toISOString().slice(5, 19)}`),
  });
  cron.set([{ name: 'f', cron: schedules }]);
  cron.start();
  return { clock, cron, runs };
}

describe('Cron', () => {
  it('runs each tick once, at its time', async () => {
    const { clock, runs } = scene(entry('*/5 * * * *'));
    await clock.advance(5 * MINUTE - 1);
    expect(runs).toEqual([]);
    await clock.advance(1);
    expect(runs).toEqual(['f 11-30T12:05:00']);
    await clock.advance(10 * MINUTE);
    expect(runs).toEqual(['f 11-30T12:05:00', 'f 11-30T12:10:00', 'f 11-30T12:15:00']);
  });

  it('reads schedules in their time zone', async () => {
    const { clock, runs } = scene(entry('30 9 * * *', 'America/New_York'));
    await clock.advance(24 * HOUR);
    expect(runs).toEqual(['f 11-30T14:30:00']);
  });

  it('reaches times further away than a timer can', async () => {
    const { clock, runs } = scene(entry('0 0 1 3 *'));
    await clock.advance(92 * 24 * HOUR);
    expect(runs).toEqual(['f 03-01T00:00:00']);
  });

  it('does not make up for ticks missed while the machine slept', async () => {
    const { clock, runs } = scene(entry('*/5 * * * *'));
    clock.step(3 * HOUR + MINUTE);
    await clock.advance(5 * MINUTE);
    expect(runs).toEqual(['f 11-30T15:05:00']);
  });

  it('runs no tick twice when the clock is set back', async () => {
    const { clock, runs } = scene(entry('* * * * *'));
    await clock.advance(MINUTE);
    clock.step(-2 * MINUTE);
    await clock.advance(4 * MINUTE);
    expect(runs).toEqual(['f 11-30T12:01:00', 'f 11-30T12:02:00', 'f 11-30T12:03:00']);
  });

  it('goes on when the clock had been wrong by much', async () => {
    const { clock, runs } = scene(entry('0 * * * *'));
    clock.step(400 * 24 * HOUR);
    await clock.advance(MINUTE);
    clock.step(-400 * 24 * HOUR);
    await clock.advance(HOUR);
    expect(runs).toEqual(['f 11-30T13:00:00']);
  });

  it('tries a tick again that was not run, until the next one is due', async () => {
    const { clock, cron, runs } = scene(entry('0 * * * *'));
    const tick = '11-30T13:00:00';
    const at = Date.parse('2026-11-30T13:00:00Z');
    await clock.advance(HOUR);
    cron.again('f', entry('0 * * * *'), at, 20 * MINUTE);
    await clock.advance(20 * MINUTE - 1);
    expect(runs).toEqual([`f ${tick}`]);
    await clock.advance(1);
    expect(runs).toEqual([`f ${tick}`, `f ${tick}`]);
    cron.again('f', entry('0 * * * *'), at, HOUR);
    await clock.advance(40 * MINUTE);
    cron.again('f', entry('0 * * * *'), at, MINUTE);
    cron.again('g', entry('0 * * * *'), at, MINUTE);
    await clock.advance(59 * MINUTE);
    expect(runs).toEqual([`f ${tick}`, `f ${tick}`, 'f 11-30T14:00:00']);
  });

  it('keeps its place over a reload, drops what is gone and takes up what is new', async () => {
    const { clock, cron, runs } = scene(entry('* * * * *'));
    await clock.advance(MINUTE);
    cron.set([{ name: 'f', cron: [entry('* * * * *')] }]);
    cron.set([
      { name: 'f', cron: [entry('* * * * *')] },
      { name: 'g', cron: [entry('*/2 * * * *')] },
    ]);
    await clock.advance(MINUTE);
    expect(runs).toEqual(['f 11-30T12:01:00', 'f 11-30T12:02:00', 'g 11-30T12:02:00']);
    cron.set([]);
    expect(clock.pending).toBe(0);
  });

  it('goes on where another one stopped: what fell due in between is run, and nothing before it', async () => {
    const { clock, cron, runs } = scene(entry('* * * * *'));
    cron.stop();
    await clock.advance(2 * MINUTE + 10_000);
    expect(runs).toEqual([]);
    cron.start(clock.epochMs() - 20_000);
    await clock.advance(0);
    expect(runs).toEqual(['f 11-30T12:02:00']);
    await clock.advance(MINUTE);
    expect(runs).toEqual(['f 11-30T12:02:00', 'f 11-30T12:03:00']);
  });

  it('stops, and holds no timer then', async () => {
    const { clock, cron, runs } = scene(entry('* * * * *'));
    cron.stop();
    expect(clock.pending).toBe(0);
    await clock.advance(HOUR);
    cron.start();
    await clock.advance(MINUTE);
    expect(runs).toEqual(['f 11-30T13:01:00']);
  });

  it('is inert until started', () => {
    const clock = new FakeClock();
    new Cron({ clock, invoke: () => undefined }).set([{ name: 'f', cron: [entry('* * * * *')] }]);
    expect(clock.pending).toBe(0);
  });

  it.each([entry('61 * * * *'), entry('whenever'), entry('* * * * *', 'Mars/Olympus')])(
    'refuses $schedule $timezone',
    (bad) => {
      expect(() => scene(bad)).toThrow(HostError);
      expect(() => scene(bad)).toThrow(/of function f is not understood/);
    },
  );
});
