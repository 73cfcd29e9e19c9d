/**
 * Connections for guests. Every name is resolved here, every answer is judged, only judged addresses are connected to
 * (a second answer cannot rebind), and where the connection really ended is looked at once more. One agent a policy:
 * no two tenants ever share a socket, so what a server says out of turn reaches nobody else.
 */
import { type LookupAddress, lookup, promises } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP, type LookupFunction, type Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { Agent, buildConnector } from 'undici';
import { Machine } from './addresses.ts';
import { checkAddress, type Destination, destination, EgressError, type EgressPolicy, isLifted } from './egress.ts';

export interface AgentOptions {
  /** Ports of this machine that no fetch may reach, whatever the operator lifted; asked at every connection. */
  readonly closedPorts?: () => readonly number[];
  /** DNS servers; default: the machine's own. */
  readonly dnsServers?: readonly string[];
  /** All sockets of one tenant, idle ones too: each is a file descriptor of the host. Default 1000. */
  readonly socketsPerTenant?: number;
  /** The same of all tenants together. Default: half of the descriptors this process may have. */
  readonly socketsInAll?: number;
}

const CONNECT_MS = 10_000;
/** One try, and how many. */
const DNS = { timeout: 2000, tries: 2 } as const;
/** Addresses of one family worth trying; all of them are judged. */
const TRIED = 8;
/** Sockets of one policy to one origin. */
const SOCKETS_PER_ORIGIN = 64;
const SOCKETS_PER_TENANT = 1000;
/** Of the descriptors this process may have; the rest is for clients, files and engine processes. */
const SOCKETS_SHARE = 0.5;
/** An idle one waits this long for its next request, and at most so long if the server offers more. */
const IDLE_MS = { usual: 4000, most: 10_000 } as const;
/** Without a byte. A wall limit above this is for work, not for servers that have gone silent. */
const SILENCE_MS = 300_000;
const HEAD_BYTES = 64 * 1024;

