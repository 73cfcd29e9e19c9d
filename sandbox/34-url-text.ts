/**
 * What can be known of a URL from its text alone: what a parser would make of it, and where the parts of a parsed one are. The
 * first is a fast way past the host for what most URLs look like, and refuses whenever there is doubt; a test compares both
 * with Node's parser.
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
const BACKSLASH = 92;
const HASH = 35;
const PERCENT = 37;
const MARK = 63;
const MOST_HOST = 253;
/** Longer texts are put together elsewhere. */
const MOST_WRITTEN = 4096;

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
    } else if (c === MARK && where === IN_PATH) where = IN_QUERY;
    else if (c === HASH && where !== IN_HASH) where = IN_HASH;
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

/** After "http://" or "https://"; -1 where a text begins with neither. */
const afterScheme = (text: string): number => {
  if (!startsWith(text, 'http')) return -1;
  const start = text[4] === 's' ? 8 : 7;
  return startsWith(text, '://', start - 3) ? start : -1;
};

/** Where host and port of an http or https URL end that a parser would write exactly so; -1 when it might not. */
export const plainAuthority = (text: string): number => {
  const start = afterScheme(text);
  if (start < 0) return -1;
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
  return i < size && text[i] === ':' ? plainPort(text, i + 1, start === 8 ? 443 : 80) : i;
};

/**
 * Where the path of an http or https URL begins that a parser would write exactly so, but for a missing "/" at its very end;
 * -1 when it might not.
 */
export const plainPath = (text: string): number => {
  const end = plainAuthority(text);
  return end < 0 || end === text.length || (text[end] === '/' && isPlainRest(text, end)) ? end : -1;
};

/** What a parser writes for it, by part; `undefined` where that is not known here. */
const written = (c: number, where: number): string | undefined => {
  switch (c) {
    case 32:
      return '%20';
    case 34:
      return '%22';
    case 60:
      return '%3C';
    case 62:
      return '%3E';
    case 39:
      return where === IN_QUERY ? '%27' : "'";
    case 96:
      return where === IN_QUERY ? '`' : '%60';
    case 123:
      return where === IN_PATH ? '%7B' : '{';
    case 125:
      return where === IN_PATH ? '%7D' : '}';
    default:
      return undefined;
  }
};

/** Path, query and fragment of an http URL, from `at` on, as a parser would write them; `null` where it is not known here. */
export const writtenRest = (text: string, at: number): string | null => {
  const size = text.length;
  if (size > MOST_WRITTEN || (size > at && charCodeAt(text, size - 1) <= 32)) return null;
  let where = IN_PATH;
  let out = '/';
  /** How much of `text` is in `out`, and where in it the segment begins. */
  let done = text[at] === '/' ? at + 1 : at;
  let segment = done;
  for (let i = done; i <= size; i++) {
    const c = i === size ? HASH : charCodeAt(text, i);
    if (where === IN_PATH && (c === SLASH || c === MARK || c === HASH)) {
      const name = i - segment > 2 ? '' : slice(text, segment, i);
      if (name === '.') done = i;
      else if (name === '..') {
        out = slice(out, 0, lastIndexOf(out, '/', out.length - 2) + 1);
        done = i;
      } else if (c === SLASH) {
        out += slice(text, done, i + 1);
        done = i;
      }
      segment = i + 1;
      if (c === SLASH) done = segment;
    }
    if (c === MARK && where === IN_PATH) where = IN_QUERY;
    else if (c === HASH && where !== IN_HASH) where = IN_HASH;
    else if (c > 127) return null;
    else if (((STANDS[c] as number) & where) !== 0) {
      if (c === PERCENT && where === IN_PATH && text[i + 1] === '2') return null; // It may be a dot.
    } else {
      const code = written(c, where);
      if (code === undefined) return null;
      out += slice(text, done, i) + code;
      done = i + 1;
    }
  }
  return out + slice(text, done);
};

/** Where the authority of an http or https URL ends, whatever is in it; -1 where there is none or that is in doubt. */
export const authorityEnd = (text: string): number => {
  const start = afterScheme(text);
  if (start < 0) return -1;
  let i = start;
  for (; i < text.length; i++) {
    const c = charCodeAt(text, i);
    if (c === SLASH || c === MARK || c === HASH) break;
    if (c === BACKSLASH || c <= 32) return -1;
  }
  return i === start || i - start > MOST_HOST ? -1 : i;
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
