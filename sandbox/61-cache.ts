// biome-ignore-all lint/complexity/noArguments: WebIDL counts the arguments given
/**
 * caches and Cache: commands to the host, which keeps the entries of a tenant. What may not be cached is refused here
 * where it can be seen here; what HTTP forbids to keep is quietly not kept.
 */
import type { CacheItem, CacheOp } from '../src/contract/turn.ts';
import {
  defineProperty,
  indexOf,
  isArray,
  isObject,
  List,
  NativeError,
  NativePromise,
  NativeTypeError,
  own,
  quote,
  SafeMap,
  slice,
  startsWith,
  toLowerCase,
} from './00-primordials.ts';
import { enumerable } from './04-globals.ts';
import { current, emit, enter, type Invocation, takeWaiting, topLevel, type Waiting } from './10-box.ts';
import { rare } from './13-rare.ts';
import { arity, dictionary } from './43-webidl.ts';
import { trimHttp } from './44-mime.ts';
import { getHeader, HeaderState, hasHeader, wireHeaders } from './45-headers.ts';
import { contextOver } from './49-pipes.ts';
import { BodyState, EMPTY, isUnusable } from './50-body-state.ts';
import { RequestState } from './51-request-state.ts';
import { receiveBody, sendBody } from './53-wire-body.ts';
import { buildRequest, isRequest, type Request, requestState, wrapRequest } from './55-request.ts';
import { isResponse, type Response, ResponseState, responseState, wrapResponse } from './56-response.ts';
import { limitError, startFetch } from './60-fetch.ts';

export interface CacheEvent {
  readonly id: number;
  readonly done: boolean;
  readonly items: readonly CacheItem[];
}
/** A promise is resolved with it: nothing the guest put on a prototype may see it. */
class Answer {
  readonly done: boolean;
  readonly items: readonly CacheItem[];
  readonly inv: Invocation;
  readonly chunks: readonly Uint8Array[];
  constructor({ done, items }: CacheEvent, inv: Invocation, chunks: readonly Uint8Array[]) {
    this.done = done;
    this.items = items;
    this.inv = inv;
    this.chunks = chunks;
  }
}
Object.setPrototypeOf(Answer.prototype, null);

class Pending implements Waiting {
  readonly id: number;
  readonly inv: Invocation;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  constructor(id: number, inv: Invocation, resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.id = id;
    this.inv = inv;
    this.resolve = resolve;
    this.reject = reject;
    pending.set(id, this);
    inv.hold(this);
  }
  release(): void {
    pending.delete(this.id);
  }
}
Object.setPrototypeOf(Pending.prototype, null);

const pending = new SafeMap<number, Pending>();
let lastId = 0;

export const deliverCache = (event: CacheEvent, chunks: readonly Uint8Array[]): void => {
  const found = takeWaiting(pending, event.id);
  if (found === undefined) return;
  found.resolve(new Answer(event, found.inv, chunks));
};

export const deliverCacheError = (event: { readonly id: number; readonly message: string }): void => {
  const found = takeWaiting(pending, event.id);
  if (found === undefined) return;
  found.reject(own(event, 'limit') === true ? limitError(event.message) : new NativeTypeError(event.message));
};

interface Wanted {
  readonly cache: string;
  readonly request: RequestState | null;
  readonly options: number;
}

