/**
 * Where a guest's `fetch` may go, judged on the parsed URL of every hop: scheme, port, allow list, and addresses that
 * stand in the URL itself (undici asks no resolver about those). Names are judged by what they resolve to, in
 * `agents.ts`. An allow list never lifts the private-address check; only the operator does, by name and port.
 */
import { isIP } from 'node:net';
import { isLocalName, isPublic, isRefusedPort, Machine } from './addresses.ts';

export interface EgressPolicy {
  readonly tenant: string;
  /** Host names, `*.` allowed in front; `null`: any. */
  readonly allow: readonly string[] | null;
  /** `host:port` pairs that may be private. */
  readonly privateHosts: readonly string[];
}

/** A refusal the guest may read: it names host and reason, nothing of the host's network. */
export class EgressError extends Error {
  /** The system's code, where it was the network that failed. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.name = 'EgressError';
    this.code = code;
  }
}

/** A place as a connection sees it. */
export interface Destination {
  /** Lower case, without brackets and final dot. */
  readonly host: string;
  readonly port: number;
}

const URL_CHARS = 64 * 1024;

/** Throws `EgressError` when the URL itself is out of bounds. */
export function checkUrl(url: URL, policy: EgressPolicy, machine: Machine = new Machine()): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new EgressError(`fetch of ${url.protocol} is refused: only http: and https: are supported`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new EgressError('fetch refuses credentials in the URL; send an authorization header instead');
  }
  if (url.href.length > URL_CHARS) throw new EgressError(`fetch of a URL above ${URL_CHARS} characters is refused`);
  const { host, port } = destination(url.hostname, url.port, url.protocol);
  if (policy.allow !== null && !policy.allow.some((pattern) => matches(pattern, host))) {
    throw new EgressError(`fetch to ${host} is refused: it is not in the function's egress.allow list`);
  }
  if (isIP(host) !== 0) checkAddress(host, { host, port }, policy, machine);
  if (isLifted({ host, port }, policy)) return;
  if (isRefusedPort(port)) throw new EgressError(`fetch to port ${port} is refused`);
  if (isLocalName(host)) throw privateError(host);
}

/** Throws `EgressError` when a connection to `to` must not end at `address`. */
export function checkAddress(address: string, to: Destination, policy: EgressPolicy, machine: Machine): void {
  if (machine.closedPorts.includes(to.port) && machine.isOwn(address)) {
    throw new EgressError(`fetch to ${to.host}:${to.port} is refused: the admin plane is out of reach of functions`);
  }
  if (isLifted(to, policy)) return;
  if (!isPublic(address) || machine.isOwn(address)) throw privateError(to.host);
}

export function isLifted({ host, port }: Destination, policy: EgressPolicy): boolean {
  return policy.privateHosts.some((entry) => entry === `${host}:${port}` || entry === `[${host}]:${port}`);
}

/** From the parts of a URL; an empty port is the scheme's own. */
export function destination(hostname: string, port: string, protocol: string): Destination {
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return {
    host: (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase(),
    port: Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port),
  };
}

export function privateError(host: string): EgressError {
  return new EgressError(
    `fetch to ${host} is refused: it is not a public address (the operator can lift it with tenants.*.privateHosts)`,
  );
}

function matches(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}
