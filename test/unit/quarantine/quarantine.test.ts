/** Functions that fall (case 109): confined, quarantined, probed, lifted, on a clock the test turns. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fall } from '../../../src/contract/engine-port.ts';
import type { FunctionVersion } from '../../../src/contract/function.ts';
import { OUTCOMES, type Outcome } from '../../../src/contract/outcome.ts';
import type { QuarantineSnapshot } from '../../../src/contract/quarantine.ts';
import { MOST_WAIT_MS, QUIET_MS, STRIKES } from '../../../src/quarantine/case.ts';
import { Quarantine } from '../../../src/quarantine/quarantine.ts';
import { version } from '../../support/versions.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-01-01T00:00:00Z');

function world(initial?: QuarantineSnapshot, startMs: number = START) {
  const lines: string[] = [];
  const clock = { nowMs: startMs, changes: 0 };
  const quarantine = new Quarantine({
    epochMs: () => clock.nowMs,
    changed: () => {
      clock.changes += 1;
    },
    say: (_, sentence) => lines.push(sentence),
    ...(initial === undefined ? {} : { initial }),
  });
  const fall = (of: FunctionVersion, times = 1, how: Fall = 'wedged') => {
    for (let i = 0; i < times; i++) quarantine.strike(of, how);
  };
  return { quarantine, clock, lines, fall };
}

const bad = version('bad');

describe('realms', () => {
  it('follow isolation, and a fall leaves the others', () => {
    const { quarantine, fall } = world();
    const shared = version('a', {}, { tenant: 't' });
    const cordoned = version('b', {}, { tenant: 't', isolation: 'tenant' });
    const own = version('c', {}, { tenant: 't', isolation: 'process' });
    expect([shared, cordoned, own].map((of) => quarantine.realmOf(of))).toEqual(['', 'tenant:t', 'function:t/c']);
    fall(shared);
    fall(cordoned);
    expect([shared, cordoned].map((of) => quarantine.realmOf(of))).toEqual(['function:t/a', 'function:t/b']);
    expect(quarantine.realmOf(bad)).toBe('');
  });
});

describe('quarantine', () => {
  it('confines at the first fall and closes at the third', () => {
    const { quarantine, fall, lines, clock } = world();
    fall(bad);
    expect(quarantine.view(bad)).toMatchObject({ state: 'confined', strikes: 1, nextProbe: null });
    expect(quarantine.admit(bad)).toEqual({ kind: 'open' });
    fall(bad, 1, 'outgrown');
    expect(quarantine.admit(bad)).toEqual({ kind: 'open' });
    clock.nowMs += 500;
    fall(bad, 1, 'crashed');
    expect(quarantine.admit(bad)).toEqual({ kind: 'closed', retryAfterSeconds: 60 });
    expect(quarantine.view(bad)).toEqual({
      state: 'quarantined',
      strikes: 3,
      since: '2026-01-01T00:00:00.500Z',
      nextProbe: '2026-01-01T00:01:00.500Z',
      reason:
        'function `bad` brought its engine down 3 times, most recently (its process died) and is quarantined: its callers get 503, the next probe is let in from 2026-01-01T00:01:00.500Z on; a new version or the operator lifts it.',
    });
    expect(lines).toHaveLength(3);
    expect(lines[0]).toBe(
      'function `bad` brought its engine down (a turn ignored its end): it runs in an engine process of its own, and is quarantined after 3 falls.',
    );
    expect(quarantine.closed).toBe(1);
    expect(quarantine.admit(version('good'))).toEqual({ kind: 'open' });
  });

  it('lets one probe in after a minute, then after two, four, …, an hour', () => {
    const { quarantine, fall, clock } = world();
    fall(bad, 3);
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      const admission = quarantine.admit(bad);
      if (admission.kind !== 'closed') throw new Error(`round ${i} is ${admission.kind}`);
      waits.push(admission.retryAfterSeconds / 60);
      clock.nowMs += admission.retryAfterSeconds * 1000 - 1;
      expect(quarantine.admit(bad).kind).toBe('closed');
      clock.nowMs += 1;
      expect(quarantine.admit(bad).kind).toBe('probe');
      expect(quarantine.view(bad).state).toBe('probing');
      expect(quarantine.admit(bad).kind).toBe('closed');
      quarantine.probed(bad, 'crashed');
      fall(bad);
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  });

  it('opens after a probe that went well, in its own process, and closes for longer at the next fall', () => {
    const { quarantine, fall, clock } = world();
    fall(bad, 3);
    clock.nowMs += MINUTE;
    expect(quarantine.admit(bad).kind).toBe('probe');
    quarantine.probed(bad, 'ok');
    expect(quarantine.view(bad)).toMatchObject({ state: 'confined', nextProbe: null });
    expect(quarantine.admit(bad)).toEqual({ kind: 'open' });
    expect(quarantine.realmOf(bad)).toBe('function:default/bad');
    fall(bad);
    expect(quarantine.admit(bad)).toEqual({ kind: 'closed', retryAfterSeconds: 120 });
  });

  it.each(Object.keys(OUTCOMES) as Outcome[])('a probe that ends %s opens only if its isolate is whole', (outcome) => {
    const { quarantine, fall, clock } = world();
    fall(bad, 3);
    clock.nowMs += MINUTE;
    quarantine.admit(bad);
    quarantine.probed(bad, outcome);
    expect(quarantine.admit(bad).kind).toBe(OUTCOMES[outcome].isolate === 'kept' ? 'open' : 'closed');
  });

  it('a probe of which nothing ran was none: the next caller is one', () => {
    const { quarantine, fall, clock } = world();
    fall(bad, 3);
    clock.nowMs += MINUTE;
    quarantine.admit(bad);
    quarantine.probed(bad, null);
    expect(quarantine.admit(bad).kind).toBe('probe');
    quarantine.probed(bad, 'crashed');
    expect(quarantine.admit(bad)).toEqual({ kind: 'closed', retryAfterSeconds: 120 });
  });

  it('ends with the operator, who may say it twice, and with a new version', () => {
    const { quarantine, fall } = world();
    fall(bad, 3);
    expect(quarantine.admit({ ...bad, key: 'another' })).toEqual({ kind: 'open' });
    expect([quarantine.lift(bad), quarantine.lift(bad)]).toEqual([true, false]);
    expect(quarantine.view(bad)).toMatchObject({ state: 'ordinary', strikes: 0, reason: null });
    expect([quarantine.admit(bad).kind, quarantine.realmOf(bad)]).toEqual(['open', '']);
    fall(bad);
    expect(quarantine.view(bad).strikes).toBe(1);
  });

  it('forgets versions that are not live, and what they did', () => {
    const { quarantine, fall } = world();
    fall(bad, 3);
    const next = { ...bad, key: 'next' };
    quarantine.retain([next]);
    expect(quarantine.snapshot().cases).toEqual([]);
    fall(bad, 3);
    expect(quarantine.admit(next).kind).toBe('open');
    expect(quarantine.snapshot().cases).toEqual([]);
  });

  it('counts no strikes from before a quiet day, but stays confined; a quarantine does not run out', () => {
    const { quarantine, fall, clock } = world();
    fall(bad, 2);
    clock.nowMs += QUIET_MS + 1;
    expect(quarantine.view(bad)).toMatchObject({ state: 'confined', strikes: 0 });
    expect(quarantine.realmOf(bad)).toBe('function:default/bad');
    fall(bad, 2);
    expect(quarantine.admit(bad).kind).toBe('open');
    fall(bad);
    clock.nowMs += 10 * QUIET_MS;
    expect(quarantine.admit(bad).kind).toBe('probe');
    fall(bad);
    quarantine.probed(bad, 'crashed');
    expect(quarantine.admit(bad).kind).toBe('closed');
  });

  it('a clock that is set back keeps nobody waiting longer than the wait', () => {
    const { quarantine, fall, clock } = world();
    fall(bad, 3);
    clock.nowMs -= 30 * QUIET_MS;
    expect(quarantine.admit(bad)).toEqual({ kind: 'closed', retryAfterSeconds: 60 });
    clock.nowMs += MINUTE;
    expect(quarantine.admit(bad).kind).toBe('probe');
  });

  it('survives in its snapshot, also one taken with a probe under way', () => {
    const { quarantine, fall, clock } = world();
    fall(bad, 3);
    clock.nowMs += MINUTE;
    quarantine.admit(bad);
    const written = JSON.parse(JSON.stringify(quarantine.snapshot())) as QuarantineSnapshot;
    const next = world(written, clock.nowMs);
    next.quarantine.retain([bad]);
    // The host died of the probe: the next one is not due yet.
    expect(next.quarantine.admit(bad)).toEqual({ kind: 'closed', retryAfterSeconds: 120 });
    expect(next.quarantine.view(bad).state).toBe('quarantined');
  });

  it('takes over what another host learnt later, and nothing older', () => {
    const [here, there] = [world(), world()];
    here.fall(bad, 2);
    there.quarantine.absorb(here.quarantine.snapshot());
    there.fall(bad);
    here.quarantine.absorb(there.quarantine.snapshot());
    expect(here.quarantine.admit(bad).kind).toBe('closed');
    const stale = here.quarantine.snapshot();
    here.quarantine.lift(bad);
    here.quarantine.absorb(stale);
    expect(here.quarantine.admit(bad).kind).toBe('open');
    there.quarantine.absorb(here.quarantine.snapshot());
    expect(there.quarantine.admit(bad).kind).toBe('open');
  });
});

type Step =
  | { readonly do: 'fall'; readonly how: Fall }
  | { readonly do: 'call'; readonly outcome: Outcome | null }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'lift' | 'restart' };

const outcomes = fc.constantFrom<Outcome | null>(null, ...(Object.keys(OUTCOMES) as Outcome[]));
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('fall' as const), how: fc.constantFrom<Fall>('wedged', 'crashed', 'outgrown') }),
  fc.record({ do: fc.constant('call' as const), outcome: outcomes }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: -2 * QUIET_MS, max: 2 * QUIET_MS }) }),
  fc.record({ do: fc.constantFrom('lift' as const, 'restart' as const) }),
);

describe('whatever happens', () => {
  it('nobody waits more than an hour, one probe at a time, and who fell is never shared again by itself', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60 }), (list) => {
        let it = world();
        let falls = 0;
        let touched = false;
        for (const step of list) {
          switch (step.do) {
            case 'fall':
              it.fall(bad, 1, step.how);
              falls += 1;
              touched = true;
              break;
            case 'wait':
              it.clock.nowMs += step.ms;
              break;
            case 'lift':
              it.quarantine.lift(bad);
              falls = 0;
              touched = false;
              break;
            case 'restart':
              it = world(JSON.parse(JSON.stringify(it.quarantine.snapshot())) as QuarantineSnapshot, it.clock.nowMs);
              break;
            case 'call': {
              const first = it.quarantine.admit(bad);
              if (falls < STRIKES) expect(first.kind).toBe('open');
              if (first.kind === 'closed') {
                expect(first.retryAfterSeconds).toBeGreaterThanOrEqual(1);
                expect(first.retryAfterSeconds).toBeLessThanOrEqual(MOST_WAIT_MS / 1000);
                // It keeps its word: whoever comes back then gets in.
                it.clock.nowMs += first.retryAfterSeconds * 1000;
                expect(it.quarantine.admit(bad).kind).toBe('probe');
              }
              if (first.kind === 'open') break;
              expect(it.quarantine.admit(bad).kind).toBe('closed');
              it.quarantine.probed(bad, step.outcome);
              break;
            }
            default:
              step satisfies never;
          }
          expect(it.quarantine.realmOf(bad)).toBe(touched ? 'function:default/bad' : '');
          expect(it.quarantine.closed).toBe(it.quarantine.view(bad).nextProbe === null ? 0 : 1);
        }
      }),
      { numRuns: 300 },
    );
  });
});
