/**
 * WebSocket and WebSocketPair as a guest sees them: the client of the WebSockets standard, and the server side as Workers
 * have it. What may be reached is the host's to decide.
 */
import {
  defineProperty,
  exec,
  isNaNNumber,
  isObject,
  List,
  NativeError,
  NativePromise,
  NativeRangeError,
  NativeTypeError,
  SafeSet,
  SYM_ITERATOR,
  slice,
  startsWith,
  toLowerCase,
  toNum,
  toWellFormed,
  viewByteLength,
} from './00-primordials.ts';
import { arity, constant, enumerable, lengthOf } from './04-globals.ts';
import { copyBytes, current, mustCross, topLevel } from './10-box.ts';
import { rare } from './13-rare.ts';
import { DOMException } from './15-dom-exception.ts';
import { EventTarget, eventAttribute } from './20-events.ts';
import { bytesOf, utf8Encode } from './30-encoding.ts';
import { parseParts, partOf } from './36-url.ts';
import { HeaderState, listOf } from './45-headers.ts';
import { blobBytes, isBlob } from './46-blob.ts';
import { contextOver } from './49-pipes.ts';
import { BodyState } from './50-body-state.ts';
import { setSocketFetch } from './53-socket-fetch.ts';
import { SocketWire, socketEnds } from './54-sockets.ts';
import { type Response, ResponseState, wrapResponse } from './56-response.ts';
import { CONNECTING, type End, ends, OPEN } from './59-socket-end.ts';

