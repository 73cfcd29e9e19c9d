/**
 * The host half of one isolate's `crypto.subtle`: it reads a call, asks what it may cost, and has Node's own WebCrypto do it
 * in the thread pool, one operation of an invocation after another. Results wait here for the lane, which delivers
 * them in a turn of their own; what comes too late for its invocation is dropped there.
 */
import { webcrypto } from 'node:crypto';
import { Keys } from './keys.ts';
import { type CryptoKey, Refusal, readArguments, writeResult } from './marshal.ts';
import { type Mark, Meter, type Spent } from './meter.ts';
import { encoded, refused } from './node/call.ts';
import { NodeCrypto } from './node/node-crypto.ts';
import { Places } from './places.ts';
import { acceptable, LONG_NS, MEASURED_NS, price } from './price.ts';
import { quickly } from './quick.ts';

const METHODS: ReadonlySet<string> = new Set([
  'digest',
  'generateKey',
  'importKey',
  'exportKey',
  'sign',
  'verify',
  'encrypt',
  'decrypt',
  'deriveBits',
  'deriveKey',
  'wrapKey',
  'unwrapKey',
  'getPublicKey',
  'encapsulateBits',
  'encapsulateKey',
  'decapsulateBits',
  'decapsulateKey',
]);
const EXCEPTIONS: ReadonlySet<string> = new Set([
  'TypeError',
  'NotSupportedError',
  'SyntaxError',
  'DataError',
  'OperationError',
  'InvalidAccessError',
  'InvalidStateError',
  'QuotaExceededError',
]);
const GENERIC = 'The operation failed for an operation-specific reason';
const MESSAGE_CHARS = 300;
/** Of one isolate: waiting or at work. */
const MOST_PENDING = 4096;
const MOST_BYTES = 64 * 1024 * 1024;
/** How long a full pool is waited on before it is asked again. */
const RETRY_MS = 1;

/** What all desks of a lane share. */
export class Workshop {
  readonly places: Places;
  readonly meter: Meter;
  /** Operations at work: the lane must not sleep where their results do not reach it. */
  working = 0;
  /** Whose operations found no place. */
  readonly waiting: Set<Desk> = new Set();

  constructor(memory: SharedArrayBuffer) {
    this.places = new Places(memory);
    this.meter = new Meter(this.places);
  }
}

export interface DeskPorts {
  /** Calls `retry` in `ms`: no place was free. */
  later(ms: number, retry: () => void): void;
  /** There are results to take. */
  done(): void;
}

interface Operation {
  readonly id: number;
  readonly inv: number;
  readonly run: () => Promise<unknown>;
  readonly bytes: number;
  readonly priceNs: number;
}

/** One finished operation. */
export interface Result {
  readonly inv: number;
  /** The event as JSON; its chunks count from 0. */
  readonly event: (firstChunk: number) => string;
  readonly chunks: readonly Uint8Array[];
  readonly spent: Spent;
}

type Method = (...args: unknown[]) => Promise<unknown>;

export class Desk {
  readonly keys: Keys = new Keys();
  readonly #shop: Workshop;
  readonly #ports: DeskPorts;
  /** By invocation: at work or waiting, in order. */
  readonly #queues: Map<number, Operation[]> = new Map();
  #node: NodeCrypto | null = null;
  readonly #begun: Set<Operation> = new Set();
  #results: Result[] = [];
  #last = 0;
  #pending = 0;
  #bytes = 0;
  #closed = false;

  constructor(shop: Workshop, ports: DeskPorts) {
    this.#shop = shop;
    this.#ports = ports;
  }

