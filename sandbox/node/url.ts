/** node:url: the URL globals, and the legacy parser, which is Node's own code by unenv. */
import { format, parse, resolve, resolveObject, Url } from 'unenv/node/url';
import { missing } from './absent.ts';
import { checkObject, checkString, coded, invalidArgType, invalidArgValue } from './errors.ts';
import { resolve as resolvePath } from './path/posix.ts';
import { toUnicode as domainToUnicode } from './punycode.ts';

export { format, parse, resolve, resolveObject, Url };
export const { URL, URLSearchParams } = globalThis;
export const URLPattern: unknown =
  (globalThis as { URLPattern?: unknown }).URLPattern ?? missing('node:url.URLPattern');

export const domainToASCII = (domain: string): string => {
  try {
    return new URL(`http://${domain}`).hostname;
  } catch {
    return '';
  }
};
export { domainToUnicode };

const isUrl = (value: unknown): value is URL =>
  typeof (value as URL | null)?.href === 'string' &&
  typeof (value as URL).protocol === 'string' &&
  (value as { auth?: unknown }).auth === undefined;

export const fileURLToPath = (path: unknown): string => {
  const url = typeof path === 'string' ? new URL(path) : path;
  if (!isUrl(url)) throw invalidArgType('path', ['string', 'URL'], path);
  if (url.protocol !== 'file:') throw coded(TypeError, 'ERR_INVALID_URL_SCHEME', 'The URL must be of scheme file');
  if (url.hostname !== '') {
    throw coded(TypeError, 'ERR_INVALID_FILE_URL_HOST', 'File URL host must be "localhost" or empty on linux');
  }
  if (/%2f/i.test(url.pathname)) {
    throw coded(TypeError, 'ERR_INVALID_FILE_URL_PATH', 'File URL path must not include encoded / characters');
  }
  return decodeURIComponent(url.pathname);
};
export const fileURLToPathBuffer = (path: unknown): Uint8Array => new TextEncoder().encode(fileURLToPath(path));

const ESCAPES: Readonly<Record<string, string>> = {
  '%': '%25',
  '\\': '%5C',
  '\n': '%0A',
  '\r': '%0D',
  '\t': '%09',
  '?': '%3F',
  '#': '%23',
};
export const pathToFileURL = (path: string): URL => {
  checkString(path, 'path');
  let resolved = resolvePath(path);
  if (path.endsWith('/') && !resolved.endsWith('/')) resolved += '/';
  return new URL(`file://${resolved.replace(/[%\\\n\r\t?#]/g, (char) => ESCAPES[char] as string)}`);
};

export const urlToHttpOptions = (url: URL): Record<string, unknown> => {
  checkObject(url, 'url');
  const { hostname, pathname, port, username, password, search } = url;
  if (typeof hostname !== 'string') throw invalidArgValue('url', url);
  return {
    __proto__: null,
    ...url,
    protocol: url.protocol,
    hostname: hostname.startsWith('[') ? hostname.slice(1, -1) : hostname,
    hash: url.hash,
    search,
    pathname,
    path: `${pathname}${search}`,
    href: url.href,
    ...(port === '' ? {} : { port: Number(port) }),
    ...(username === '' && password === ''
      ? {}
      : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
  };
};

export default {
  URL,
  URLPattern,
  URLSearchParams,
  Url,
  domainToASCII,
  domainToUnicode,
  fileURLToPath,
  fileURLToPathBuffer,
  format,
  parse,
  pathToFileURL,
  resolve,
  resolveObject,
  urlToHttpOptions,
};
