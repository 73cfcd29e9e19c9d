/**
 * The host half of a guest's caches: carries out its commands on the store, as the tenant of the invocation that gave
 * them and no other. Each command is one of its subrequests.
 */
import { type Body, type ByteStream, isStream } from '../../contract/invocation.ts';
import type { CacheItem, TurnCommand, TurnEvent, WireBody } from '../../contract/turn.ts';
import { ProtocolError, readHeaders, wireHeaders } from '../commands.ts';
import type { Job } from '../job.ts';
import { type CacheEntry, CacheError, CacheQuery } from './cache-entry.ts';
import type { CachePlace, CacheStore } from './cache-store.ts';

export type CacheCommand = Extract<TurnCommand, { c: 'cache' }>;

export interface CachePorts {
  event(inv: number, event: TurnEvent, chunks: readonly Uint8Array[] | null): void;
  /** A body the guest sends. */
  hostBody(job: Job, body: WireBody, chunks: readonly Uint8Array[]): Body;
  /** A stream for the guest to read. */
  open(job: Job, stream: ByteStream): WireBody;
}

/** Bodies up to this many bytes, all items of an answer together, cross with it. */
const INLINE_BYTES = 64 * 1024;
const MAX_CHARS = 64 * 1024;
/** Of all items of an answer. */
const LISTED_CHARS = 1024 * 1024;
const IGNORE_SEARCH = 1;
const IGNORE_METHOD = 2;
const IGNORE_VARY = 4;

interface Answer {
  readonly done: boolean;
  readonly items: readonly CacheItem[];
  readonly chunks?: readonly Uint8Array[];
}
const DONE: Answer = { done: true, items: [] };

export class CacheDesk {
  readonly #store: CacheStore;
  readonly #ports: CachePorts;

  constructor(store: CacheStore, ports: CachePorts) {
    this.#store = store;
    this.#ports = ports;
  }

  /** Carries a command out; its answer, or why not, is an event of `job`. */
  obey(job: Job, command: CacheCommand, chunks: readonly Uint8Array[]): void {
    const { id } = command;
    const fail = (error: unknown): void => {
      if (job.settled) return;
      const message = error instanceof CacheError ? error.message : 'the response broke off on its way into the cache';
      this.#ports.event(job.inv, { e: 'cache-error', id, message }, null);
    };
    const answer = ({ done, items, chunks: sent }: Answer): void => {
      if (!job.settled) this.#ports.event(job.inv, { e: 'cache', id, done, items }, sent ?? null);
    };
    try {
      const given = this.#carryOut(job, command, chunks);
      if (given instanceof Promise) given.then(answer, fail);
      else answer(given);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      fail(error);
    }
  }

  #carryOut(job: Job, command: CacheCommand, chunks: readonly Uint8Array[]): Answer | Promise<Answer> {
    const { tenant } = job.invocation.version.spec;
    const place: CachePlace = { tenant, cache: command.cache };
    const store = this.#store;
    if (command.cache.length > MAX_CHARS) throw new CacheError('the name of a cache is too long');
    switch (command.op) {
      case 'match':
        return this.#found(job, command, command.cache === '' ? store.names(tenant) : [command.cache]);
      case 'all':
        return this.#give(job, command.url === '' ? store.all(place) : this.#every(place, queryOf(command)), true);
      case 'keys':
        return this.#give(job, command.url === '' ? store.all(place) : this.#every(place, queryOf(command)), false);
      case 'put':
        return this.#put(job, place, command, chunks);
      case 'delete':
        return { done: store.delete(place, queryOf(command)), items: [] };
      case 'has':
        return { done: store.has(place), items: [] };
      case 'drop':
        return { done: store.drop(place), items: [] };
      case 'names':
        return { done: true, items: store.names(tenant).map(named) };
      default:
        return command.op satisfies never;
    }
  }

  #every(place: CachePlace, query: CacheQuery): readonly CacheEntry[] {
    return this.#store.match(place, query, this.#store.bounds.listed);
  }

  /** The first entry in the first of `caches` that has one. */
  #found(job: Job, command: CacheCommand, caches: readonly string[]): Answer {
    const { tenant } = job.invocation.version.spec;
    const query = queryOf(command);
    for (const cache of caches) {
      const found = this.#store.match({ tenant, cache }, query, 1);
      if (found.length > 0) return this.#give(job, found, true);
    }
    return { done: false, items: [] };
  }

  #give(job: Job, entries: readonly CacheEntry[], bodies: boolean): Answer {
    const textChars = entries.reduce((sum, entry) => sum + entry.chars, 0);
    if (textChars > LISTED_CHARS) {
      throw new CacheError(`what is to be listed has more than ${LISTED_CHARS} characters; ask for a request`);
    }
    const chunks: Uint8Array[] = [];
    let room = INLINE_BYTES;
    const items = entries.map((entry): CacheItem => {
      const { status, statusText, headers, body } = entry.response;
      let wire: WireBody = null;
      if (bodies && body !== null) {
        if (body.byteLength <= room) {
          room -= body.byteLength;
          wire = { chunk: chunks.push(new Uint8Array(body)) - 1 };
        } else wire = this.#ports.open(job, this.#store.read(entry));
      }
      const shown = bodies ? headers : entry.requestHeaders;
      return { url: entry.url, headers: wireHeaders(shown), status, statusText, body: wire };
    });
    return { done: items.length > 0, items, chunks };
  }

  #put(job: Job, place: CachePlace, command: CacheCommand, chunks: readonly Uint8Array[]): Answer | Promise<Answer> {
    const { response } = command;
    if (response === undefined) throw new CacheError('there is no response to put');
    const query = queryOf(command);
    const headers = listOf(response.headers);
    const body = this.#ports.hostBody(job, response.body, chunks);
    const put = (bytes: Uint8Array | null): Answer => {
      const { status, statusText } = response;
      const stored = { status, statusText: statusText.slice(0, 256), headers, body: bytes };
      this.#store.put(place, query, stored);
      return DONE;
    };
    if (!isStream(body)) return put(body === null ? null : new Uint8Array(body));
    return this.#store.collect(place.tenant, body).then(put);
  }
}

function queryOf(command: CacheCommand): CacheQuery {
  if (command.url.length > MAX_CHARS) throw new CacheError(`the cache takes URLs of ${MAX_CHARS} characters`);
  const { options } = command;
  return new CacheQuery(command.url, command.method, listOf(command.headers), {
    ignoreSearch: (options & IGNORE_SEARCH) !== 0,
    ignoreMethod: (options & IGNORE_METHOD) !== 0,
    ignoreVary: (options & IGNORE_VARY) !== 0,
  });
}

function listOf(text: string): readonly string[] {
  if (text.length > MAX_CHARS) throw new CacheError(`the cache takes headers of ${MAX_CHARS} characters in all`);
  return readHeaders(text);
}

function named(name: string): CacheItem {
  return { url: name, headers: '', status: 0, statusText: '', body: null };
}
