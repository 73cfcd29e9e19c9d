/** What `dev` prints, and that no function forges a line of it (catalogue 99). */
import { expect, it } from 'vitest';
import { DevLog } from '../../../src/cli/dev-log.ts';
import type { FunctionVersion } from '../../../src/contract/function.ts';
import type { InvocationStory } from '../../../src/contract/observer.ts';

interface Change {
  readonly record?: object;
  readonly invocation?: object;
  readonly logs?: InvocationStory['logs'];
  readonly limits?: InvocationStory['limits'];
  readonly problem?: InvocationStory['problem'];
}

const version = { spec: { name: 'a', limits: { cpuMs: 50, logBytes: 100 } } } as unknown as FunctionVersion;

/** Only what is read of it. */
function story({ record, invocation, ...rest }: Change): InvocationStory {
  const http = { method: 'GET', path: '/x', query: '' };
  return {
    invocation: { version, http, trigger: 'http', source: 'GET /x', depth: 0, acceptedNs: 1e6, ...invocation },
    record: { function: 'a', invocationId: 'i', outcome: 'ok', status: 200, cold: false, cpuNs: 1.25e6, ...record },
    logs: [],
    limits: [],
    problem: null,
    endedNs: 4e6,
    ...rest,
  } as unknown as InvocationStory;
}

function told(change: Change): readonly string[] {
  const lines: string[] = [];
  new DevLog((_, __, text) => lines.push(text)).settled(story(change));
  return lines;
}

it('tells of a request in one line', () => {
  expect(told({})).toEqual(['a  GET /x → 200 in 3 ms (CPU 1.3 ms)']);
  expect(told({ record: { cold: true }, invocation: { http: null, trigger: 'cron', source: '* * * * *' } })).toEqual([
    'a  cron * * * * * → 200 in 3 ms (CPU 1.3 ms, cold)',
  ]);
});

it('puts console output before its request, and lets none of it steer the terminal', () => {
  const logs = [{ level: 'warn' as const, text: 'one\n\u001b[2Jtwo', epochMs: 0 }];
  expect(told({ logs })[0]).toBe('a  warn: one\n         \\x1b[2Jtwo');
  expect(told({ invocation: { http: { method: 'GET', path: '/', query: 'a=\r\u0007' } } })[0]).toContain(
    '/?a=\\x0d\\x07 →',
  );
});

it('says what failed: the function’s own words, else what the outcome means', () => {
  const problem = { name: 'TypeError', message: 'm', stack: 'TypeError: m\n    at a.ts:1:2' };
  expect(told({ record: { outcome: 'function_error', status: 500 }, problem })).toEqual([
    'a  GET /x → 500 function_error in 3 ms (CPU 1.3 ms)',
    'a  failed: TypeError: m\n             at a.ts:1:2',
  ]);
  expect(told({ record: { outcome: 'cpu_exceeded', status: 503 } })[1]).toBe(
    'a  failed: The function used more CPU time than its limit (limits.cpuMs).',
  );
});

it('warns of limits with figure and remedy', () => {
  expect(told({ limits: [{ limit: 'cpuMs', used: 41.6, allowed: 50, reached: false }] })[1]).toBe(
    'a  warning: 42 of limits.cpuMs 50 is used; raise limits.cpuMs (up to 300000) or use less',
  );
});

it('tells of refusals and of lines outside invocations', () => {
  const lines: [string, string][] = [];
  const log = new DevLog((event, _, text) => lines.push([event, text]));
  log.shed(version, 'throttled');
  log.stray(version, { level: 'error', text: 'late', epochMs: 0 });
  expect(lines).toEqual([
    ['refused', 'a  refused: throttled'],
    ['console', 'a  error: late'],
  ]);
});
