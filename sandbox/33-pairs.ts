/** Lists of pairs as WebIDL has them: `sequence<pair>` or `record` inits, and iterators. */
import {
  defineProperty,
  IteratorPrototype,
  isArray,
  isObject,
  NativeTypeError,
  objectCreate,
  reflectDescriptor,
  reflectOwnKeys,
  SafeWeakMap,
  SYM_ITERATOR,
  SYM_TAG,
} from './00-primordials.ts';

// late:

export type IterKind = 'keys' | 'values' | 'entries';

/** Iterators of pair lists (params, headers, form data), each with the platform's prototype chain. */
export const pairIterator = (tag: string, pairAt: (self: object, i: number) => [unknown, unknown] | undefined) => {
  const state = new SafeWeakMap<object, { self: object; kind: IterKind; at: number }>();
  const proto = objectCreate(IteratorPrototype) as object;
  const { next } = {
    next(this: object): IteratorResult<unknown> {
      const it = state.get(this);
      if (it === undefined) throw new NativeTypeError(`next: not a ${tag}`);
      const pair = pairAt(it.self, it.at);
      if (pair === undefined) return { value: undefined, done: true };
      it.at++;
      return { value: it.kind === 'keys' ? pair[0] : it.kind === 'values' ? pair[1] : pair, done: false };
    },
  };
  defineProperty(proto, 'next', { value: next, writable: true, enumerable: true, configurable: true });
  defineProperty(proto, SYM_TAG, { value: tag, configurable: true });
  return (self: object, kind: IterKind): IterableIterator<unknown> => {
    const iterator = objectCreate(proto) as object;
    state.set(iterator, { self, kind, at: 0 });
    return iterator as IterableIterator<unknown>;
  };
};

type AddPair = (name: string, value: unknown, record: boolean) => void;

/** Reads a `sequence<pair>` or `record` init into `add`. Plain arrays are walked by index, other iterables by protocol. */
export const readPairs = (init: object, what: string, add: AddPair): void => {
  const addPair = (pair: unknown): void => {
    const items: unknown[] = [];
    if (isArray(pair)) for (let i = 0; i < pair.length && i < 3; i++) defineProperty(items, i, { value: pair[i] });
    else if (isObject(pair) && typeof (pair as Iterable<unknown>)[SYM_ITERATOR] === 'function') {
      let i = 0;
      for (const item of pair as Iterable<unknown>) defineProperty(items, i++, { value: item });
    } else throw new NativeTypeError(`${what}: each pair must be an iterable [name, value]`);
    if (items.length !== 2) throw new NativeTypeError(`${what}: each pair must be an iterable [name, value]`);
    add(`${items[0] as string}`, items[1], false);
  };
  if (isArray(init)) {
    for (let i = 0; i < init.length; i++) addPair(init[i]);
    return;
  }
  const iterate = (init as Partial<Iterable<unknown>>)[SYM_ITERATOR];
  if (iterate !== undefined && iterate !== null) {
    for (const pair of init as Iterable<unknown>) addPair(pair);
    return;
  }
  const names = reflectOwnKeys(init);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (!reflectDescriptor(init, name as string)?.enumerable) continue;
    if (typeof name === 'symbol') throw new NativeTypeError(`${what}: a name must not be a symbol`);
    add(name as string, (init as Record<string, unknown>)[name as string], true);
  }
};
