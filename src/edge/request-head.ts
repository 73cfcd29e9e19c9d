/**
 * The head of a request, read in one pass over Node's raw headers: what the guest will see, and what the host itself
 * needs to know. Headers that belong to one hop or to the host never reach the guest. Refuses nothing: `flawed`
 * says that something is wrong and the door answers.
 */
import type { IncomingMessage } from 'node:http';
import { loopDepth } from '../contract/loop.ts';

export class RequestHead {
  /** For the guest: lower-case names, repeats kept. */
  readonly headers: string[] = [];
  host: string | null = null;
  /** Bytes, or `null` without a content-length. */
  contentLength: number | null = null;
  chunked = false;
  authorization: string | null = null;
  traceparent: string | null = null;
  userAgent = '';
  debugToken: string | null = null;
  start: 'cold' | 'warm' | null = null;
  forwardedFor: string | null = null;
  forwardedProto: string | null = null;
  /** The client waits for `100 Continue` before it sends its body. */
  expectsContinue = false;
  wantsWebSocket = false;
  /** Calls from function to function that led here; what the host itself wrote into `cdn-loop`. */
  depth = 0;
  /** Repeats what must not repeat, or is framed in a way that two machines could read differently. */
  flawed = false;

  get hasBody(): boolean {
    return this.chunked || (this.contentLength !== null && this.contentLength > 0);
  }
}

export function readRequestHead(incoming: IncomingMessage): RequestHead {
  const raw = incoming.rawHeaders;
  const head = new RequestHead();
  const headers = head.headers;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    switch (name) {
      case 'host':
        // Two hosts would let two machines on the way disagree about the one that counts.
        if (head.host !== null) head.flawed = true;
        head.host = value;
        break;
      case 'content-length':
        head.contentLength = Number(value);
        break;
      case 'authorization':
        head.authorization = value;
        break;
      case 'traceparent':
        // W3C: more than one counts as none.
        head.traceparent = head.traceparent === null ? value : '';
        break;
      case 'user-agent':
        head.userAgent = value;
        break;
      case 'x-forwarded-for':
        head.forwardedFor = head.forwardedFor === null ? value : `${head.forwardedFor},${value}`;
        break;
      case 'x-forwarded-proto':
        head.forwardedProto = value;
        break;
      case 'transfer-encoding':
        // No other coding is undone here, HTTP/1.0 knows none at all, and two lists may be joined or not.
        if (head.chunked || incoming.httpVersionMinor === 0 || value.trim().toLowerCase() !== 'chunked')
          head.flawed = true;
        head.chunked = true;
        continue;
      case 'upgrade':
        head.wantsWebSocket = /\bwebsocket\b/i.test(value);
        continue;
      case 'expect':
        // Met by the host: a guest that forwarded it would wait for a second 100.
        head.expectsContinue = value.toLowerCase() === '100-continue' && incoming.httpVersionMinor === 1;
        continue;
      case 'cdn-loop':
        head.depth = Math.max(head.depth, loopDepth(value));
        break;
      case 'x-isolane-debug':
        head.debugToken = value;
        continue;
      case 'x-isolane-start':
        head.start = value === 'cold' || value === 'warm' ? value : null;
        continue;
      // What a client lists in `Connection` stays: it could take away a header that a proxy in front put there.
      case 'connection':
      case 'http2-settings':
      case 'keep-alive':
      case 'te':
      case 'trailer':
        continue;
      default:
        if (name.startsWith('proxy-')) continue;
    }
    headers.push(name, value);
  }
  return head;
}

/** Removes every header of these names, in place. */
export function dropHeaders(headers: string[], names: ReadonlySet<string>): void {
  let end = 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (names.has(headers[i]!)) continue;
    headers[end] = headers[i]!;
    headers[end + 1] = headers[i + 1]!;
    end += 2;
  }
  headers.length = end;
}

/** The token of `Authorization: Bearer …`, or `null`. */
export function bearerToken(authorization: string | null): string | null {
  return authorization === null ? null : (/^bearer +([\w\-.~+/]+=*) *$/i.exec(authorization)?.[1] ?? null);
}
