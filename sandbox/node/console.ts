/** node:console: the global one; a Console of its own writes lines to the streams it is given. */
import { format } from 'node-inspect-extracted';

interface Sink {
  write(text: string): unknown;
}
const { console } = globalThis;
const {
  log,
  warn,
  dir,
  time,
  timeEnd,
  timeLog,
  trace,
  assert,
  clear,
  count,
  countReset,
  group,
  groupCollapsed,
  groupEnd,
  table,
  debug,
  info,
  dirxml,
  error,
} = console;

const lines =
  (sink: Sink) =>
  (...args: unknown[]) => {
    sink.write(`${format(...args)}\n`);
  };
export function Console(this: unknown, options: Sink & { stdout?: Sink; stderr?: Sink }, stderr?: Sink): unknown {
  const out = options.stdout ?? options;
  const err = options.stderr ?? stderr ?? out;
  const made = Object.create(new.target === undefined ? Console.prototype : new.target.prototype) as object;
  const [plain, loud] = [lines(out), lines(err)];
  return Object.assign(made, console, {
    debug: plain,
    dir: plain,
    error: loud,
    info: plain,
    log: plain,
    trace: loud,
    warn: loud,
  });
}
const quiet = (): void => {};

export {
  assert,
  clear,
  count,
  countReset,
  debug,
  dir,
  dirxml,
  error,
  group,
  groupCollapsed,
  groupEnd,
  info,
  log,
  quiet as context,
  quiet as createTask,
  quiet as profile,
  quiet as profileEnd,
  quiet as timeStamp,
  table,
  time,
  timeEnd,
  timeLog,
  trace,
  warn,
};
export default Object.assign(Object.create(console) as object, console, {
  Console,
  context: quiet,
  createTask: quiet,
  profile: quiet,
  profileEnd: quiet,
  timeStamp: quiet,
});
