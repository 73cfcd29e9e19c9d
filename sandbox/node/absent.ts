/** Stands for what an isolate has not: it can be imported, passed on, extended and promisified, and throws by name when called. */

const sentence = (path: string, remedy: string): string =>
  `${path} is not available in an isolate${remedy === '' ? '' : `: ${remedy}`}`;

const fail = (path: string, remedy: string): never => {
  throw Object.assign(new Error(sentence(path, remedy)), {
    name: 'NotSupportedError',
    code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM',
  });
};

/** One function or class that is missing. */
export const missing = (path: string, remedy = ''): ((...args: never[]) => never) => {
  // No arrow: packages extend what is missing.
  function stand(): never {
    return fail(path, remedy);
  }
  return Object.defineProperty(stand, 'name', { value: path.slice(path.lastIndexOf('.') + 1) });
};

/**
 * A whole module: `known` members as they are, anything else throws when called. The bundler builds an ES namespace on the
 * prototype of `module.exports`, hence the proxy there. `then`, `__esModule` and symbols stay absent, so that nothing takes
 * it for a promise or an iterable.
 */
export const absent = (path: string, remedy: string, known: object = {}): unknown => {
  const get = (target: object, key: string | symbol): unknown => {
    if (Object.hasOwn(known, key)) return Reflect.get(known, key);
    if (key === 'default') return whole;
    if (key === Symbol.toPrimitive) return () => path;
    if (typeof key === 'symbol' || key === 'then' || key === '__esModule' || key === 'toJSON') return undefined;
    return key in target ? Reflect.get(target, key) : absent(`${path}.${key}`, remedy);
  };
  const stop = (): never => fail(path, remedy);
  const members = new Proxy(Object.create(null) as object, { get });
  const whole: unknown = new Proxy(function stand() {}, {
    get,
    has: (target, key) => Object.hasOwn(known, key) || key in target,
    apply: stop,
    construct: stop,
    getPrototypeOf: () => members,
  });
  return whole;
};
