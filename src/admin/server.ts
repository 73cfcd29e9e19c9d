/** Serves the admin app on its own address; never on that of the data plane. Bounded in connections and in time. */
import { createServer, type Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { listenError } from '../contract/listen-error.ts';
import { type AdminPorts, createAdminApp } from './admin.ts';

export interface AdminServer {
  readonly url: string;
  readonly port: number;
  /** Stops listening and gives answers under way a second. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 256;
const LINGER_MS = 1000;
const BACKLOG = 511;

/**
 * Listens on `ports.adminHost`; port 0 picks a free one, `fd` is a bound socket that somebody else owns. Rejects with
 * a `HostError`.
 */
export async function openAdmin(ports: AdminPorts, port: number, fd: number | null = null): Promise<AdminServer> {
  const host = ports.adminHost.replace(/^\[|\]$/g, '');
  const app = createAdminApp(ports);
  const server = createAdaptorServer({
    fetch: app.fetch,
    // The globals of the host are not this server's to replace.
    overrideGlobalObjects: false,
    createServer,
    serverOptions: { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 5000, maxHeaderSize: 16_384 },
  }) as Server;
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError('admin', error, host, port)));
    server.listen(fd === null ? { host, port } : { fd }, BACKLOG, resolve);
  });
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return { url: `http://${shown(host)}:${actual}`, port: actual, close: () => closed(server) };
}

/** An address a browser on this machine can open. */
function shown(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function closed(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), LINGER_MS);
  await promise;
  clearTimeout(timer);
}
