/**
 * A response in the cache: whom it answers and until when. What the cache refuses is refused here, in a sentence the
 * guest may read; what HTTP says must not be kept is quietly not kept.
 */
import type { HeaderList } from '../../contract/invocation.ts';

/** A refusal the guest reads as a TypeError. */
export class CacheError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CacheError';
  }
}

/** `Cache` options of a request that asks. */
export interface CacheOptions {
  readonly ignoreSearch: boolean;
  readonly ignoreMethod: boolean;
  readonly ignoreVary: boolean;
}

/** A request as the cache looks at it. */
export class CacheQuery {
  /** Absolute, without fragment. */
  readonly url: string;
  readonly method: string;
  readonly headers: HeaderList;
  readonly options: CacheOptions;
  #values: ReadonlyMap<string, string> | null = null;

  constructor(url: string, method: string, headers: HeaderList, options: CacheOptions) {
    this.url = url;
    this.method = method;
    this.headers = headers;
    this.options = options;
  }

  /** All values of a header (name in lower case), "" for none. */
  header(name: string): string {
    this.#values ??= valuesOf(this.headers);
    return this.#values.get(name) ?? '';
  }
}

export interface StoredResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | null;
}

/** Most names in `vary`: each is compared for each entry of a URL. */
const MOST_VARY = 16;
/** Of an entry beside its texts and its body. */
const OVERHEAD_BYTES = 512;

export class CacheEntry {
  readonly tenant: string;
  readonly cache: string;
  readonly url: string;
  readonly requestHeaders: HeaderList;
  readonly response: StoredResponse;
  readonly expiresMs: number;
  /** Of its texts. */
  readonly chars: number;
  /** What it counts for. */
  readonly bytes: number;
  /** Bodies that are being read: their bytes stay counted when the entry is dropped. */
  readers = 0;
  dropped = false;
  readonly #varies: readonly (readonly [name: string, value: string])[];

  constructor(
    at: { readonly tenant: string; readonly cache: string },
    query: CacheQuery,
    stored: StoredResponse,
    expiresMs: number,
  ) {
    this.tenant = at.tenant;
    this.cache = at.cache;
    this.url = query.url;
    this.requestHeaders = query.headers;
    this.response = stored;
    this.expiresMs = expiresMs;
    this.#varies = varyNames(stored.headers).map((name) => [name, query.header(name)]);
    this.chars = query.url.length + chars(query.headers) + chars(stored.headers);
    this.bytes = OVERHEAD_BYTES + 2 * this.chars + (stored.body === null ? 0 : stored.body.byteLength);
  }

  /** Whether it answers a request for its URL. */
  answers(query: CacheQuery): boolean {
    const { ignoreMethod, ignoreVary } = query.options;
    if (query.method !== 'GET' && !ignoreMethod) return false;
    return ignoreVary || this.#varies.every(([name, value]) => query.header(name) === value);
  }
}

/** Throws `CacheError` for what may not be put. */
export function checkPut(query: CacheQuery, status: number, headers: HeaderList): void {
  if (query.method !== 'GET') throw new CacheError(`cache.put takes GET requests, not ${query.method.slice(0, 32)}`);
  if (query.header('range') !== '') throw new CacheError('cache.put takes no request with a range header');
  if (status === 206) throw new CacheError('cache.put takes no partial response (206)');
  const names = varyNames(headers);
  if (names.includes('*')) throw new CacheError('cache.put takes no response with "vary: *"');
  if (names.length > MOST_VARY) throw new CacheError(`cache.put takes a vary header of ${MOST_VARY} names`);
}

/**
 * Epoch ms until which a response may be given out, after RFC 9111 for a shared cache; 0: it may not be kept. Without a
 * word about it, it stays until it is deleted or has to give way.
 */
export function keptUntil(headers: HeaderList, nowMs: number): number {
  const values = valuesOf(headers);
  // One client's cookie must not reach another.
  if (values.has('set-cookie')) return 0;
  const control = (values.get('cache-control') ?? '').toLowerCase();
  if (/(?:^|[\s,])(?:no-store|no-cache|private)(?:$|[\s,=])/.test(control)) return 0;
  const age = /(?:^|[\s,])s-maxage="?(\d{1,10})/.exec(control) ?? /(?:^|[\s,])max-age="?(\d{1,10})/.exec(control);
  if (age !== null) return age[1] === '0' ? 0 : nowMs + Number(age[1]) * 1000;
  const expires = values.get('expires');
  if (expires === undefined) return Number.POSITIVE_INFINITY;
  const at = expires.endsWith(' GMT') ? Date.parse(expires) : 0;
  return at > nowMs ? at : 0;
}

function valuesOf(headers: HeaderList): Map<string, string> {
  const values = new Map<string, string>();
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    const before = values.get(name);
    values.set(name, before === undefined ? headers[i + 1]! : `${before}, ${headers[i + 1]!}`);
  }
  return values;
}

export function withoutSearch(url: string): string {
  const at = url.indexOf('?');
  return at < 0 ? url : url.slice(0, at);
}

function varyNames(headers: HeaderList): readonly string[] {
  const names = (valuesOf(headers).get('vary') ?? '').toLowerCase().split(',');
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

function chars(headers: HeaderList): number {
  let sum = 0;
  for (const text of headers) sum += text.length;
  return sum;
}
