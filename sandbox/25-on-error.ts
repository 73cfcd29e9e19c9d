/** `onerror` and its kind on the global object. What they hold, and everything that follows from it, is in the file before. */
import { defineProperty } from './00-primordials.ts';
import { globalHandler, setGlobalHandler } from './24-global-events.ts';

for (const name of ['onerror', 'onunhandledrejection', 'onrejectionhandled']) {
  defineProperty(globalThis, name, {
    get: () => globalHandler(name),
    set: (value: unknown) => setGlobalHandler(name, value),
    enumerable: true,
    configurable: true,
  });
}