  /**
   * The number of an operation that has begun or waits. Or at once: a result as JSON (its bytes, if it has any, alone) or a
   * refusal, `"!<name>: <sentence>"`.
   */
  start(inv: number, op: string, json: string, chunks: readonly Uint8Array[]): number | string | boolean | Uint8Array {
    try {
      if (op === 'supports') return supports(readArguments(json, chunks, this.keys, inv));
      if (!METHODS.has(op)) throw new Refusal('NotSupportedError', 'the operation is not supported');
      const bytes = sizeOf(chunks);
      const args = readArguments(json, chunks, this.keys, inv);
      const priceNs = price(op, args, bytes);
      const quick = quickly(op, args, bytes);
      if (quick !== undefined) return this.#atOnce(quick, inv, bytes);
      const method = webcrypto.subtle[op as keyof webcrypto.SubtleCrypto] as unknown as Method;
      const run = (): Promise<unknown> => quietly(() => Reflect.apply(method, webcrypto.subtle, args));
      return this.#enqueue({ inv, run, bytes, priceNs });
    } catch (error) {
      return `!${wordsOf(error).join(': ')}`;
    }
  }

  /** The same for node:crypto (`node/node-crypto.ts`): at once, or `later` by number. */
  node(
    inv: number,
    call: { readonly op: string; readonly json: string; readonly later: boolean },
    chunks: readonly Uint8Array[],
  ): number | string | Uint8Array {
    const { op, json } = call;
    this.#node ??= new NodeCrypto();
    if (!call.later) return this.#node.now(op, json, chunks);
    try {
      const { priceNs, run } = this.#node.later(op, json, chunks);
      const bytes = sizeOf(chunks);
      return this.#enqueue({ inv, run: () => run().then(encoded, refused).then(plainBytes), bytes, priceNs });
    } catch (error) {
      return refused(error);
    }
  }

  #enqueue(asked: Omit<Operation, 'id'>): number {
    if (this.#pending >= MOST_PENDING || this.#bytes + asked.bytes > MOST_BYTES) {
      throw new Refusal(
        'QuotaExceededError',
        `crypto: at most ${MOST_PENDING} operations over ${MOST_BYTES} bytes may be pending; await between them`,
      );
    }
    this.#last = (this.#last + 1) & 0x3fffffff;
    const operation = { ...asked, id: this.#last };
    this.#pending += 1;
    this.#bytes += asked.bytes;
    const queue = this.#queues.get(asked.inv);
    if (queue === undefined) {
      this.#queues.set(asked.inv, [operation]);
      this.#begin(operation);
    } else queue.push(operation);
    return operation.id;
  }

