/** What a failed assertion throws. */
import { inspect } from 'node-inspect-extracted';
import { invalidArgType } from '../errors.ts';

export interface AssertionOptions {
  readonly message?: string | Error | undefined;
  readonly actual?: unknown;
  readonly expected?: unknown;
  readonly operator?: string;
  readonly stackStartFn?: (...args: never[]) => unknown;
}

const SENTENCES: Readonly<Record<string, string>> = {
  deepStrictEqual: 'Expected values to be strictly deep-equal:',
  partialDeepStrictEqual: 'Expected values to be partially and strictly deep-equal:',
  strictEqual: 'Expected values to be strictly equal:',
  deepEqual: 'Expected values to be loosely deep-equal:',
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
};
const LINES_MAX = 50;

const show = (value: unknown): string =>
  inspect(value, {
    compact: false,
    customInspect: false,
    depth: 1000,
    maxArrayLength: Number.POSITIVE_INFINITY,
    showHidden: false,
    sorted: true,
    getters: true,
  } as never);

/** Lines of both with the longest run they share in front and behind left plain. */
const difference = (actual: readonly string[], expected: readonly string[]): string => {
  let head = 0;
  while (head < actual.length && head < expected.length && actual[head] === expected[head]) head++;
  let tail = 0;
  while (
    tail < actual.length - head &&
    tail < expected.length - head &&
    actual.at(-1 - tail) === expected.at(-1 - tail)
  ) {
    tail++;
  }
  const lines = [
    ...actual.slice(0, head).map((line) => `  ${line}`),
    ...actual.slice(head, actual.length - tail).map((line) => `+ ${line}`),
    ...expected.slice(head, expected.length - tail).map((line) => `- ${line}`),
    ...actual.slice(actual.length - tail).map((line) => `  ${line}`),
  ];
  return lines.length <= LINES_MAX ? lines.join('\n') : [...lines.slice(0, LINES_MAX), '...'].join('\n');
};

/** These show the difference also under the caller's own words. */
const SHOWING = ['strictEqual', 'deepStrictEqual'];

const sentence = ({ actual, expected, operator = 'fail', message }: AssertionOptions): string => {
  if (message !== undefined && !SHOWING.includes(operator)) return String(message);
  const opening = message === undefined ? SENTENCES[operator] : String(message);
  if (operator === 'fail') return 'Failed';
  if (operator.startsWith('not') && opening !== undefined) {
    const lines = show(expected).split('\n');
    const [only = ''] = lines;
    if (lines.length === 1) return `${opening}${only.length > 5 ? '\n\n' : ' '}${only}`;
    return `${opening}\n\n${lines.join('\n')}\n`;
  }
  if (opening === undefined) return `${inspect(actual)} ${operator} ${inspect(expected)}`;
  const [left, right] = [show(actual).split('\n'), show(expected).split('\n')];
  const simple = (value: unknown): boolean =>
    (typeof value !== 'object' || value === null) && typeof value !== 'function';
  if (operator === 'strictEqual' && left.length === 1 && right.length === 1 && simple(actual) && simple(expected)) {
    return `${opening}\n\n${left[0]} !== ${right[0]}\n`;
  }
  return `${opening}\n+ actual - expected\n\n${difference(left, right)}\n`;
};

export class AssertionError extends Error {
  readonly code = 'ERR_ASSERTION';
  readonly generatedMessage: boolean;
  actual: unknown;
  expected: unknown;
  operator: string | undefined;
  constructor(options: AssertionOptions) {
    if (options === null || typeof options !== 'object') throw invalidArgType('options', 'Object', options);
    const { message } = options;
    super(sentence(options));
    this.generatedMessage = message === undefined;
    this.name = 'AssertionError';
    this.actual = options.actual;
    this.expected = options.expected;
    this.operator = options.operator;
    (Error as { captureStackTrace?: (at: object, from?: unknown) => void }).captureStackTrace?.(
      this,
      options.stackStartFn,
    );
    if (typeof this.stack === 'string')
      this.stack = this.stack.replace(/^AssertionError/, 'AssertionError [ERR_ASSERTION]');
  }
  override toString(): string {
    return `${this.name} [${this.code}]: ${this.message}`;
  }
}
