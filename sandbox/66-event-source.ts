// biome-ignore-all lint/complexity/noArguments: WebIDL counts the arguments given
/**
 * EventSource: server-sent events over the runtime's own fetch, so egress rules and limits.subrequests hold for every
 * connection it makes. It connects again by itself, and ends with the invocation that opened it.
 */
import {
  charCodeAt,
  exec,
  fromCharCode,
  indexOf,
  mathMin,
  NativePromise,
  reflectApply,
  slice,
  toNum,
} from './00-primordials.ts';
import { constant, enumerable } from './04-globals.ts';
import { current, enter, type Invocation, log } from './10-box.ts';
import { rare } from './13-rare.ts';
import { DOMException } from './15-dom-exception.ts';
import { Event, EventTarget, eventAttribute, fireTrusted } from './20-events.ts';
import { after } from './21-timers.ts';
import { type AbortSignal, abort, newSignal } from './22-abort.ts';
import { messageEvents } from './23-event-classes.ts';
import { utf8Encode } from './30-encoding.ts';
import { decodeWith, TextDecoder } from './32-text-coders.ts';
import { isUrl, parseParts, partOf, urlHref } from './36-url.ts';
import { arity, dictionary } from './43-webidl.ts';
import { extractMime } from './44-mime.ts';
import { getHeader, HeaderState } from './45-headers.ts';
import type { Source } from './49-pipes.ts';
import { BodyState, EMPTY, SOURCE } from './50-body-state.ts';
import { takeBytes } from './51-body-streams.ts';
import { RequestState } from './51-request-state.ts';
import { isLimitError } from './53-wire-body.ts';
import { type ResponseState, responseState } from './56-response.ts';
import { startFetch } from './60-fetch.ts';

