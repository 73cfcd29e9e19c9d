/**
 * What can be known of a URL from its text alone: whether a parser would leave it as it is, and where the parts of a parsed one
 * are. The first is a fast way past the host for what most URLs look like, and refuses whenever there is doubt; a test
 * compares both with Node's parser.
 */
import { charCodeAt, indexOf, lastIndexOf, slice, startsWith, U8 } from './00-primordials.ts';

// late:

const IN_HOST = 1;
const IN_PATH = 2;
const IN_QUERY = 4;
const IN_HASH = 8;
/** By character: in which parts it may stand as it is. */
const STANDS: Uint8Array = new U8(128);
{
  const allow = (chars: string, where: number): void => {
    for (let i = 0; i < chars.length; i++) (STANDS[charCodeAt(chars, i)] as number) |= where;
  };
  const small = 'abcdefghijklmnopqrstuvwxyz0123456789-.';
  allow(small, IN_HOST | IN_PATH | IN_QUERY | IN_HASH);
  allow('ABCDEFGHIJKLMNOPQRSTUVWXYZ_~!$&()*+,;=:@%/', IN_PATH | IN_QUERY | IN_HASH);
  allow("'", IN_PATH | IN_HASH);
  allow('?', IN_QUERY | IN_HASH);
}

const ZERO = 48;
const NINE = 57;
const SLASH = 47;
const MOST_HOST = 253;

/** Path, query and fragment from `at` on, where a "/" is, are as a parser of an http URL would write them. */
export const isPlainRest = (text: string, at: number): boolean => {
  const size = text.length;
  let where = IN_PATH;
  for (let i = at; i < size; i++) {
    const c = charCodeAt(text, i);
    if (c > 127) return false;
    if (((STANDS[c] as number) & where) !== 0) {
      // Segments of dots go away, also when they are written with percent signs.
      if (where === IN_PATH && (c === 46 || c === 37) && charCodeAt(text, i - 1) === SLASH) return false;
    } else if (c === 63 && where === IN_PATH) where = IN_QUERY;
    else if (c === 35 && where !== IN_HASH) where = IN_HASH;
    else return false;
  }
  return true;
};

/** The end of a port that begins at `at`, or -1 when a parser would not write it so. */
const plainPort = (text: string, at: number, standard: number): number => {
  let port = 0;
  let i = at;
  for (; i < text.length && i - at < 6; i++) {
    const c = charCodeAt(text, i);
    if (c < ZERO || c > NINE) break;
    port = port * 10 + c - ZERO;
  }
  return i === at || charCodeAt(text, at) === ZERO || port > 65_535 || port === standard ? -1 : i;
};

/**
 * Where the path of an http or https URL begins that a parser would write exactly so, but for a missing "/" at its very end;
 * -1 when it might not.
 */
export const plainPath = (text: string): number => {
  if (!startsWith(text, 'http')) return -1;
  const secure = text[4] === 's';
  const start = secure ? 8 : 7;
  if (!startsWith(text, '://', start - 3)) return -1;
  const size = text.length;
  let label = start;
  let i = start;
  for (; i < size; i++) {
    const c = charCodeAt(text, i);
    if (c > 127 || ((STANDS[c] as number) & IN_HOST) === 0) break;
    if (c === 46) {
      if (i === label) return -1;
      label = i + 1;
    } else if (c === 45 && charCodeAt(text, i - 1) === 45) return -1; // It may be punycode.
  }
  if (i === label || i - start > MOST_HOST) return -1;
  const first = charCodeAt(text, label);
  if (first >= ZERO && first <= NINE) return -1; // It may be an address.
  if (i < size && text[i] === ':') {
    i = plainPort(text, i + 1, secure ? 443 : 80);
    if (i < 0) return -1;
  }
  if (i === size) return i;
  return text[i] === '/' && isPlainRest(text, i) ? i : -1;
};

/** Where the parts of a serialised URL are. */
export interface Spans {
  readonly href: string;
  /** After the ":". */
  readonly scheme: number;
  /** Where user name, password and host begin and end; all the same where there is no authority. */
  readonly user: number;
  readonly userEnd: number;
  readonly host: number;
  readonly hostEnd: number;
  readonly path: number;
  readonly query: number;
  readonly hash: number;
}

const endOf = (text: string, mark: string, from: number, otherwise: number): number => {
  const at = indexOf(text, mark, from);
  return at < 0 || at > otherwise ? otherwise : at;
};

export const spansOf = (href: string): Spans => {
  const size = href.length;
  const scheme = indexOf(href, ':') + 1;
  const hash = endOf(href, '#', scheme, size);
  const query = endOf(href, '?', scheme, hash);
  if (!startsWith(href, '//', scheme)) {
    // "/." keeps a path that begins with "//" from looking like a host.
    const path = startsWith(href, '/.//', scheme) ? scheme + 2 : scheme;
    return { href, scheme, user: scheme, userEnd: scheme, host: scheme, hostEnd: scheme, path, query, hash };
  }
  const user = scheme + 2;
  const path = endOf(href, '/', user, query);
  const at = lastIndexOf(slice(href, user, path), '@');
  const host = at < 0 ? user : user + at + 1;
  const userEnd = at < 0 ? user : endOf(href, ':', user, user + at);
  const hostEnd = endOf(href, ':', href[host] === '[' ? indexOf(href, ']', host) : host, path);
  return { href, scheme, user, userEnd, host, hostEnd, path, query, hash };
};
