/**
 * Who is calling, behind proxies the operator named. A forwarded header counts only when the peer itself is one of
 * them; then the rightmost address that is not a trusted proxy is the client, because everything left of it is only
 * claimed.
 */
import ipaddr from 'ipaddr.js';
import { HostError } from '../contract/errors.ts';

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number];

export class TrustedProxies {
  readonly #ranges: readonly Range[];

  constructor(proxies: readonly string[]) {
    this.#ranges = proxies.map(parseRange);
  }

  trusts(address: string): boolean {
    if (this.#ranges.length === 0 || !ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return this.#ranges.some(([network, bits]) => parsed.kind() === network.kind() && parsed.match([network, bits]));
  }

  /** `peer` must be trusted. */
  clientOf(peer: string, forwardedFor: string): string {
    let client = peer;
    for (const entry of forwardedFor.split(',').reverse()) {
      const address = bareAddress(entry.trim());
      if (!ipaddr.isValid(address)) break;
      client = plainAddress(address);
      if (!this.trusts(client)) break;
    }
    return client;
  }
}

/** IPv4 addresses on a dual-stack socket lose their IPv6 clothes. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/** `1.2.3.4:567`, `[::1]:80`, `::1` → the address. */
function bareAddress(entry: string): string {
  return /^\[([^\]]+)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
}

function parseRange(text: string): Range {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  if (!ipaddr.isValid(text)) {
    const remedy = 'give an IP address or a CIDR range such as 10.0.0.0/8';
    throw new HostError('CONFIG_INVALID', `server.trustedProxies has "${text}", which is no address; ${remedy}.`);
  }
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