rare(
  'event-source>',
  'EventSource',
  () => {
    const CONNECTING = 0;
    const OPEN = 1;
    const CLOSED = 2;
    /** Most characters of one event, and of one line. */
    const MOST_CHARS = 4 * 1024 * 1024;
    const RETRY_MS = 3000;
    const LONGEST_RETRY_MS = 3_600_000;
    const DIGITS = /^[0-9]+$/;

    interface Message {
      readonly type: string;
      readonly data: string;
      readonly lastEventId: string;
    }

    /** The event stream format, line by line. */
    class Parser {
      readonly #decoder = new TextDecoder('utf-8');
      readonly #message: (message: Message) => void;
      readonly #retry: (ms: number) => void;
      #rest = '';
      #afterCr = false;
      #type = '';
      #data = '';
      #has = false;
      #id: string;

      constructor(id: string, message: (message: Message) => void, retry: (ms: number) => void) {
        this.#id = id;
        this.#message = message;
        this.#retry = retry;
      }
      /** False once it holds more than it may. */
      feed(bytes: Uint8Array): boolean {
        const text = reflectApply(decodeWith, this.#decoder, [bytes, { __proto__: null, stream: true }]) as string;
        let from = 0;
        for (let i = 0; i < text.length; i++) {
          const code = charCodeAt(text, i);
          if (code !== 10 && code !== 13) continue;
          if (code === 10 && this.#afterCr && i === from && this.#rest === '') {
            this.#afterCr = false;
            from = i + 1;
            continue;
          }
          const line = this.#rest + slice(text, from, i);
          this.#rest = '';
          this.#afterCr = code === 13;
          from = i + 1;
          this.#line(line);
        }
        if (from < text.length) {
          this.#rest += slice(text, from);
          this.#afterCr = false;
        }
        return this.#rest.length + this.#data.length <= MOST_CHARS;
      }
      #line(line: string): void {
        if (line === '') {
          this.#dispatch();
          return;
        }
        const colon = indexOf(line, ':');
        if (colon === 0) return;
        const field = colon < 0 ? line : slice(line, 0, colon);
        const value = colon < 0 ? '' : slice(line, line[colon + 1] === ' ' ? colon + 2 : colon + 1);
        if (field === 'data') {
          this.#data += this.#has ? `\n${value}` : value;
          this.#has = true;
        } else if (field === 'event') this.#type = value;
        else if (field === 'id') {
          if (indexOf(value, '\0') < 0) this.#id = value;
        } else if (field === 'retry' && exec(DIGITS, value) !== null) this.#retry(toNum(value));
      }
      #dispatch(): void {
        const message = { type: this.#type === '' ? 'message' : this.#type, data: this.#data, lastEventId: this.#id };
        const has = this.#has;
        this.#type = '';
        this.#data = '';
        this.#has = false;
        if (has) this.#message(message);
        else this.#message({ type: '', data: '', lastEventId: this.#id });
      }
    }

    const next = (source: Source): Promise<Uint8Array | null> =>
      new NativePromise((resolve, reject) => {
        source.read((bytes, error, failed) => (failed ? reject(error) : resolve(bytes)));
      });

    const urlOf = (input: unknown): string => {
      const given = isUrl(input) ? urlHref(input) : `${input as string}`;
      const parts = parseParts(given, '');
      if (parts === null) {
        throw new DOMException(`EventSource: '${slice(given, 0, 200)}' is not an absolute URL`, 'SyntaxError');
      }
      return parts[partOf.HREF] as string;
    };

    /** Bytes as header values carry them. */
    const latin1 = (bytes: Uint8Array): string => {
      let text = '';
      for (let i = 0; i < bytes.length; i++) text += reflectApply(fromCharCode, undefined, [bytes[i]]) as string;
      return text;
    };

    const originOf = (url: string): string => {
      const end = indexOf(url, '/', indexOf(url, '//') + 2);
      return end < 0 ? url : slice(url, 0, end);
    };

    class EventSource extends EventTarget {
      readonly #url: string;
      readonly #withCredentials: boolean;
      readonly #inv: Invocation;
      #state = CONNECTING;
      #lastId = '';
      #retryMs = RETRY_MS;
      #signal: AbortSignal = newSignal();
      #source: Source | null = null;

      constructor(url: unknown, init: unknown = undefined) {
        super();
        arity(arguments.length, 1, 'EventSource');
        const { withCredentials } = dictionary(init, 'EventSource');
        this.#url = urlOf(url);
        this.#withCredentials = !!withCredentials;
        this.#inv = current;
        this.#run();
      }
      get url(): string {
        return this.#url;
      }
      get withCredentials(): boolean {
        return this.#withCredentials;
      }
      get readyState(): number {
        return this.#state;
      }
      close(): void {
        if (this.#state === CLOSED) return;
        this.#state = CLOSED;
        abort(this.#signal, undefined);
        this.#source?.cancel();
      }
      async #run(): Promise<void> {
        try {
          const response = await this.#connect();
          if (this.#state === CLOSED) return;
          enter(this.#inv);
          const type = extractMime(getHeader(response.headers, 'content-type'));
          if (response.status !== 200 || type?.essence !== 'text/event-stream') {
            if (response.body.kind === SOURCE) (response.body.source as Source).cancel();
            this.#fail(`the server answered ${response.status}, ${type?.essence ?? 'without a content-type'}`);
            return;
          }
          this.#state = OPEN;
          this.#fire(new Event('open'));
          await this.#read(response);
        } catch (error) {
          if (this.#isOver()) return;
          if (isLimitError(error)) {
            this.#fail('limits.subrequests is used up');
            return;
          }
        }
        this.#again();
      }
      #isOver(): boolean {
        return this.#state === CLOSED || this.#inv.over;
      }
      async #connect(): Promise<ResponseState> {
        let headers = 'accept\ntext/event-stream\ncache-control\nno-store';
        if (this.#lastId !== '') headers += `\nlast-event-id\n${latin1(utf8Encode(this.#lastId))}`;
        const request = new RequestState(new HeaderState(headers), new BodyState());
        request.url = this.#url;
        request.signal = this.#signal;
        enter(this.#inv);
        return responseState(await startFetch(request, null));
      }
      async #read(response: ResponseState): Promise<void> {
        const origin = originOf(response.url);
        const parser = new Parser(
          this.#lastId,
          (message) => this.#deliver(message, origin),
          (ms) => {
            this.#retryMs = mathMin(ms, LONGEST_RETRY_MS);
          },
        );
        const { body } = response;
        if (body.kind === EMPTY) return;
        if (body.kind !== SOURCE) {
          parser.feed(await takeBytes(body));
          return;
        }
        const source = body.source as Source;
        this.#source = source;
        while (!this.#isOver()) {
          const bytes = await next(source);
          if (bytes === null) return;
          if (!parser.feed(bytes)) {
            source.cancel();
            this.#fail(`an event is longer than ${MOST_CHARS} characters`);
            return;
          }
        }
      }
      #deliver(message: Message, origin: string): void {
        if (this.#isOver()) return;
        const { type, data, lastEventId } = message;
        this.#lastId = lastEventId;
        if (type === '') return;
        const { MessageEvent } = messageEvents();
        this.#fire(new MessageEvent(type, { __proto__: null, data, origin, lastEventId } as object));
      }
      /** Waits, then connects again. */
      #again(): void {
        if (this.#isOver()) return;
        this.#state = CONNECTING;
        this.#source = null;
        this.#fire(new Event('error'));
        if (this.#isOver()) return;
        enter(this.#inv);
        try {
          after(this.#retryMs, () => {
            if (!this.#isOver()) this.#run();
          });
        } catch {
          this.#fail('limits.timers is used up');
        }
      }
      /** It does not connect again. */
      #fail(why: string): void {
        if (this.#isOver()) return;
        this.#state = CLOSED;
        log(this.#inv, 'warn', `EventSource ${slice(this.#url, 0, 200)} is closed: ${why}`);
        this.#fire(new Event('error'));
      }
      #fire(event: Event): void {
        enter(this.#inv);
        fireTrusted(this, event);
      }
    }
    const states = ['CONNECTING', 'OPEN', 'CLOSED'];
    for (let i = 0; i < states.length; i++) {
      constant(EventSource, states[i] as string, i);
      constant(EventSource.prototype, states[i] as string, i);
    }
    eventAttribute(EventSource.prototype, 'open');
    eventAttribute(EventSource.prototype, 'message');
    eventAttribute(EventSource.prototype, 'error');
    enumerable(EventSource.prototype, ['url', 'withCredentials', 'readyState', 'close']);
    return { EventSource };
  },
  '<event-source',
);
