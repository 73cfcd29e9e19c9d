/**
 * The caches of all tenants of this host, in memory. What is least recently used gives way within a tenant; when the host's
 * own bound is reached, the tenant that holds most gives way, so nobody learns from its own entries what others do.
 */
import type { ByteStream } from '../../contract/invocation.ts';
import { MIB } from '../../contract/units.ts';
import {
  CacheEntry,
  CacheError,
  type CacheQuery,
  checkPut,
  keptUntil,
  type StoredResponse,
  withoutSearch,
} from './cache-entry.ts';

export interface CacheBounds {
  readonly tenantBytes: number;
  readonly hostBytes: number;
  readonly tenantEntries: number;
  /** Of one body. */
  readonly bodyBytes: number;
  /** Bodies of a tenant that are on their way into its caches. */
  readonly arrivingBytes: number;
  /** Names of caches of a tenant. */
  readonly names: number;
  /** Entries of one URL, by what `vary` names. */
  readonly variants: number;
  /** Most that `keys` and `matchAll` give. */
  readonly listed: number;
  /** Most entries of a path that are looked at for one command: it is the doors' thread that looks. */
  readonly searched: number;
}

export const CACHE_BOUNDS: CacheBounds = {
  tenantBytes: 64 * MIB,
  hostBytes: 256 * MIB,
  tenantEntries: 10_000,
  bodyBytes: 8 * MIB,
  arrivingBytes: 32 * MIB,
  names: 100,
  variants: 100,
  listed: 1000,
  searched: 1000,
};

/** `tenant`, and the name of one of its caches. */
export interface CachePlace {
  readonly tenant: string;
  readonly cache: string;
}

/** Entries by URL without search, then by URL. */
type Cache = Map<string, Map<string, CacheEntry[]>>;

interface Tenant {
  readonly caches: Map<string, Cache>;
  /** Least recently used first. */
  readonly order: Set<CacheEntry>;
  bytes: number;
  arriving: number;
}

const CHUNK_BYTES = 64 * 1024;

export class CacheStore {
  readonly bounds: CacheBounds;
  readonly #nowMs: () => number;
  readonly #tenants: Map<string, Tenant> = new Map();
  #bytes = 0;

  constructor(nowMs: () => number = Date.now, bounds: CacheBounds = CACHE_BOUNDS) {
    this.bounds = bounds;
    this.#nowMs = nowMs;
  }

  /** Bytes held for `tenant`, or for all. */
  bytes(tenant?: string): number {
    return tenant === undefined ? this.#bytes : (this.#tenants.get(tenant)?.bytes ?? 0);
  }

  /** The entries that answer, in the order in which they were put; at most `most`. */
  match(place: CachePlace, query: CacheQuery, most: number): readonly CacheEntry[] {
    const found: CacheEntry[] = [];
    for (const entry of this.#candidates(place, query)) {
      if (found.length >= most) break;
      if (entry.answers(query)) found.push(entry);
    }
    const order = this.#tenants.get(place.tenant)?.order;
    for (const entry of found) {
      order?.delete(entry);
      order?.add(entry);
    }
    return found;
  }

  /** All entries of a cache. */
  all(place: CachePlace): readonly CacheEntry[] {
    const found: CacheEntry[] = [];
    for (const entry of this.#entries(place)) {
      found.push(entry);
      if (found.length <= this.bounds.listed) continue;
      throw new CacheError(`the cache has more than ${this.bounds.listed} entries to list; ask for a request`);
    }
    return found;
  }

  delete(place: CachePlace, query: CacheQuery): boolean {
    let found = false;
    for (const entry of this.#candidates(place, query)) {
      if (!entry.answers(query)) continue;
      this.#drop(entry);
      found = true;
    }
    return found;
  }

  has(place: CachePlace): boolean {
    return this.#tenants.get(place.tenant)?.caches.has(place.cache) === true;
  }

