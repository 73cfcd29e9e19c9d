/**
 * Request targets and hosts. A function must see the path it was routed by: whatever a URL parser would read
 * differently from the raw text (dot segments, backslashes, fragments, odd hosts) is refused instead of repaired.
 * Percent-encoding stays as it came.
 */

export interface Target {
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Of an absolute-form target, which overrides the Host header (RFC 9112 §3.2.2). */
  readonly authority: string | null;
}

/** Backslash, `#`, anything but visible ASCII, or a segment that begins with a dot: worth a closer look. */
const UNUSUAL = /[^!-~]|[\\#]|\/(?:\.|%2e)/i;

/** `null`: malformed. */
export function parseTarget(raw: string): Target | null {
  let target = raw;
  let authority: string | null = null;
  if (raw.charCodeAt(0) !== 47) {
    const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(raw);
    if (absolute === null) return null;
    authority = absolute[1]!;
    target = absolute[2]!.startsWith('/') ? absolute[2]! : `/${absolute[2]!}`;
  }
  if (UNUSUAL.test(target)) {
    if (!isLiteral(target)) return null;
    // Raw UTF-8, as some clients send it, reaches us byte by byte.
    target = target.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
  }
  const mark = target.indexOf('?');
  return mark === -1
    ? { path: target, query: '', authority }
    : { path: target.slice(0, mark), query: target.slice(mark + 1), authority };
}

/** No URL parser reads this target as another path than the one it spells. */
function isLiteral(target: string): boolean {
  if (/[\0-\x20#\x7f]|[^\0-\xff]/.test(target)) return false;
  const path = target.split('?', 1)[0]!;
  if (path.includes('\\')) return false;
  return !path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment));
}

/** Remembers hosts it has checked; forgets all of them when a flood of made-up ones fills it. */
export class Hosts {
  readonly #known = new Map<string, string | null>();

  /** The name routes are matched by: lower case, no port, no final dot. `null`: not a host. */
  nameOf(host: string): string | null {
    const known = this.#known.get(host);
    if (known !== undefined) return known;
    if (this.#known.size >= 1000) this.#known.clear();
    const name = hostName(host);
    this.#known.set(host, name);
    return name;
  }
}

function hostName(host: string): string | null {
  if (!/^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(host) || !URL.canParse(`http://${host}/`)) return null;
  const name = host.replace(/:\d+$/, '').toLowerCase();
  // `127.1` or `0x7f.1`: the guest's URL would show another host than the one routed by.
  if (new URL(`http://${host}/`).hostname !== name) return null;
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