export class Agents {
  readonly #closedPorts: () => readonly number[];
  readonly #socketsPerTenant: number;
  readonly #socketsInAll: number;
  #open = 0;
  readonly #resolver: promises.Resolver = new promises.Resolver(DNS);
  readonly #sockets: Map<string, number> = new Map();
  readonly #agents: LRUCache<string, Agent> = new LRUCache({
    max: 500,
    dispose: (agent) => {
      agent.close().catch(() => undefined);
    },
  });

  constructor(options: AgentOptions = {}) {
    this.#closedPorts = options.closedPorts ?? (() => []);
    this.#socketsPerTenant = options.socketsPerTenant ?? SOCKETS_PER_TENANT;
    this.#socketsInAll = options.socketsInAll ?? Math.floor(descriptors() * SOCKETS_SHARE);
    if (options.dnsServers !== undefined) this.#resolver.setServers(options.dnsServers);
  }

  machine(): Machine {
    return new Machine(this.#closedPorts());
  }

  agent(policy: EgressPolicy): Agent {
    const key = JSON.stringify([policy.tenant, policy.allow, policy.privateHosts]);
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = new Agent({
      connect: (options, callback) => this.#connect(options, policy, callback),
      // One request a connection at a time: no stream of one guest beside another's.
      allowH2: false,
      pipelining: 1,
      connections: SOCKETS_PER_ORIGIN,
      keepAliveTimeout: IDLE_MS.usual,
      keepAliveMaxTimeout: IDLE_MS.most,
      bodyTimeout: SILENCE_MS,
      headersTimeout: SILENCE_MS,
      maxHeaderSize: HEAD_BYTES,
    });
    this.#agents.set(key, agent);
    return agent;
  }

  /** A connection of its own, judged like all others; encrypted for https:. */
  connect(url: URL, policy: EgressPolicy): Promise<Socket> {
    const { hostname, host, protocol, port } = url;
    const servername = isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? { servername: hostname } : {};
    return new Promise((resolve, reject) => {
      this.#connect({ hostname, host, protocol, port, ...servername }, policy, (...[error, socket]) => {
        if (error === null) resolve(socket);
        else reject(error);
      });
    });
  }

  async close(): Promise<void> {
    this.#resolver.cancel();
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  #connect(options: buildConnector.Options, policy: EgressPolicy, callback: buildConnector.Callback): void {
    const to = destination(options.hostname, options.port, options.protocol);
    const machine = this.machine();
    const { tenant } = policy;
    try {
      if (isIP(to.host) !== 0) checkAddress(to.host, to, policy, machine);
      this.#take(tenant);
    } catch (error) {
      callback(error as Error, null);
      return;
    }
    const judged: LookupFunction = (_name, how, done) => {
      this.#judge(to, policy, machine)
        .then(
          (addresses) => {
            if (how.all === true) done(null, addresses);
            else done(null, addresses[0].address, addresses[0].family);
          },
          (error: unknown) => done(error as Error, []),
        )
        // What Node's socket makes of an answer is nobody else's to end by; this one then runs into its time limit.
        .catch(() => undefined);
    };
    const connect = buildConnector({ timeout: CONNECT_MS, allowH2: false, lookup: judged });
    connect(options, (...[error, socket]) => {
      if (error !== null) {
        this.#give(tenant);
        callback(error, null);
        return;
      }
      socket.once('close', () => this.#give(tenant));
      try {
        checkAddress(socket.remoteAddress ?? '', to, policy, machine);
      } catch (refusal) {
        socket.destroy();
        callback(refusal as Error, null);
        return;
      }
      callback(null, socket);
    });
  }

  #take(tenant: string): void {
    const sockets = this.#sockets.get(tenant) ?? 0;
    if (sockets >= this.#socketsPerTenant) {
      throw new EgressError(
        `fetch is refused: ${this.#socketsPerTenant} connections of this tenant are open; read or cancel response bodies`,
      );
    }
    if (this.#open >= this.#socketsInAll) {
      throw new EgressError(
        `fetch is refused: ${this.#open} connections of all functions are open, as many as the host's limit of file descriptors allows (ulimit -n); try again shortly`,
      );
    }
    this.#open += 1;
    this.#sockets.set(tenant, sockets + 1);
  }

  #give(tenant: string): void {
    this.#open -= 1;
    const sockets = this.#sockets.get(tenant)! - 1;
    if (sockets === 0) this.#sockets.delete(tenant);
    else this.#sockets.set(tenant, sockets);
  }

  /** Addresses of a name, at least one, every one of them judged. */
  async #judge(to: Destination, policy: EgressPolicy, machine: Machine): Promise<[LookupAddress, ...LookupAddress[]]> {
    const found = isLifted(to, policy) ? await systemLookup(to.host) : await this.#resolve(to.host);
    for (const { address } of found) checkAddress(address, to, policy, machine);
    const [first, ...rest] = [4, 6].flatMap((family) =>
      found.filter((entry) => entry.family === family).slice(0, TRIED),
    );
    if (first === undefined) throw new EgressError(`fetch to ${to.host} failed: it has no address`);
    return [first, ...rest];
  }

  /**
   * By DNS alone: the system's resolver has four threads for the whole process, and a name whose server never answers
   * would hold one of them.
   */
  async #resolve(host: string): Promise<LookupAddress[]> {
    const [four, six] = await Promise.allSettled([this.#resolver.resolve4(host), this.#resolver.resolve6(host)]);
    if (four.status === 'rejected' && six.status === 'rejected') throw four.reason;
    return [
      ...(four.status === 'fulfilled' ? four.value : []).map((address) => ({ address, family: 4 })),
      ...(six.status === 'fulfilled' ? six.value : []).map((address) => ({ address, family: 6 })),
    ];
  }
}

/** How many this process may have open. Without /proc: as if there were no limit. */
function descriptors(): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Names that the operator lifted may be in the hosts file, or known to a directory service. */
function systemLookup(host: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, addresses) => (error === null ? resolve(addresses) : reject(error)));
  });
}
