/**
 * Where a guest's `fetch` may go. Two checks, both needed: the parsed URL of every hop (undici asks no resolver about IP
 * literals), and every address the resolver names, pinned for the connection (rebinding). Public unicast only, unless
 * the operator lifted a `host:port` by name. Agents are kept per policy, so no two tenants share a socket.
 */
import { lookup } from 'node:dns';
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import { Agent, buildConnector } from 'undici';

export interface EgressPolicy {
  readonly tenant: string;
  /** Host names, `*.` allowed in front; `null`: any. */
  readonly allow: readonly string[] | null;
  /** `host:port` pairs that may be private. */
  readonly privateHosts: readonly string[];
}

/** A refusal the guest may read: it names host and reason, nothing of the host's network. */
export class EgressError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'EgressError';
  }
}

const REFUSED_PORTS: ReadonlySet<number> = new Set([22, 23, 25, 465, 587, 6379, 11211]);

/** Throws `EgressError` when the URL itself is out of bounds; names are resolved and checked at connection time. */
export function checkUrl(url: URL, policy: EgressPolicy): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new EgressError(`fetch of ${url.protocol} is refused: only http: and https: are supported`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new EgressError('fetch refuses credentials in the URL; send an authorization header instead');
  }
  const host = bare(url.hostname);
  if (policy.allow !== null && !policy.allow.some((pattern) => matches(pattern, host))) {
    throw new EgressError(`fetch to ${host} is refused: it is not in the function's egress.allow list`);
  }
  if (lifted(host, portOf(url), policy)) return;
  if (REFUSED_PORTS.has(portOf(url))) throw new EgressError(`fetch to port ${portOf(url)} is refused`);
  if (isIP(host) !== 0 && !isPublic(host)) throw privateError(host);
}

/** Public unicast, as IANA's registries have it; everything doubtful is not. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.range() === 'unicast';
  if (parsed.range() !== 'unicast') return false;
  return (parsed as ipaddr.IPv6).match(ipaddr.IPv6.parseCIDR('2000::/3'));
}

/** One agent per policy. */
export class Agents {
  readonly #agents: LRUCache<string, Agent> = new LRUCache({
    max: 500,
    dispose: (agent) => {
      agent.close().catch(() => undefined);
    },
  });

  agent(policy: EgressPolicy): Agent {
    const key = JSON.stringify([policy.tenant, policy.allow, policy.privateHosts]);
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = new Agent({
      connect: guarded(policy),
      connections: 64,
      bodyTimeout: 0,
      headersTimeout: 0,
      maxHeaderSize: 64 * 1024,
    });
    this.#agents.set(key, agent);
    return agent;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }
}

function guarded(policy: EgressPolicy): buildConnector.connector {
  const connect = buildConnector({ timeout: 10_000 });
  const resolving = (hostname: string) =>
    buildConnector({
      timeout: 10_000,
      lookup: (name, options, done) => {
        lookup(name, { ...options, all: true }, (error, addresses) => {
          if (error !== null) {
            done(error, []);
            return;
          }
          const bad = addresses.find((entry) => !isPublic(entry.address));
          if (bad !== undefined || addresses.length === 0) done(privateError(hostname), []);
          else if (options.all === true) done(null, addresses);
          else
            (done as (e: null, address: string, family: number) => void)(
              null,
              addresses[0]!.address,
              addresses[0]!.family,
            );
        });
      },
    });
  return (options, callback) => {
    const host = bare(options.hostname);
    const port = Number(options.port || (options.protocol === 'https:' ? 443 : 80));
    if (lifted(host, port, policy)) connect(options, callback);
    else if (isIP(host) === 0) resolving(host)(options, callback);
    else if (isPublic(host)) connect(options, callback);
    else callback(privateError(host), null);
  };
}

function privateError(host: string): EgressError {
  return new EgressError(
    `fetch to ${host} is refused: it is not a public address (the operator can lift it with tenants.*.privateHosts)`,
  );
}

function lifted(host: string, port: number, policy: EgressPolicy): boolean {
  return policy.privateHosts.some((entry) => entry === `${host}:${port}` || entry === `[${host}]:${port}`);
}

function matches(pattern: string, host: string): boolean {
  return pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern;
}

function bare(hostname: string): string {
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase();
}

function portOf(url: URL): number {
  return Number(url.port || (url.protocol === 'https:' ? 443 : 80));
}
