import { describe, expect, it } from 'vitest';
import { type Failed, lambdaFailure } from '../../../src/admin/lambda-failure.ts';
import { OUTCOMES } from '../../../src/contract/outcome.ts';
import { version } from '../../support/versions.ts';

const { spec } = version('f', { wallMs: 1500, responseBytes: 6_291_556 });
const failure = (outcome: Failed['outcome'], problem: Failed['problem'] = null) =>
  lambdaFailure({ outcome, problem, invocationId: 'id-1', spec });

describe('what an invoker of a Lambda handler is told', () => {
  it('is the error itself: its frames and nothing behind them, DEL escaped', () => {
    const stack =
      'Error: a\x7f\nb\n    at f (x.ts:1:2)\n    at g (x.ts:3:4) {\n  [cause]: Error: c\n      at h (x.ts:5:6)\n}';
    expect(failure('function_error', { name: 'Error', message: 'a\x7f\nb', stack })).toEqual({
      errorType: 'Error',
      errorMessage: 'a%7F\nb',
      trace: ['Error: a%7F', 'b', '    at f (x.ts:1:2)', '    at g (x.ts:3:4)'],
    });
    expect(failure('init_error', { name: 'string', message: 'x', stack: '' })).toEqual({
      errorType: 'string',
      errorMessage: 'x',
      trace: [],
    });
  });

  it('is in the words of AWS where a limit ended it', () => {
    expect(failure('wall_timeout')).toEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: 'RequestId: id-1 Error: Task timed out after 1.50 seconds',
    });
    expect(failure('memory_exceeded').errorMessage).toBe(
      'RequestId: id-1 Error: Runtime exited with error: signal: killed',
    );
    expect(failure('response_too_large')).toEqual({
      errorType: 'Function.ResponseSizeTooLarge',
      errorMessage: 'Response payload size exceeded maximum allowed payload size (6291556 bytes).',
    });
    expect(failure('aborted').errorMessage).toBe('RequestId: id-1 Error: Runtime exited without providing a reason');
  });

  it('has a type for every way to fail', () => {
    for (const outcome of Object.keys(OUTCOMES) as (keyof typeof OUTCOMES)[]) {
      if (outcome !== 'ok') expect(failure(outcome).errorType, outcome).toMatch(/^[A-Z]/);
    }
  });
});
