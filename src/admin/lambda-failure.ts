/**
 * How a failed invocation of a Lambda handler is told to whoever invoked it with an event: `errorType`, `errorMessage`,
 * `trace`, in the words of AWS where it is the platform that speaks.
 */
import type { GuestProblem } from '../contract/engine-port.ts';
import type { FunctionSpec } from '../contract/function.ts';
import type { Outcome } from '../contract/outcome.ts';

export interface LambdaFailure {
  readonly errorType: string;
  readonly errorMessage: string;
  /** Absent where AWS has none. */
  readonly trace?: readonly string[];
}

export interface Failed {
  readonly outcome: Exclude<Outcome, 'ok'>;
  readonly problem: GuestProblem | null;
  readonly invocationId: string;
  readonly spec: Pick<FunctionSpec, 'limits'>;
}

export function lambdaFailure({ outcome, problem, invocationId, spec }: Failed): LambdaFailure {
  const platform = (errorType: string, text: string): LambdaFailure => ({
    errorType,
    errorMessage: `RequestId: ${invocationId} Error: ${text}`,
  });
  switch (outcome) {
    case 'function_error':
    case 'init_error':
    case 'subrequests_exceeded':
      return told(problem);
    case 'wall_timeout':
      return platform('Sandbox.Timedout', `Task timed out after ${(spec.limits.wallMs / 1000).toFixed(2)} seconds`);
    case 'memory_exceeded':
      return platform('Runtime.OutOfMemory', 'Runtime exited with error: signal: killed');
    case 'response_too_large':
      return {
        errorType: 'Function.ResponseSizeTooLarge',
        errorMessage: `Response payload size exceeded maximum allowed payload size (${spec.limits.responseBytes} bytes).`,
      };
    case 'cpu_exceeded':
    case 'payload_too_large':
    case 'crashed':
    case 'aborted':
    case 'client_closed':
      return platform('Runtime.ExitError', problem?.message ?? 'Runtime exited without providing a reason');
    default: {
      const never: never = outcome;
      return never;
    }
  }
}

function told(problem: GuestProblem | null): LambdaFailure {
  if (problem === null) return { errorType: 'Runtime.Unknown', errorMessage: 'Unknown', trace: [] };
  const { name, message, stack } = problem;
  return { errorType: escaped(name), errorMessage: escaped(message), trace: traceOf(escaped(stack)) };
}

/** The error's own head and frames: what a formatter put behind them (causes, members) is left out. */
function traceOf(stack: string): readonly string[] {
  if (stack === '') return [];
  const lines = stack.split('\n');
  const first = lines.findIndex((line) => line.startsWith('    at '));
  if (first < 0) return lines;
  const rest = lines.slice(first);
  const end = rest.findIndex((line) => !line.startsWith('    at '));
  const trace = [...lines.slice(0, first), ...(end < 0 ? rest : rest.slice(0, end))];
  return trace.map((line, index) => (index === trace.length - 1 ? line.replace(/ \{$/, '') : line));
}

/** As AWS has it. */
function escaped(text: string): string {
  return text.replaceAll('\x7f', '%7F');
}
