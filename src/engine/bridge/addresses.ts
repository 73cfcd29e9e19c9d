/**
 * What is a public address, and which ports no fetch may use. Allowed is what is known to be global unicast; whatever is
 * doubtful (zone ids, IPv4 in IPv6 clothes, text that no socket reports) is not public.
 */
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** IANA's special-purpose registry, and the address of Azure's metadata server. */
const PRIVATE_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const;
/** All that is not global unicast: mapped, compatible, NAT64, unique local, link local, multicast are outside it. */
const GLOBAL_V6 = '2000::/3';
/** Protocol assignments (Teredo, ORCHID, benchmarking), documentation, 6to4, AS112. */
const PRIVATE_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'] as const;

const refused = listOf([...PRIVATE_V4, ...PRIVATE_V6]);
const global6 = listOf([GLOBAL_V6]);

/** Whether the host may connect there for a guest. */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  if (family === 0 || address.includes('%')) return false;
  if (family === 4) return !refused.check(address, 'ipv4');
  return global6.check(address, 'ipv6') && !refused.check(address, 'ipv6');
}

/** The machine the host runs on, as it is at one moment: what of it no fetch may reach. */
export class Machine {
  /** Closed even where the operator lifted the address: the admin plane's. */
  readonly closedPorts: readonly number[];
  #own: BlockList | null = null;

  constructor(closedPorts: readonly number[] = []) {
    this.closedPorts = closedPorts;
  }

  /** Whether a connection to `address` ends here: loopback, unspecified, or an address of its own, public ones too. */
  isOwn(address: string): boolean {
    const family = isIP(address);
    if (family === 0) return true;
    this.#own ??= ownAddresses();
    // Mapped addresses are caught by the rules of the address inside.
    return this.#own.check(address.split('%', 1)[0]!, family === 4 ? 'ipv4' : 'ipv6');
  }
}

function ownAddresses(): BlockList {
  const own = listOf(['127.0.0.0/8', '0.0.0.0/32', '::/128', '::1/128']);
  for (const entries of Object.values(networkInterfaces()))
    for (const entry of entries ?? []) own.addAddress(entry.address, entry.family === 'IPv6' ? 'ipv6' : 'ipv4');
  return own;
}

/** Names that never mean a public machine. Refused before anybody asks a resolver about them. */
export function isLocalName(host: string): boolean {
  return /(?:^|\.)(?:localhost|local|internal|home\.arpa|onion)$/.test(host);
}

/** The fetch standard's bad ports, and databases that can be talked into obeying an HTTP request. */
const REFUSED_PORTS: ReadonlySet<number> = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
  111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
  540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1433, 1521, 1719, 1720, 1723, 2049, 3306, 3389, 3659,
  4045, 4190, 5060, 5061, 5432, 5900, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10_080, 11_211,
  27_017,
]);

export function isRefusedPort(port: number): boolean {
  return REFUSED_PORTS.has(port);
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/');
    list.addSubnet(network, Number(bits), isIP(network) === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}
