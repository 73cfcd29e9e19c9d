/** Uses of limits from figures alone: the shares, who ended what, and what a sample may not say. */
import { describe, expect, it } from 'vitest';
import { LIMIT_RULES, type LimitName, limitSentence } from '../../../src/contract/limits.ts';
import { OUTCOMES, type Outcome } from '../../../src/contract/outcome.ts';
import { MIB, NS_PER_MS } from '../../../src/contract/units.ts';
import { limitUses, type UseFacts } from '../../../src/dispatch/limit-uses.ts';
import { LIMITS } from '../../support/versions.ts';
import { aRecord } from '../telemetry/story.ts';

function uses(changes: Partial<UseFacts> & { record?: UseFacts['record'] } = {}) {
  return limitUses({
    limits: LIMITS,
    record: aRecord(),
    outcome: 'ok',
    notes: [],
    streamed: false,
    startedNs: 1e9,
    producedNs: 1e9 + 1000,
    endedNs: 1e9 + 2000,
    afterwards: false,
    loading: undefined,
    ...changes,
  });
}

const ms = (limit: LimitName, share: number): number => LIMITS[limit] * share * NS_PER_MS;

describe('limitUses', () => {
  it('says nothing of an ordinary invocation', () => {
    expect(uses()).toEqual({ uses: [], ended: null });
  });

  it.each([
    ['cpuMs', { record: aRecord({ cpuNs: ms('cpuMs', 0.8) }) }],
    ['initMs', { record: aRecord({ initNs: ms('initMs', 0.8) }) }],
    ['queueMs', { record: aRecord({ queueNs: ms('queueMs', 0.8) }) }],
    ['memoryMiB', { record: aRecord({ isolateMemoryPeakBytes: LIMITS.memoryMiB * 0.8 * MIB }) }],
    ['wallMs', { producedNs: 1e9 + ms('wallMs', 0.8), endedNs: 1e9 + ms('wallMs', 0.8) }],
    ['wallMs', { producedNs: null, endedNs: 1e9 + ms('wallMs', 0.8) }],
    ['waitUntilMs', { endedNs: 1e9 + ms('wallMs', 1) + ms('waitUntilMs', 0.8) }],
    ['subrequests', { record: aRecord({ subrequests: LIMITS.subrequests * 0.8 }) }],
    ['requestBytes', { record: aRecord({ requestBytes: LIMITS.requestBytes * 0.8 }) }],
    ['responseBytes', { record: aRecord({ responseBytes: LIMITS.responseBytes * 0.8 }) }],
    [
      'streamedResponseBytes',
      { streamed: true, record: aRecord({ responseBytes: LIMITS.streamedResponseBytes * 0.8 }) },
    ],
    ['logLines', { notes: [{ limit: 'logLines', used: 8000, reached: false }] }],
  ] as const)('warns of %s from 80 %% on', (limit, changes) => {
    const near = uses(changes);
    expect(near.uses.map((use) => [use.limit, use.reached])).toEqual([[limit, false]]);
    expect(near.ended).toBeNull();
  });

  it('has a limit for every outcome that one decides, used whole', () => {
    const decided: Partial<Record<Outcome, LimitName>> = {
      cpu_exceeded: 'cpuMs',
      memory_exceeded: 'memoryMiB',
      wall_timeout: 'wallMs',
      subrequests_exceeded: 'subrequests',
      payload_too_large: 'requestBytes',
      response_too_large: 'responseBytes',
    };
    for (const outcome of Object.keys(OUTCOMES) as Outcome[]) {
      const { ended } = uses({ outcome });
      expect([outcome, ended?.limit]).toEqual([outcome, decided[outcome]]);
      if (ended !== null) expect(ended.used).toBeGreaterThanOrEqual(ended.allowed);
      // The fixed sentence for the client names the same key.
      if (ended !== null) expect(OUTCOMES[outcome].message).toContain(`limits.${ended.limit}`);
    }
    expect(uses({ outcome: 'wall_timeout', afterwards: true }).ended?.limit).toBe('waitUntilMs');
    expect(uses({ outcome: 'response_too_large', streamed: true }).ended?.limit).toBe('streamedResponseBytes');
    expect(uses({ outcome: 'init_error', loading: 'initMs' }).ended?.limit).toBe('initMs');
  });

  it('the last note on a limit stands, and no limit is named twice', () => {
    const notes = [9000, 9500].map((used) => ({ limit: 'logLines' as const, used, reached: false }));
    expect(uses({ notes }).uses).toEqual([{ limit: 'logLines', used: 9500, allowed: 10_000, reached: false }]);
  });
});

it('a sentence names function, amount, limit and key', () => {
  expect(limitSentence('hello', { limit: 'cpuMs', used: 1011.2, allowed: 1000, reached: true })).toBe(
    'function `hello` used 1,012 ms of CPU, its limit is 1,000 ms (limits.cpuMs)',
  );
  for (const limit of Object.keys(LIMIT_RULES) as LimitName[]) {
    const text = limitSentence('f', { limit, used: 1_234_567, allowed: 10, reached: true });
    expect(text).toMatch(/^function `f` .*1,234,567 \w+.*, its limit is 10 \w+ \(limits\.\w+\)$/);
  }
});
