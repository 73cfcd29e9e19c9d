/**
 * The global object as an event target: `addEventListener`, `onerror`, `reportError`. An error that no callback caught goes
 * to the listeners of `error` first; `preventDefault()`, or `onerror` that returns true, keeps it from being a stray one.
 * Rejections nobody handled are the host's to notice: no event tells of them.
 */
import { isObject, NativeTypeError, objectCreate, reflectApply } from './00-primordials.ts';
import { exposeFunction, lengthOf } from './04-globals.ts';
import { describe } from './08-errors.ts';
import { setReporter, uncaught } from './10-box.ts';
import { EventTarget, eventAttribute, fireTrusted, hasListeners } from './20-events.ts';
import { errorEvents } from './23-event-classes.ts';

// late: addEventListener() removeEventListener() dispatchEvent() reportError()

const target = new EventTarget();
const onGlobal = (name: 'addEventListener' | 'removeEventListener' | 'dispatchEvent', count: number): void => {
  const method = EventTarget.prototype[name] as (...args: unknown[]) => unknown;
  const forward = (...args: unknown[]): unknown => {
    if (name === 'addEventListener' && args[0] === 'fetch') {
      throw new NativeTypeError(
        "addEventListener('fetch', …) is the old service-worker form; export default { fetch(request, env, ctx) { … } }",
      );
    }
    return reflectApply(method, target, args);
  };
  exposeFunction(name, forward);
  lengthOf(forward, count);
};
onGlobal('addEventListener', 2);
onGlobal('removeEventListener', 2);
onGlobal('dispatchEvent', 1);

/** What `onerror` and the others on the global object read and write (25-on-error.ts). */
const attributes = objectCreate(null) as Record<string, unknown>;
eventAttribute(attributes, 'unhandledrejection', target);
eventAttribute(attributes, 'rejectionhandled', target);
export const globalHandler = (name: string): unknown => (name === 'onerror' ? onError : attributes[name]);
export const setGlobalHandler = (name: string, value: unknown): void => {
  if (name === 'onerror') onError = isObject(value) ? value : null;
  else attributes[name] = value;
};

let onError: unknown = null;
/** An error in a listener of `error` is not told to listeners of `error`. */
let reporting = false;
setReporter((error) => {
  if (reporting || (!hasListeners(target, 'error') && typeof onError !== 'function')) return false;
  reporting = true;
  try {
    const { message } = describe(error);
    const { ErrorEvent } = errorEvents();
    const event = new ErrorEvent('error', { cancelable: true, message, error });
    if (typeof onError === 'function') {
      try {
        const handled = reflectApply(onError as () => unknown, globalThis, [message, '', 0, 0, error]);
        if (handled === true) return true;
      } catch (again) {
        uncaught(again);
      }
    }
    return !fireTrusted(target, event);
  } finally {
    reporting = false;
  }
});

exposeFunction('reportError', (...args: unknown[]) => {
  if (args.length === 0) throw new NativeTypeError('reportError: 1 argument required');
  uncaught(args[0]);
});
