/**
 * One request and its response on a connection of undici's, by its dispatcher: its `fetch` makes a Request, a Response,
 * streams and abort controllers around each, which cost several times what they carry. What has arrived whole by the time
 * somebody looks is bytes, not a stream. Undoes one content coding; follows nothing, judges nothing.
 */
import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import type { Agent, Dispatcher } from 'undici';
import type { HeaderList } from '../../contract/invocation.ts';

/** Bytes that may wait for whoever reads them. */
const WAITING_BYTES = 64 * 1024;
/** Codings undone, by name. */
export const UNDONE: ReadonlySet<string> = new Set(['gzip', 'x-gzip', 'deflate', 'br', 'zstd']);

export interface CallRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
}

export interface CallResponse {
  readonly status: number;
  readonly statusText: string;
  /** Names in lower case, as they came. */
  readonly headers: HeaderList;
  /** `null`: by definition it has none. */
  readonly body: CallBody | null;
}

/** Values of a header, joined as a list; `null`: it is not there. */
export function headerOf(headers: HeaderList, name: string): string | null {
  let found: string | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) found = found === null ? headers[i + 1]! : `${found}, ${headers[i + 1]}`;
  }
  return found;
}

/** The content codings a response says it has, the outermost last. */
export function codingsOf(headers: HeaderList): readonly string[] {
  const codings = (headerOf(headers, 'content-encoding') ?? '').toLowerCase().split(',');
  return codings.map((coding) => coding.trim()).filter((coding) => coding !== '' && coding !== 'identity');
}

/** Resolves when the head is there; rejects with what the network said. `signal` ends it, its body too. */
export function call(request: CallRequest, agent: Agent, signal: AbortSignal): Promise<CallResponse> {
  return new Promise((resolve, reject) => {
    const { url, method, headers, body } = request;
    const handler = new CallBody(method, signal, resolve, reject);
    const path = `${url.pathname}${url.search}`;
    // As iterables are: undici's types know fewer of them than its code.
    const sent = body as Dispatcher.DispatchOptions['body'];
    const list = [...headers, ...usual(url, headers)];
    try {
      agent.dispatch(
        { origin: url.origin, path, method: method as Dispatcher.HttpMethod, headers: list, body: sent ?? null },
        handler,
      );
    } catch (error) {
      handler.onResponseError(null, error as Error);
    }
  });
}

/** What every client of the Fetch standard says unless the guest has said it. */
function usual({ protocol }: URL, headers: HeaderList): string[] {
  const said = new Set<string>();
  for (let i = 0; i < headers.length; i += 2) said.add(headers[i]!);
  const more = ['sec-fetch-mode', 'cors'];
  if (!said.has('accept')) more.push('accept', '*/*');
  if (!said.has('accept-language')) more.push('accept-language', '*');
  if (said.has('range')) more.push('accept-encoding', 'identity');
  else if (!said.has('accept-encoding'))
    more.push('accept-encoding', protocol === 'https:' ? 'br, gzip, deflate, zstd' : 'gzip, deflate');
  return more;
}

interface Waiting {
  resolve(chunk: Uint8Array | null): void;
  reject(error: Error): void;
}

export class CallBody implements Dispatcher.DispatchHandler {
  readonly #method: string;
  readonly #signal: AbortSignal;
  readonly #resolve: (response: CallResponse) => void;
  readonly #reject: (error: Error) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #hasHead = false;
  /** What arrives is read by nobody. */
  #isDumped = false;
  #coding: string | null = null;
  #unpacker: Transform | null = null;
  #queue: Uint8Array[] = [];
  #bytes = 0;
  #end: 'open' | 'eof' | Error = 'open';
  #waiting: Waiting | null = null;

