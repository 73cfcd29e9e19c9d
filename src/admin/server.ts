/** Serves the admin app on its own address; never on that of the data plane. Bounded in connections and in time. */
import { createServer, type Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { HostError } from '../contract/errors.ts';
import { type AdminPorts, createAdminApp } from './admin.ts';

export interface AdminServer {
  readonly url: string;
  readonly port: number;
  /** Stops listening and gives answers under way a second. */
  close(): Promise<void>;
}

const MAX_CONNECTIONS = 256;
const LINGER_MS = 1000;

/** Listens on `ports.adminHost`; port 0 picks a free one. Rejects with a `HostError`. */
export async function openAdmin(ports: AdminPorts, port: number): Promise<AdminServer> {
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
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen({ host, port }, resolve);
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

function listenError(error: NodeJS.ErrnoException, host: string, port: number): HostError {
  const cause = { cause: error };
  const where = `The admin port ${port} on ${host}`;
  switch (error.code) {
    case 'EADDRINUSE': {
      const remedy = 'stop it or choose another (--admin-port, server.adminPort; 0 picks a free one)';
      return new HostError('PORT_IN_USE', `${where} is in use by another program; ${remedy}.`, cause);
    }
    case 'EACCES':
      return new HostError('PORT_DENIED', `${where} may not be opened by this user; choose one above 1023.`, cause);
    default: {
      const reason = error.code ?? error.message;
      const remedy = 'give server.adminHost an address of this machine, such as 127.0.0.1';
      return new HostError('CONFIG_INVALID', `${where} cannot be opened (${reason}); ${remedy}.`, cause);
    }
  }
}