rare(
  'cache>',
  'Cache CacheStorage caches',
  (): { Cache: object; CacheStorage: object; caches: object } => {
    const nothing = (): void => {};

    /** Entries of `caches.default`, and of the cache of that name. */
    const DEFAULT = ':';
    const keyOf = (name: string): string => `=${name}`;

    const withoutFragment = (url: string): string => {
      const at = indexOf(url, '#');
      return at < 0 ? url : slice(url, 0, at);
    };

    const isHttp = (url: string): boolean => startsWith(url, 'https:') || startsWith(url, 'http:');

    const ask = (op: CacheOp, wanted: Wanted, response: ResponseState | null = null): Promise<Answer> =>
      new NativePromise((resolve, reject) => {
        const inv = current;
        if (inv === topLevel)
          throw new NativeError('caches can only be used inside a handler, not while the module is loading');
        if (inv.over) throw contextOver();
        const { request } = wanted;
        const id = ++lastId;
        let json = `{"c":"cache","id":${id},"inv":${inv.id},"op":"${op}","cache":${quote(wanted.cache)},"options":${wanted.options}`;
        json +=
          request === null
            ? ',"url":"","method":"GET","headers":""'
            : `,"url":${quote(withoutFragment(request.url))},"method":${quote(request.method)},"headers":${quote(wireHeaders(request.headers))}`;
        if (response !== null) {
          const body = sendBody(response.body, inv, nothing).json;
          const { status, statusText, headers } = response;
          json += `,"response":{"status":${status},"statusText":${quote(statusText)},"headers":${quote(wireHeaders(headers))},"body":${body}}`;
        }
        emit(`${json}}`);
        new Pending(id, inv, resolve, reject);
      });

    const requestOf = (input: unknown): RequestState =>
      isRequest(input) ? requestState(input as Request) : buildRequest(input, undefined);

    const optionsOf = (value: unknown): number => {
      const { ignoreMethod, ignoreSearch, ignoreVary } = dictionary(value, 'caches: the options');
      return (ignoreSearch ? 1 : 0) + (ignoreMethod ? 2 : 0) + (ignoreVary ? 4 : 0);
    };

    const responseOf = (item: CacheItem, { inv, chunks }: Answer): Response => {
      const headers = new HeaderState(item.headers);
      headers.immutable = true;
      const state = new ResponseState(headers, receiveBody(item.body, inv, chunks));
      state.status = item.status;
      state.statusText = item.statusText;
      state.url = item.url;
      return wrapResponse(state);
    };

    const requestFor = (item: CacheItem): Request => {
      const state = new RequestState(new HeaderState(item.headers), new BodyState());
      state.headers.immutable = true;
      state.url = item.url;
      return wrapRequest(state);
    };

    const list = <T>(answer: Answer, make: (item: CacheItem, answer: Answer) => T): T[] => {
      const made: T[] = [];
      for (let i = 0; i < answer.items.length; i++) {
        const value = make(answer.items[i] as CacheItem, answer);
        defineProperty(made, i, { value, writable: true, enumerable: true, configurable: true });
      }
      return made;
    };

    const first = (answer: Answer): Response | undefined =>
      answer.items.length === 0 ? undefined : responseOf(answer.items[0] as CacheItem, answer);

    /** What `put` refuses before anything crosses. */
    const checkPut = (request: RequestState, response: ResponseState): void => {
      const refuse = (why: string): never => {
        throw new NativeTypeError(`cache.put: ${why}`);
      };
      if (!isHttp(request.url)) refuse('only http: and https: URLs can be cached');
      if (request.method !== 'GET') refuse(`only GET requests can be cached, not ${slice(request.method, 0, 32)}`);
      if (hasHeader(request.headers, 'range')) refuse('a request with a range header cannot be cached');
      if (response.status === 206) refuse('a partial response (206) cannot be cached');
      if (response.status < 200) refuse('Response.error() cannot be cached');
      const vary = getHeader(response.headers, 'vary');
      if (vary !== null && hasStar(vary)) refuse('a response with "vary: *" cannot be cached');
      if (response.body.kind !== EMPTY && isUnusable(response.body)) {
        refuse('the response body was already read; put response.clone()');
      }
    };

    const hasStar = (vary: string): boolean => {
      let at = 0;
      while (at <= vary.length) {
        let end = indexOf(vary, ',', at);
        if (end < 0) end = vary.length;
        if (toLowerCase(trimHttp(slice(vary, at, end))) === '*') return true;
        at = end + 1;
      }
      return false;
    };

    const RAW = {};

    class Cache {
      readonly #key: string;
      constructor(token: unknown = undefined, key: unknown = undefined) {
        if (token !== RAW) throw new NativeTypeError('Illegal constructor; use caches.open(name) or caches.default');
        this.#key = key as string;
      }
      async match(input: unknown, options: unknown = undefined): Promise<Response | undefined> {
        const cache = this.#key;
        arity(arguments.length, 1, 'Cache.match');
        return first(await ask('match', { cache, request: requestOf(input), options: optionsOf(options) }));
      }
      async matchAll(input: unknown = undefined, options: unknown = undefined): Promise<Response[]> {
        const cache = this.#key;
        const request = input === undefined ? null : requestOf(input);
        return list(await ask('all', { cache, request, options: optionsOf(options) }), responseOf);
      }
      async keys(input: unknown = undefined, options: unknown = undefined): Promise<Request[]> {
        const cache = this.#key;
        const request = input === undefined ? null : requestOf(input);
        return list(await ask('keys', { cache, request, options: optionsOf(options) }), requestFor);
      }
      async put(input: unknown, response: unknown): Promise<void> {
        const cache = this.#key;
        arity(arguments.length, 2, 'Cache.put');
        const request = requestOf(input);
        if (!isResponse(response)) throw new NativeTypeError('cache.put: the second argument is not a Response');
        const state = responseState(response);
        checkPut(request, state);
        await ask('put', { cache, request, options: 0 }, state);
      }
      async delete(input: unknown, options: unknown = undefined): Promise<boolean> {
        const cache = this.#key;
        arity(arguments.length, 1, 'Cache.delete');
        return (await ask('delete', { cache, request: requestOf(input), options: optionsOf(options) })).done;
      }
      async add(input: unknown): Promise<void> {
        this.#key;
        arity(arguments.length, 1, 'Cache.add');
        await this.#fetch(input, current);
      }
      async addAll(inputs: unknown): Promise<void> {
        this.#key;
        const inv = current;
        arity(arguments.length, 1, 'Cache.addAll');
        if (!isObject(inputs)) throw new NativeTypeError('cache.addAll: the argument is not a list of requests');
        const wanted = new List<unknown>();
        if (isArray(inputs)) for (let i = 0; i < inputs.length; i++) wanted.push(inputs[i]);
        else for (const input of inputs as Iterable<unknown>) wanted.push(input);
        for (let i = 0; i < wanted.length; i++) await this.#fetch(wanted[i], inv);
      }
      async #fetch(input: unknown, inv: Invocation): Promise<void> {
        enter(inv);
        const request = requestOf(input);
        if (request.method !== 'GET') throw new NativeTypeError('cache.add: only GET requests can be cached');
        const response = responseState(await startFetch(request, null));
        if (response.status < 200 || response.status > 299) {
          throw new NativeTypeError(`cache.add: ${slice(request.url, 0, 200)} answered ${response.status}`);
        }
        checkPut(request, response);
        enter(inv);
        await ask('put', { cache: this.#key, request, options: 0 }, response);
      }
    }
    enumerable(Cache.prototype, ['match', 'matchAll', 'keys', 'put', 'delete', 'add', 'addAll']);

    class CacheStorage {
      readonly #default = new Cache(RAW, DEFAULT);
      constructor(token: unknown = undefined) {
        if (token !== RAW) throw new NativeTypeError('Illegal constructor');
      }
      get default(): Cache {
        return this.#default;
      }
      async open(name: unknown): Promise<Cache> {
        this.#default;
        arity(arguments.length, 1, 'CacheStorage.open');
        return new Cache(RAW, keyOf(`${name as string}`));
      }
      async match(input: unknown, options: unknown = undefined): Promise<Response | undefined> {
        this.#default;
        arity(arguments.length, 1, 'CacheStorage.match');
        const { cacheName } = dictionary(options, 'caches: the options');
        const cache = cacheName === undefined ? '' : keyOf(`${cacheName as string}`);
        return first(await ask('match', { cache, request: requestOf(input), options: optionsOf(options) }));
      }
      async has(name: unknown): Promise<boolean> {
        this.#default;
        arity(arguments.length, 1, 'CacheStorage.has');
        return (await ask('has', { cache: keyOf(`${name as string}`), request: null, options: 0 })).done;
      }
      async delete(name: unknown): Promise<boolean> {
        this.#default;
        arity(arguments.length, 1, 'CacheStorage.delete');
        return (await ask('drop', { cache: keyOf(`${name as string}`), request: null, options: 0 })).done;
      }
      async keys(): Promise<string[]> {
        this.#default;
        const answer = await ask('names', { cache: '', request: null, options: 0 });
        const names: string[] = [];
        for (let i = 0; i < answer.items.length; i++) {
          const key = (answer.items[i] as CacheItem).url;
          if (key === DEFAULT) continue;
          defineProperty(names, names.length, {
            value: slice(key, 1),
            writable: true,
            enumerable: true,
            configurable: true,
          });
        }
        return names;
      }
    }
    enumerable(CacheStorage.prototype, ['default', 'open', 'match', 'has', 'delete', 'keys']);
    return { Cache, CacheStorage, caches: new CacheStorage(RAW) };
  },
  '<cache',
);