  names(tenant: string): readonly string[] {
    return [...(this.#tenants.get(tenant)?.caches.keys() ?? [])];
  }

  /** Deletes a whole cache. */
  drop(place: CachePlace): boolean {
    const found = this.has(place);
    for (const entry of this.#entries(place)) this.#drop(entry);
    return found;
  }

  /** Puts a response whose body is whole, and nobody else's from now on. Throws `CacheError`. */
  put(place: CachePlace, query: CacheQuery, stored: StoredResponse): void {
    checkPut(query, stored.status, stored.headers);
    const { bounds } = this;
    if (stored.body !== null && stored.body.byteLength > bounds.bodyBytes) throw this.#tooLarge();
    const tenant = this.#tenant(place.tenant);
    if (!tenant.caches.has(place.cache) && tenant.caches.size >= bounds.names) {
      throw new CacheError(`there may be ${bounds.names} caches; delete one that is not needed any more`);
    }
    const entry = new CacheEntry(place, query, stored, keptUntil(stored.headers, this.#nowMs()));
    this.delete(place, query);
    if (entry.expiresMs === 0 || !this.#makeRoom(tenant, entry.bytes)) return;
    const entries = this.#slot(tenant, entry);
    if (entries.length >= bounds.variants) this.#drop(entries[0]!);
    this.#slot(tenant, entry).push(entry);
    tenant.order.add(entry);
    tenant.bytes += entry.bytes;
    this.#bytes += entry.bytes;
  }

  /** Reads a body that is to be put. Rejects with `CacheError` when it or all that arrive are too much. */
  async collect(tenantName: string, stream: ByteStream): Promise<Uint8Array> {
    const tenant = this.#tenant(tenantName);
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) {
        size += chunk.byteLength;
        tenant.arriving += chunk.byteLength;
        if (size > this.bounds.bodyBytes) throw this.#tooLarge();
        if (tenant.arriving > this.bounds.arrivingBytes) {
          throw new CacheError('too many responses are on their way into the cache; put fewer at once');
        }
        chunks.push(chunk);
      }
      const all = new Uint8Array(size);
      let at = 0;
      for (const chunk of chunks) {
        all.set(chunk, at);
        at += chunk.byteLength;
      }
      return all;
    } catch (error) {
      stream.cancel();
      throw error;
    } finally {
      tenant.arriving -= size;
    }
  }

  /** The body of an entry, for one reader. It stays counted until that has read it or gone away. */
  read(entry: CacheEntry): ByteStream {
    entry.readers += 1;
    return new StoredBody(entry.response.body!, () => {
      entry.readers -= 1;
      if (entry.dropped && entry.readers === 0) this.#release(entry);
    });
  }

  #tooLarge(): CacheError {
    return new CacheError(`a response in the cache may have a body of ${this.bounds.bodyBytes / MIB} MiB`);
  }

  #tenant(name: string): Tenant {
    let tenant = this.#tenants.get(name);
    if (tenant === undefined) {
      tenant = { caches: new Map(), order: new Set(), bytes: 0, arriving: 0 };
      this.#tenants.set(name, tenant);
    }
    return tenant;
  }

  /** Where an entry belongs. */
  #slot(tenant: Tenant, { cache, url }: CacheEntry): CacheEntry[] {
    const inCache = made(tenant.caches, cache, () => new Map<string, Map<string, CacheEntry[]>>());
    const atPath = made(inCache, withoutSearch(url), () => new Map<string, CacheEntry[]>());
    return made(atPath, url, () => []);
  }

  /** Fresh entries for the query's URL. */
  *#candidates(place: CachePlace, query: CacheQuery): Generator<CacheEntry> {
    const atPath = this.#tenants.get(place.tenant)?.caches.get(place.cache)?.get(withoutSearch(query.url));
    if (atPath === undefined) return;
    const lists = query.options.ignoreSearch ? atPath.values() : [atPath.get(query.url) ?? []];
    let looked = 0;
    for (const entries of lists) {
      looked += entries.length;
      if (looked > this.bounds.searched)
        throw new CacheError(`the path has more than ${this.bounds.searched} entries; ask without ignoreSearch`);
      for (const entry of [...entries]) if (this.#fresh(entry)) yield entry;
    }
  }

  /** Fresh entries of a whole cache. */
  *#entries(place: CachePlace): Generator<CacheEntry> {
    const cache = this.#tenants.get(place.tenant)?.caches.get(place.cache);
    if (cache === undefined) return;
    for (const atPath of cache.values()) {
      for (const entries of atPath.values()) for (const entry of [...entries]) if (this.#fresh(entry)) yield entry;
    }
  }

  #fresh(entry: CacheEntry): boolean {
    if (entry.expiresMs > this.#nowMs()) return true;
    this.#drop(entry);
    return false;
  }

  #makeRoom(tenant: Tenant, bytes: number): boolean {
    const { tenantBytes, tenantEntries, hostBytes } = this.bounds;
    while (tenant.bytes + bytes > tenantBytes || tenant.order.size >= tenantEntries) {
      if (!this.#dropOldest(tenant)) return false;
    }
    while (this.#bytes + bytes > hostBytes) {
      let most = tenant;
      for (const other of this.#tenants.values()) if (other.bytes > most.bytes && other.order.size > 0) most = other;
      if (!this.#dropOldest(most)) return false;
    }
    return true;
  }

  #dropOldest(tenant: Tenant): boolean {
    const [oldest] = tenant.order;
    if (oldest === undefined) return false;
    this.#drop(oldest);
    return true;
  }

  #drop(entry: CacheEntry): void {
    if (entry.dropped) return;
    entry.dropped = true;
    const tenant = this.#tenants.get(entry.tenant)!;
    tenant.order.delete(entry);
    const cache = tenant.caches.get(entry.cache)!;
    const path = withoutSearch(entry.url);
    const atPath = cache.get(path)!;
    const entries = atPath.get(entry.url)!;
    entries.splice(entries.indexOf(entry), 1);
    if (entries.length === 0) atPath.delete(entry.url);
    if (atPath.size === 0) cache.delete(path);
    if (cache.size === 0) tenant.caches.delete(entry.cache);
    if (entry.readers === 0) this.#release(entry);
  }

  #release(entry: CacheEntry): void {
    const tenant = this.#tenants.get(entry.tenant)!;
    tenant.bytes -= entry.bytes;
    this.#bytes -= entry.bytes;
  }
}

function made<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** Pieces of its own for each reader: what is stored is never handed out. */
class StoredBody implements ByteStream {
  readonly length: number;
  readonly #bytes: Uint8Array;
  #ended: (() => void) | null;
  #at = 0;

  constructor(bytes: Uint8Array, ended: () => void) {
    this.length = bytes.byteLength;
    this.#bytes = bytes;
    this.#ended = ended;
  }

  read(): Promise<Uint8Array | null> {
    const chunk = this.#bytes.slice(this.#at, this.#at + CHUNK_BYTES);
    this.#at += chunk.byteLength;
    if (chunk.byteLength === 0) this.cancel();
    return Promise.resolve(chunk.byteLength === 0 ? null : chunk);
  }

  cancel(): void {
    const ended = this.#ended;
    this.#ended = null;
    ended?.();
  }
}