const late = rare(
  'websocket>',
  'WebSocket WebSocketPair',
  () => {
    const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
    const RAW = {};
    const { newEnd } = ends();

    class WebSocket extends EventTarget {
      readonly #end: End;

      constructor(url: unknown, protocols?: unknown) {
        // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
        if (arguments.length === 0) throw new NativeTypeError('WebSocket: 1 argument required');
        super();
        const end = url === RAW ? (protocols as End) : dial(url, protocols);
        this.#end = end;
        end.target = this;
        socketEnds.set(this, end);
      }
      get url(): string {
        return this.#end.url;
      }
      get readyState(): number {
        return this.#end.state;
      }
      get bufferedAmount(): number {
        return this.#end.buffered;
      }
      get extensions(): string {
        return '';
      }
      get protocol(): string {
        return this.#end.protocol;
      }
      get binaryType(): string {
        return this.#end.binaryType;
      }
      set binaryType(value: unknown) {
        const type = `${value as string}`;
        if (type === 'blob' || type === 'arraybuffer') this.#end.binaryType = type;
      }
      accept(): void {
        this.#end.accept();
      }
      send(data: unknown): void {
        const end = this.#end;
        const bytes = isBlob(data) ? blobBytes(data) : bytesOf(data);
        if (bytes !== null) {
          const size = viewByteLength(bytes);
          mustCross(size);
          end.send(copyBytes(bytes), size);
          return;
        }
        const text = toWellFormed(`${data as string}`);
        mustCross(text.length);
        end.send(text, utf8Length(text));
      }
      close(code?: unknown, reason?: unknown): void {
        let given = 0;
        const end = this.#end;
        if (code !== undefined) {
          given = clampShort(code);
          if (!mayClose(given, end.url === '')) {
            throw new DOMException(`close: ${given} is not 1000 and not within 3000 to 4999`, 'InvalidAccessError');
          }
        }
        const text = reason === undefined ? '' : toWellFormed(`${reason as string}`);
        if (text.length > 123 || utf8Length(text) > 123) {
          throw new DOMException('close: the reason is longer than 123 bytes', 'SyntaxError');
        }
        end.close(given === 0 && text !== '' ? 1000 : given, text);
      }
    }
    const states: readonly string[] = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
    for (let i = 0; i < states.length; i++) {
      constant(WebSocket, states[i] as string, i);
      constant(WebSocket.prototype, states[i] as string, i);
    }
    const types: readonly string[] = ['open', 'error', 'close', 'message'];
    for (let i = 0; i < types.length; i++) eventAttribute(WebSocket.prototype, types[i] as string);
    enumerable(WebSocket.prototype, [
      'url',
      'readyState',
      'bufferedAmount',
      'extensions',
      'protocol',
      'binaryType',
      'send',
      'close',
    ]);
    arity(WebSocket.prototype, 'WebSocket', { send: 1, close: 0 });
    lengthOf(WebSocket, 1);

    const wrap = (end: End): WebSocket => new WebSocket(RAW, end);

    /** Two ends that hear each other; one is to be the answer of a request. */
    class WebSocketPair {
      readonly 0!: WebSocket;
      readonly 1!: WebSocket;
      constructor() {
        const a = newEnd(OPEN, false);
        const b = newEnd(OPEN, false);
        a.twin = b;
        b.twin = a;
        defineProperty(this, 0, { value: wrap(a), enumerable: true, configurable: true, writable: true });
        defineProperty(this, 1, { value: wrap(b), enumerable: true, configurable: true, writable: true });
      }
    }

    /** The wire of a connection that the running invocation asks for. */
    const ask = (end: End, url: string, protocols: string, headers: string): void => {
      const inv = current;
      if (inv === topLevel) {
        throw new NativeError('A WebSocket can only be opened inside a handler, not while the module is loading');
      }
      if (inv.over) throw contextOver();
      const wire = new SocketWire(inv, end);
      end.wire = wire;
      end.url = url;
      // Normalised already; one with credentials is refused.
      end.origin = (exec(/^wss?:\/\/[^/]*/, url) as RegExpExecArray)[0];
      wire.open(url, protocols, headers);
    };

    const dial = (url: unknown, protocols: unknown): End => {
      const text = toWellFormed(`${url as string}`);
      const wanted = protocolList(protocols);
      const parts = parseParts(text, '');
      if (parts === null)
        throw new DOMException(`WebSocket: '${slice(text, 0, 200)}' is not an absolute URL`, 'SyntaxError');
      const href = socketUrl(parts[partOf.HREF] as string);
      if (!startsWith(href, 'ws')) throw new DOMException('WebSocket: only ws: and wss: can be opened', 'SyntaxError');
      if (exec(/#/, href) !== null) throw new DOMException('WebSocket: the URL has a fragment', 'SyntaxError');
      const seen = new SafeSet<string>();
      let list = '';
      for (let i = 0; i < wanted.length; i++) {
        const one = wanted[i] as string;
        const key = toLowerCase(one);
        if (exec(TOKEN, one) === null || seen.has(key)) {
          throw new DOMException(`WebSocket: '${slice(one, 0, 64)}' is no subprotocol, or named twice`, 'SyntaxError');
        }
        seen.add(key);
        list += i === 0 ? one : `,${one}`;
      }
      const end = newEnd(CONNECTING, true);
      ask(end, href, list, '');
      return end;
    };

    const fetchSocket = (url: string, headers: HeaderState): Promise<Response> =>
      new NativePromise<Response>((resolve, reject) => {
        const end = newEnd(CONNECTING, false);
        const socket = wrap(end);
        let given = '';
        const list = listOf(headers);
        let protocols = '';
        for (let i = 0; i < list.length; i += 2) {
          const name = list[i] as string;
          const value = list[i + 1] as string;
          if (name === 'sec-websocket-protocol') protocols = protocols === '' ? value : `${protocols},${value}`;
          else if (name !== 'upgrade' && name !== 'connection' && !startsWith(name, 'sec-websocket-')) {
            given += `${given === '' ? '' : '\n'}${name}\n${value}`;
          }
        }
        end.opened = (_protocol, wire) => {
          const state = new ResponseState(new HeaderState(wire), new BodyState());
          state.headers.immutable = true;
          state.status = 101;
          state.statusText = 'Switching Protocols';
          state.url = url;
          state.webSocket = socket;
          resolve(wrapResponse(state));
        };
        end.failed = (message) => reject(new NativeTypeError(`fetch failed: ${message}`));
        ask(end, socketUrl(url), protocols, given);
      });

    const socketUrl = (href: string): string => (startsWith(href, 'http') ? `ws${slice(href, 4)}` : href);

    const utf8Length = (text: string): number => viewByteLength(utf8Encode(text));

    const clampShort = (value: unknown): number => {
      const number = toNum(value);
      return isNaNNumber(number) || number < 0 ? 0 : number > 65_535 ? 65_535 : roundHalfEven(number);
    };
    const roundHalfEven = (number: number): number => {
      const low = number - (number % 1);
      const rest = number - low;
      return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
    };

    /** A server may also say that it goes away, or that something went wrong. */
    const mayClose = (code: number, server: boolean): boolean => {
      if (code === 1000 || (code >= 3000 && code <= 4999)) return true;
      return server && code > 1000 && code < 1015 && code !== 1004 && code !== 1005 && code !== 1006;
    };

    const protocolList = (given: unknown): List<string> => {
      const list = new List<string>();
      if (given === undefined) return list;
      if (!isObject(given) || (given as Partial<Iterable<unknown>>)[SYM_ITERATOR] === undefined) {
        list.push(`${given as string}`);
        return list;
      }
      for (const one of given as Iterable<unknown>) {
        list.push(`${one as string}`);
        if (list.length > 100) throw new NativeRangeError('WebSocket: at most 100 subprotocols');
      }
      return list;
    };

    return { WebSocket, WebSocketPair, fetchSocket };
  },
  '<websocket',
);

setSocketFetch((url, headers) => late().fetchSocket(url, headers));
