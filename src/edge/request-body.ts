/**
 * Request bodies: small ones are read whole before the function starts, others are pulled chunk by chunk while it
 * runs. Nothing is read before it is asked for, beyond the one buffer Node fills; nothing is kept beyond its limit.
 */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../contract/clock.ts';
import { type ByteStream, release } from '../contract/invocation.ts';

export type BodyFault = 'payload_too_large' | 'client_closed' | 'response_sent' | 'request_timeout' | 'overloaded';

const FAULTS: Readonly<Record<BodyFault, string>> = {
  payload_too_large: 'The request body is larger than the limit (limits.requestBytes).',
  client_closed: 'The client closed the connection before its request body was complete.',
  response_sent: 'The request body cannot be read after the response has been sent.',
  request_timeout: 'The request body did not arrive in time.',
  overloaded: 'Too many request bodies are being received.',
};

export class BodyError extends Error {
  readonly code: BodyFault;

  constructor(code: BodyFault) {
    super(FAULTS[code]);
    this.name = 'BodyError';
    this.code = code;
  }
}

interface Waiting {
  resolve(chunk: Uint8Array | null): void;
  reject(error: BodyError): void;
}

/**
 * Pulled by the guest. The head of the request has been checked; this checks what really comes. Its exchange says when
 * the client has gone.
 */
export class RequestStream implements ByteStream {
  readonly length: number | null;
  readonly #incoming: IncomingMessage;
  readonly #limit: number;
  /** Sends `100 Continue` if the client waits for it. */
  readonly #begin: () => void;
  #received = 0;
  #state: 'untouched' | 'open' | 'ended' | 'cancelled' | BodyError = 'untouched';
  #waiting: Waiting | null = null;

  constructor(incoming: IncomingMessage, length: number | null, limit: number, begin: () => void) {
    this.#incoming = incoming;
    this.length = length;
    this.#limit = limit;
    this.#begin = begin;
  }

  /** Somebody waits for bytes of the client. */
  get reading(): boolean {
    return this.#waiting !== null;
  }

  read(): Promise<Uint8Array | null> {
    if (this.#state instanceof BodyError) return Promise.reject(this.#state);
    if (this.#state === 'ended' || this.#state === 'cancelled') return Promise.resolve(null);
    if (this.#waiting !== null) return Promise.reject(new Error('A request body takes one read at a time.'));
    if (this.#state === 'untouched') this.#open();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#incoming.resume();
    });
  }

  cancel(): void {
    if (this.#state !== 'untouched' && this.#state !== 'open') return;
    this.#close('cancelled')?.resolve(null);
  }

  fail(code: BodyFault): void {
    if (this.#state !== 'untouched' && this.#state !== 'open') return;
    const error = new BodyError(code);
    this.#close(error)?.reject(error);
  }

  #open(): void {
    this.#state = 'open';
    this.#begin();
    this.#incoming.on('data', this.#data).on('end', this.#end);
  }

  readonly #data = (chunk: Buffer): void => {
    this.#incoming.pause();
    this.#received += chunk.length;
    if (this.#received > this.#limit) {
      this.fail('payload_too_large');
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve(chunk);
  };

  readonly #end = (): void => {
    this.#close('ended')?.resolve(null);
  };

  #close(state: 'ended' | 'cancelled' | BodyError): Waiting | null {
    this.#state = state;
    this.#incoming.off('data', this.#data).off('end', this.#end);
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting;
  }
}

/** Memory that bodies read whole may take together. */
export class BodyBudget {
  readonly #limit: number;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#limit) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export interface WholeRules {
  /** Bytes. */
  readonly limit: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly budget: BodyBudget;
}

/** The exact bytes, in an `ArrayBuffer` of their own; rejects with a `BodyError`. */
export function readWhole(incoming: IncomingMessage, rules: WholeRules): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const chunks: Buffer[] = [];
  let size = 0;
  const timer = rules.clock.after(rules.timeoutMs, () => finish('request_timeout'));
  const finish = (fault: BodyFault | null): void => {
    timer.cancel();
    rules.budget.give(size);
    incoming.off('data', onData).off('end', onEnd).off('close', onClose);
    if (fault === null) {
      resolve(joined(chunks, size));
    } else {
      incoming.pause();
      reject(new BodyError(fault));
    }
  };
  const onData = (chunk: Buffer): void => {
    if (size + chunk.length > rules.limit) {
      finish('payload_too_large');
      return;
    }
    if (!rules.budget.take(chunk.length)) {
      finish('overloaded');
      return;
    }
    size += chunk.length;
    chunks.push(chunk);
  };
  const onEnd = (): void => finish(null);
  const onClose = (): void => finish('client_closed');
  incoming.on('data', onData).on('end', onEnd).on('close', onClose);
  return promise;
}

function joined(chunks: readonly Buffer[], size: number): Uint8Array {
  const only = chunks[0];
  if (chunks.length === 1 && only !== undefined && only.buffer.byteLength === size) return only;
  const whole = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
    release(chunk);
  }
  return whole;
}
