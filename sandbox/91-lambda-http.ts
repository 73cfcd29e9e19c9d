/**
 * Requests as function-URL events (payload 2.0), results as responses: what stands between HTTP and a Lambda handler at
 * AWS. Events are made as JSON text and parsed, results are made JSON and read back, as there: no getter of the guest's
 * is read here, and nothing of ours is reached.
 */
import type { WireContext } from '../src/contract/turn.ts';
import {
  charCodeAt,
  dateToISOString,
  fromCharCode,
  hasOwn,
  indexOf,
  isArray,
  isInteger,
  isObject,
  jsonParse,
  List,
  lastIndexOf,
  NativeDate,
  NativeTypeError,
  objectKeys,
  own,
  quote,
  reflectApply,
  SafeMap,
  slice,
  startsWith,
  stringify,
  toLowerCase,
  toNum,
  toStr,
  U8,
  uncurry,
  viewByteLength,
} from './00-primordials.ts';
import { host, mustCross, tight } from './10-box.ts';
import { turnNow } from './12-clock.ts';
import { rare } from './13-rare.ts';
import { parseUrlencoded } from './35-search-params.ts';
import { trimHttp } from './44-mime.ts';
import { HeaderState, Headers, listOf, wireHeaders, wrapHeaders } from './45-headers.ts';
import { BodyState, bytesBody, textBody } from './50-body-state.ts';

export interface HttpFacts {
  readonly method: string;
  readonly url: string;
  readonly headers: string;
  readonly ctx: WireContext;
  /** `null`: the request has none. */
  readonly body: Uint8Array | null;
  readonly requestId: string;
  readonly functionName: string;
}

export interface LambdaResponse {
  readonly status: number;
  readonly headers: string;
  readonly body: BodyState;
}

