/** queueMicrotask. */
import { NativeTypeError } from './00-primordials.ts';
import { exposeFunction } from './04-globals.ts';
import { current, enter, type Invocation, limits, uncaught } from './10-box.ts';
import { inContext } from './14-context.ts';

// late: queueMicrotask()

/** A microtask that consults no promise machinery the guest can replace. */
const soon = async (run: () => void, inv: Invocation): Promise<void> => {
  await undefined;
  const was = enter(inv);
  try {
    run();
  } catch (error) {
    uncaught(error, inv);
  } finally {
    if (limits.concurrency > 1) enter(was);
  }
};

exposeFunction('queueMicrotask', (callback: unknown) => {
  if (typeof callback !== 'function') throw new NativeTypeError('queueMicrotask: the callback must be a function');
  soon(inContext(callback as () => void), current);
});