  #atOnce(value: unknown, inv: number, bytes: number): string | boolean | Uint8Array {
    if (typeof value === 'boolean') return value;
    if (value instanceof ArrayBuffer) return new Uint8Array(value);
    return writeResult(value, (key) => this.keys.put(key, inv, 256 + bytes)).json;
  }

  /** What `inv` has started and not been told of. */
  owes(inv: number): boolean {
    return this.#queues.has(inv) || this.#results.some((one) => one.inv === inv);
  }

  /** What has finished since it was last asked. */
  take(): readonly Result[] {
    if (this.#results.length === 0) return this.#results;
    const results = this.#results;
    this.#results = [];
    return results;
  }

  /** Nobody waits for what `inv` has started any more. */
  forget(inv: number): void {
    const queue = this.#queues.get(inv);
    if (queue === undefined) return;
    // The first may be at work and cannot be stopped.
    for (const dropped of queue.splice(1)) this.#forgo(dropped);
  }

  close(): void {
    this.#closed = true;
    this.#shop.waiting.delete(this);
    for (const queue of this.#queues.values()) for (const dropped of queue.splice(1)) this.#forgo(dropped);
  }

  #forgo({ bytes }: Operation): void {
    this.#pending -= 1;
    this.#bytes -= bytes;
  }

  #begin(operation: Operation): void {
    const long = operation.priceNs >= LONG_NS;
    if (!this.#shop.places.take(long)) {
      // Places given back by this lane are seen at once, those of other lanes a little later.
      if (this.#shop.waiting.has(this)) return;
      this.#shop.waiting.add(this);
      this.#ports.later(RETRY_MS, () => this.retry());
      return;
    }
    this.#shop.working += 1;
    this.#work(operation, long, operation.priceNs >= MEASURED_NS ? this.#shop.meter.begin() : null);
  }

  /** There may be a place now. */
  retry(): void {
    if (!this.#shop.waiting.delete(this)) return;
    for (const [first] of [...this.#queues.values()]) {
      if (first !== undefined && !this.#begun.has(first)) this.#begin(first);
    }
  }

  async #work(operation: Operation, long: boolean, mark: Mark | null): Promise<void> {
    const { inv, run, priceNs } = operation;
    this.#begun.add(operation);
    const fromNs = performance.now() * 1e6;
    let value: unknown;
    let failure: unknown;
    let failed = false;
    try {
      value = await run();
    } catch (error) {
      failure = error;
      failed = true;
    }
    const { places, meter } = this.#shop;
    // What is quick is charged by its price, at most: measuring would cost more than the work.
    const mostNs = Math.round(Math.min(performance.now() * 1e6 - fromNs, priceNs));
    const spent = mark === null ? { mostNs, sureNs: 0 } : meter.end(mark);
    places.give(long);
    this.#shop.working -= 1;
    this.#begun.delete(operation);
    this.#forgo(operation);
    const queue = this.#queues.get(inv);
    queue?.shift();
    const next = queue?.[0];
    if (next === undefined) this.#queues.delete(inv);
    else this.#begin(next);
    for (const desk of [...this.#shop.waiting]) desk.retry();
    if (this.#closed) return;
    this.#results.push(failed ? failureOf(operation, failure, spent) : this.#resultOf(operation, value, spent));
    this.#ports.done();
  }

  #resultOf(operation: Operation, value: unknown, spent: Spent): Result {
    const { id, inv, bytes } = operation;
    try {
      const put = (key: CryptoKey): number => {
        acceptable(key);
        return this.keys.put(key, inv, 256 + bytes);
      };
      const { json, chunks } = writeResult(value, put);
      const event = (first: number): string => `{"e":"subtle","id":${id},"first":${first},"value":${json}}`;
      return { inv, event, chunks, spent };
    } catch (error) {
      return failureOf(operation, error, spent);
    }
  }
}

const sizeOf = (chunks: readonly Uint8Array[]): number => chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
const plainBytes = (answer: string | Uint8Array): string | ArrayBufferLike =>
  typeof answer === 'string' ? answer : answer.buffer;

/** Several results as one turn's events. */
export function delivery(results: readonly Result[]): { readonly json: string; readonly chunks: Uint8Array[] } {
  const chunks: Uint8Array[] = [];
  const events: string[] = [];
  for (const { event, chunks: own } of results) {
    events.push(event(chunks.length));
    chunks.push(...own);
  }
  return { json: events.join(','), chunks };
}

function failureOf({ id, inv }: Operation, error: unknown, spent: Spent): Result {
  const [name, message] = wordsOf(error).map((text) => JSON.stringify(text)) as [string, string];
  const event = (): string => `{"e":"subtle-error","id":${id},"name":${name},"message":${message}}`;
  return { inv, event, chunks: [], spent };
}

/** Name and sentence for the guest. What libraries say beyond WebCrypto's own exceptions stays here. */
function wordsOf(error: unknown): [name: string, message: string] {
  const known = error instanceof Refusal || error instanceof DOMException || isArgumentError(error);
  if (!known || !EXCEPTIONS.has(error.name)) return ['OperationError', GENERIC];
  return [error.name, error.message.slice(0, MESSAGE_CHARS)];
}

function isArgumentError(error: unknown): error is TypeError {
  if (!(error instanceof TypeError)) return false;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && code.startsWith('ERR_') && !code.startsWith('ERR_OSSL');
}

function supports(args: readonly unknown[]): boolean {
  const { SubtleCrypto } = globalThis as unknown as { SubtleCrypto?: { supports?(...args: unknown[]): boolean } };
  return quietly(() => SubtleCrypto?.supports?.(...args)) === true;
}

/** Node warns of each algorithm that is still experimental; guests would write to the host's log with it. */
function quietly<T>(call: () => T): T {
  const warn = process.emitWarning;
  process.emitWarning = () => undefined;
  try {
    return call();
  } finally {
    process.emitWarning = warn;
  }
}