export const lambdaHttp = rare(
  'lambda-http>',
  '',
  () => {
    const { toBase64, atob, btoa } = {
      toBase64: (U8.prototype as unknown as { toBase64?: (this: Uint8Array) => string }).toBase64,
      atob: (globalThis as unknown as { atob: (text: string) => string }).atob,
      btoa: (globalThis as unknown as { btoa: (text: string) => string }).btoa,
    };
    const append = uncurry(Headers.prototype.append) as (headers: Headers, name: unknown, value: unknown) => void;

    const base64 = (bytes: Uint8Array): string => {
      if (toBase64 !== undefined) return reflectApply(toBase64, bytes, []);
      let text = '';
      for (let i = 0; i < viewByteLength(bytes); i++) text += reflectApply(fromCharCode, undefined, [bytes[i]]);
      return btoa(text);
    };

    const bytesOfBase64 = (text: string): Uint8Array => {
      const binary = atob(text);
      const bytes = new U8(binary.length);
      for (let i = 0; i < binary.length; i++) bytes[i] = charCodeAt(binary, i);
      return bytes;
    };

    /** Texts as they are; everything else, and what claims to be text and is not UTF-8, in base64. */
    const TEXTS = ['text/', 'json', 'xml', 'javascript', 'x-www-form-urlencoded'];
    const isText = (type: string): boolean => {
      for (let i = 0; i < TEXTS.length; i++) if (indexOf(type, TEXTS[i] as string) >= 0) return true;
      return false;
    };

    const two = (iso: string, at: number): string => slice(iso, at, at + 2);
    const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

    /** `02/Jan/2026:03:04:05 +0000` */
    const logTime = (ms: number): string => {
      const iso = dateToISOString(new NativeDate(ms));
      const month = 3 * (toNum(two(iso, 5)) - 1);
      return `${two(iso, 8)}/${slice(MONTHS, month, month + 3)}/${slice(iso, 0, 4)}:${slice(iso, 11, 19)} +0000`;
    };

    /** `{"a":"1,2"}`: values of one name joined by commas. */
    const record = (pairs: List<string>): string => {
      const values = new SafeMap<string, string>();
      for (let i = 0; i < pairs.length; i += 2) {
        const name = pairs[i] as string;
        const before = values.get(name);
        values.set(name, before === undefined ? (pairs[i + 1] as string) : `${before},${pairs[i + 1] as string}`);
      }
      let json = '';
      values.forEach((value, name) => {
        json += `${json === '' ? '' : ','}${quote(name)}:${quote(value)}`;
      });
      return `{${json}}`;
    };

    const cookiesOf = (header: string, cookies: List<string>): void => {
      for (let at = 0; at < header.length; ) {
        let end = indexOf(header, ';', at);
        if (end < 0) end = header.length;
        const cookie = trimHttp(slice(header, at, end));
        if (cookie !== '') cookies.push(cookie);
        at = end + 1;
      }
    };

    /** The event of a request. */
    const httpEvent = ({ method, url, headers, ctx, body, requestId, functionName }: HttpFacts): object => {
      const authority = indexOf(url, '://') + 3;
      let from = indexOf(url, '/', authority);
      if (from < 0) from = url.length;
      const mark = indexOf(url, '?', from);
      const path = slice(url, from, mark < 0 ? url.length : mark) || '/';
      const query = mark < 0 ? '' : slice(url, mark + 1);
      const hostText = slice(url, authority, from);
      const colon = lastIndexOf(hostText, ':');
      const hasPort = colon > lastIndexOf(hostText, ']');
      const domain = hasPort ? slice(hostText, 0, colon) : hostText;
      const scheme = startsWith(url, 'https:') ? 'https' : 'http';
      const dot = indexOf(domain, '.');

      const list = listOf(new HeaderState(headers));
      const kept = new List<string>();
      const cookies = new List<string>();
      let type = '';
      let agent = '';
      for (let i = 0; i < list.length; i += 2) {
        const name = list[i] as string;
        const value = list[i + 1] as string;
        if (name === 'cookie') {
          cookiesOf(value, cookies);
          continue;
        }
        // The host knows better than a client.
        if (startsWith(name, 'x-forwarded-') && ctx.clientAddress !== '') {
          if (name === 'x-forwarded-for' || name === 'x-forwarded-port' || name === 'x-forwarded-proto') continue;
        }
        if (name === 'content-type') type = toLowerCase(value);
        if (name === 'user-agent') agent = value;
        kept.push(name, value);
      }
      if (ctx.clientAddress !== '') {
        const port = hasPort ? slice(hostText, colon + 1) : scheme === 'https' ? '443' : '80';
        kept.push('x-forwarded-for', ctx.clientAddress, 'x-forwarded-port', port, 'x-forwarded-proto', scheme);
      }
      const now = turnNow();
      const params = objectKeys(ctx.params);
      const json =
        `{"version":"2.0","routeKey":"$default","rawPath":${quote(path)},"rawQueryString":${quote(query)},` +
        `${cookies.length === 0 ? '' : `"cookies":${texts(cookies)},`}"headers":${record(kept)},` +
        `${query === '' ? '' : `"queryStringParameters":${record(parseUrlencoded(query) as List<string>)},`}` +
        `${params.length === 0 ? '' : `"pathParameters":${stringify(ctx.params) as string},`}` +
        `"requestContext":{"accountId":"anonymous","apiId":${quote(functionName)},"domainName":${quote(domain)},` +
        `"domainPrefix":${quote(dot < 0 ? domain : slice(domain, 0, dot))},"http":{"method":${quote(method)},` +
        `"path":${quote(path)},"protocol":"HTTP/1.1","sourceIp":${quote(ctx.clientAddress)},"userAgent":${quote(agent)}},` +
        `"requestId":${quote(requestId)},"routeKey":"$default","stage":"$default","time":${quote(logTime(now))},` +
        `"timeEpoch":${now}},${body === null ? '' : '"body":"",'}"isBase64Encoded":false}`;
      const event = jsonParse(json) as { body: string; isBase64Encoded: boolean };
      if (body === null) return event;
      mustCross(viewByteLength(body));
      const text = isText(type) ? host().decode(tight(body), 'utf-8', true, true, 0, false) : null;
      event.body = text ?? base64(body);
      event.isBase64Encoded = text === null;
      return event;
    };

    const texts = (list: List<string>): string => {
      let json = '';
      for (let i = 0; i < list.length; i++) json += `${i === 0 ? '' : ','}${quote(list[i] as string)}`;
      return `[${json}]`;
    };

    /** `statusCode` of a result, also as text; throws for what HTTP cannot answer. */
    const statusOf = (value: unknown): number => {
      const status = typeof value === 'string' && value !== '' ? toNum(value) : value;
      if (isInteger(status) && (status as number) >= 200 && (status as number) <= 599) return status as number;
      throw new NativeTypeError(`The handler returned a statusCode of ${stringify(value)}; it must be from 200 to 599`);
    };

    const plain = (value: unknown): string | null =>
      value === null || value === undefined ? null : isObject(value) ? (stringify(value) as string) : toStr(value);

    /** Headers as they cross: those of the result, its cookies, and the content type unless it has one. Of JSON's making. */
    const responseHeaders = (fields: unknown, cookies: unknown, type: string): string => {
      const state = new HeaderState('');
      const headers = wrapHeaders(state);
      let typed = false;
      if (isObject(fields)) {
        const names = objectKeys(fields);
        for (let i = 0; i < names.length; i++) {
          const name = names[i] as string;
          const value = plain((fields as Record<string, unknown>)[name]);
          if (value === null) continue;
          append(headers, name, value);
          typed ||= toLowerCase(name) === 'content-type';
        }
      }
      if (!typed) append(headers, 'content-type', type);
      if (isArray(cookies)) {
        for (let i = 0; i < cookies.length; i++) {
          const cookie = plain(hasOwn(cookies, i) ? cookies[i] : null);
          if (cookie !== null) append(headers, 'set-cookie', cookie);
        }
      }
      return wireHeaders(state);
    };

    /** `json`: a handler's result. An object with a `statusCode` is a response, anything else the body of one. */
    const responseOf = (json: string): LambdaResponse => {
      if (json[0] === '{' && indexOf(json, '"statusCode"') > 0) {
        const result = jsonParse(json) as object;
        if (hasOwn(result, 'statusCode')) return proxied(result);
      }
      // A text is sent without its quotes.
      const text = json[0] === '"' ? (jsonParse(json) as string) : json;
      return { status: 200, headers: 'content-type\napplication/json', body: textBody(text, '') };
    };

    const proxied = (result: object): LambdaResponse => {
      const status = statusOf(own(result, 'statusCode'));
      const headers = responseHeaders(own(result, 'headers'), own(result, 'cookies'), 'application/json');
      const text = plain(own(result, 'body')) ?? '';
      const bodiless = status === 204 || status === 205 || status === 304;
      if (text === '' || bodiless) return { status, headers, body: new BodyState() };
      const body = own(result, 'isBase64Encoded') === true ? bytesBody(bytesOfBase64(text), '') : textBody(text, '');
      return { status, headers, body };
    };

    return { httpEvent, responseOf, responseHeaders, statusOf };
  },
  '<lambda-http',
);