  constructor(
    method: string,
    signal: AbortSignal,
    resolve: (response: CallResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.#method = method;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    signal.addEventListener('abort', this.#abort);
  }

  /** All of it, if it has arrived and is at most `most` bytes: then there is nothing left to read. */
  whole(most: number): Uint8Array | null {
    if (this.#end !== 'eof' || this.#unpacker !== null || this.#bytes > most) return null;
    const chunks = this.#queue;
    this.#queue = [];
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, this.#bytes);
  }

  read(): Promise<Uint8Array | null> {
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#bytes -= chunk.byteLength;
      if (this.#queue.length === 0) this.#resume();
      return Promise.resolve(chunk);
    }
    if (this.#end === 'eof') return Promise.resolve(null);
    if (this.#end !== 'open') return Promise.reject(this.#end);
    this.#resume();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  cancel(): void {
    this.#isDumped = true;
    this.#queue = [];
    if (this.#end === 'open') this.#abort();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#signal.aborted) this.#abort();
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusMessage: string = '',
  ): void {
    // Of informational ones the real one follows.
    if (status < 200) return;
    this.#hasHead = true;
    const headers = readRaw((controller.rawHeaders ?? []) as readonly (Buffer | string)[]);
    const bodiless = this.#method === 'HEAD' || status === 204 || status === 205 || status === 304;
    this.#isDumped = bodiless;
    const [coding] = codingsOf(headers);
    if (coding !== undefined && UNDONE.has(coding)) this.#coding = coding;
    this.#resolve({ status, statusText: statusMessage, headers, body: bodiless ? null : this });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isDumped) return;
    if (this.#coding === null) {
      this.#push(chunk);
      return;
    }
    this.#unpacker ??= this.#unpack(this.#coding, chunk);
    if (!this.#unpacker.write(chunk)) {
      controller.pause();
      this.#unpacker.once('drain', () => controller.resume());
    }
  }

  onResponseEnd(): void {
    if (this.#unpacker === null) this.#finish('eof');
    else this.#unpacker.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#hasHead) this.#finish(error);
    else {
      this.#end = error;
      this.#signal.removeEventListener('abort', this.#abort);
      this.#reject(error);
    }
  }

  #push(chunk: Uint8Array): void {
    const waiting = this.#waiting;
    if (waiting !== null) {
      this.#waiting = null;
      waiting.resolve(chunk);
      return;
    }
    this.#queue.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#bytes < WAITING_BYTES) return;
    if (this.#unpacker === null) this.#controller?.pause();
    else this.#unpacker.pause();
  }

  #resume(): void {
    if (this.#end !== 'open') return;
    if (this.#unpacker !== null) this.#unpacker.resume();
    else if (this.#controller?.paused === true) this.#controller.resume();
  }

  #unpack(coding: string, first: Buffer): Transform {
    const unpacker = unpackerOf(coding, first);
    unpacker.on('data', (chunk: Buffer) => this.#push(chunk));
    unpacker.once('end', () => this.#finish('eof'));
    unpacker.once('error', (error) => {
      this.#finish(error);
      this.#controller?.abort(error);
    });
    return unpacker;
  }

  readonly #abort = (): void => {
    const error = Object.assign(new Error('The operation was aborted'), { name: 'AbortError' });
    // Before it has a connection it is ended as soon as it gets one.
    this.#controller?.abort(error);
    if (!this.#hasHead) this.onResponseError(null, error);
    else this.#finish(error);
  };

  #finish(end: 'eof' | Error): void {
    if (this.#end !== 'open') return;
    this.#end = end;
    this.#signal.removeEventListener('abort', this.#abort);
    if (end !== 'eof') this.#unpacker?.destroy();
    const waiting = this.#waiting;
    this.#waiting = null;
    if (end === 'eof') waiting?.resolve(null);
    else waiting?.reject(end);
  }
}

function readRaw(raw: readonly (Buffer | string)[]): HeaderList {
  const list: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    list.push(latin1(raw[i]!).toLowerCase(), latin1(raw[i + 1]!));
  }
  return list;
}

function latin1(text: Buffer | string): string {
  return typeof text === 'string' ? text : text.toString('latin1');
}

/** Less strict than it might be, as browsers are: what servers leave out at the end is not missed. */
function unpackerOf(coding: string, first: Buffer): Transform {
  const flush = constants.Z_SYNC_FLUSH;
  switch (coding) {
    case 'deflate':
      // Some servers send it without its envelope.
      return (first[0]! & 0x0f) === 0x08
        ? createInflate({ flush, finishFlush: flush })
        : createInflateRaw({ flush, finishFlush: flush });
    case 'br':
      return createBrotliDecompress({
        flush: constants.BROTLI_OPERATION_FLUSH,
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
      });
    case 'zstd':
      return createZstdDecompress({
        flush: constants.ZSTD_e_continue,
        finishFlush: constants.ZSTD_e_end,
        params: { [constants.ZSTD_d_windowLogMax]: 23 },
      });
    default:
      return createGunzip({ flush, finishFlush: flush });
  }
}
