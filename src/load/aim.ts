/**
 * Where a load may go. A load test of somebody else's server is an attack, so a name is looked up once, every address it has
 * must be loopback or private unless the caller says that the server is theirs, and the connection goes to the address that
 * was looked at.
 */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { HostError } from '../contract/errors.ts';
import type { Origin } from './plan.ts';

/** Loopback, RFC 1918, unique local. Link local is not among them: metadata services of clouds live there. */
const OWN: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['127.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
];

export interface Aim {
  readonly origin: Origin;
  /** With their queries, one for each URL. */
  readonly paths: readonly string[];
}

/** Throws USAGE when the URLs are none, differ in their origin, or lead to where a load may not go. */
export async function takeAim(urls: readonly string[], isMine: boolean): Promise<Aim> {
  const parsed = urls.map(parse);
  const [first] = parsed;
  if (first === undefined) throw new HostError('USAGE', 'A URL is missing.');
  const other = parsed.find((url) => url.origin !== first.origin);
  if (other !== undefined) {
    throw new HostError('USAGE', `${first.origin} and ${other.origin} are two servers; load one at a time.`);
  }
  const tls = first.protocol === 'https:';
  const port = Number(first.port) || (tls ? 443 : 80);
  const name = first.hostname.replace(/^\[|\]$/g, '');
  const host = await addressOf(name, isMine);
  return {
    origin: { host, port, tls, name: first.hostname },
    paths: parsed.map((url) => url.pathname + url.search),
  };
}

/** Whether an address is of this machine or a private network. */
export function isOwn(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  const list = new BlockList();
  for (const [net, prefix, kind] of OWN) list.addSubnet(net, prefix, kind);
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function parse(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new HostError(
      'USAGE',
      `"${text}" is no http or https URL; write for example http://127.0.0.1:8787/hello/ada.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new HostError('USAGE', 'The URL holds a password; send it with --header "authorization: …" instead.');
  }
  return url;
}

async function addressOf(name: string, isMine: boolean): Promise<string> {
  const found = await lookup(name, { all: true }).catch(() => []);
  const [first] = found;
  if (first === undefined) throw new HostError('HOST_UNREACHABLE', `"${name}" has no address; check the URL.`);
  const strange = found.find(({ address }) => !isOwn(address));
  if (strange !== undefined && !isMine) {
    throw new HostError(
      'USAGE',
      `${name === strange.address ? name : `${name} (${strange.address})`} is not on this machine or a private network, and loading a server of others is an attack; add --yes-this-is-mine if it is yours.`,
    );
  }
  // IPv4 first: "localhost" has both, and most servers listen on one.
  return (found.find(({ family }) => family === 4) ?? first).address;
}
