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

/** What a request has to say to be answered from the cache. */
export interface CacheQuery {
  /** Absolute, without fragment. */
  readonly url: string;
  readonly method: string;
  readonly headers: HeaderList;
  readonly ignoreSearch: boolean;
  readonly ignoreMethod: boolean;
  readonly ignoreVary: boolean;
}

export interface StoredResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | null;
}

/** Of an entry beside its texts and its body. */
const OVERHEAD_BYTES = 512;

export class CacheEntry {
  readonly tenant: string;
  readonly cache: string;
  readonly url: string;
  readonly requestHeaders: HeaderList;
  readonly response: StoredResponse;
  readonly expiresMs: number;
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
    this.#varies = varyNames(stored.headers).map((name) => [name, headerOf(query.headers, name)]);
    this.bytes =
      OVERHEAD_BYTES +
      2 * (query.url.length + chars(query.headers) + chars(stored.headers)) +
      (stored.body === null ? 0 : stored.body.byteLength);
  }

  /** Whether it answers a request for its URL. */
  answers(query: CacheQuery): boolean {
    if (query.method !== 'GET' && !query.ignoreMethod) return false;
    return query.ignoreVary || this.#varies.every(([name, value]) => headerOf(query.headers, name) === value);
  }
}

/** Throws `CacheError` for what may not be put. */
export function checkPut(query: CacheQuery, status: number, headers: HeaderList): void {
  if (query.method !== 'GET') throw new CacheError(`cache.put takes GET requests, not ${query.method.slice(0, 32)}`);
  if (headerOf(query.headers, 'range') !== '') throw new CacheError('cache.put takes no request with a range header');
  if (status === 206) throw new CacheError('cache.put takes no partial response (206)');
  if (varyNames(headers).includes('*')) throw new CacheError('cache.put takes no response with "vary: *"');
}

/**
 * Epoch ms until which a response may be given out, after RFC 9111 for a shared cache; 0: it may not be kept. Without a
 * word about it, it stays until it is deleted or has to give way.
 */
export function keptUntil(headers: HeaderList, nowMs: number): number {
  // One client's cookie must not reach another.
  if (headerOf(headers, 'set-cookie') !== '') return 0;
  const control = headerOf(headers, 'cache-control').toLowerCase();
  if (/(?:^|[\s,])(?:no-store|no-cache|private)(?:$|[\s,=])/.test(control)) return 0;
  const age = /(?:^|[\s,])s-maxage="?(\d{1,10})/.exec(control) ?? /(?:^|[\s,])max-age="?(\d{1,10})/.exec(control);
  if (age !== null) return age[1] === '0' ? 0 : nowMs + Number(age[1]) * 1000;
  const expires = headerOf(headers, 'expires');
  if (expires === '') return Number.POSITIVE_INFINITY;
  const at = expires.endsWith(' GMT') ? Date.parse(expires) : 0;
  return at > nowMs ? at : 0;
}

/** All values of a header (name in lower case), "" for none. */
export function headerOf(headers: HeaderList, name: string): string {
  let found = '';
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]!.toLowerCase() === name) found = found === '' ? headers[i + 1]! : `${found}, ${headers[i + 1]!}`;
  }
  return found;
}

export function withoutSearch(url: string): string {
  const at = url.indexOf('?');
  return at < 0 ? url : url.slice(0, at);
}

function varyNames(headers: HeaderList): readonly string[] {
  const names = headerOf(headers, 'vary').toLowerCase().split(',');
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

function chars(headers: HeaderList): number {
  let sum = 0;
  for (const text of headers) sum += text.length;
  return sum;
}
