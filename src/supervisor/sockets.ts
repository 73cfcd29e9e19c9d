/**
 * The listening sockets. The supervisor binds and keeps them; hosts inherit them and listen. So connections that wait
 * while no host accepts belong to a socket that outlives every host, and are served by the next one. Several workers have
 * a socket each on the data plane's port, where the system can spread connections over them (Linux).
 */
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import * as net from 'node:net';
import type { ServerSpec } from '../contract/config.ts';
import { type Door, type ListenFailure, listenError } from '../contract/listen-error.ts';

export interface Sockets {
  /** `data`: one, or one for each worker. */
  readonly fds: { readonly data: readonly number[]; readonly admin: number };
  /** Nobody but the hosts keeps them open then. Safe to call again. */
  close(): void;
}

/** Whether this Node can hand a socket down; 24 can from 24.21 on. */
export function canHandDown(): boolean {
  return typeof (net as Partial<typeof net>).BoundSocket === 'function' && process.platform !== 'win32';
}

/** Rejects with `PORT_IN_USE`, `PORT_DENIED` or `CONFIG_INVALID`; then nothing is bound. */
export async function bindSockets(
  server: Pick<ServerSpec, 'host' | 'port' | 'adminHost' | 'adminPort'>,
  workers: number,
): Promise<Sockets> {
  const open: { close(): void }[] = [];
  const close = (): void => {
    for (const socket of open.splice(0)) socket.close();
  };
  const keep = <S extends { close(): void }>(socket: S): S => {
    open.push(socket);
    return socket;
  };
  try {
    const data = await at('data', server.host, server.port, async (host) => {
      if (workers === 1 || process.platform !== 'linux')
        return [keep(new net.BoundSocket({ host, port: server.port }))];
      // Before the port is shared, it has to be nobody's: sharing it with another program would fail at neither of them.
      if (server.port !== 0) new net.BoundSocket({ host, port: server.port }).close();
      const first = keep(new net.BoundSocket({ host, port: server.port, reusePort: true }));
      const { port } = first.address();
      keep(await claim(host, port));
      const others = Array.from({ length: workers - 1 }, () =>
        keep(new net.BoundSocket({ host, port, reusePort: true })),
      );
      return [first, ...others];
    });
    const admin = await at('admin', server.adminHost.replace(/^\[|\]$/g, ''), server.adminPort, (host) =>
      keep(new net.BoundSocket({ host, port: server.adminPort })),
    );
    return { fds: { data: data.map((socket) => socket.fd()), admin: admin.fd() }, close };
  } catch (error) {
    close();
    throw error;
  }
}

async function at<T>(door: Door, host: string, port: number, bind: (address: string) => T | Promise<T>): Promise<T> {
  try {
    return await bind((await lookup(host)).address);
  } catch (error) {
    throw listenError(door, error as ListenFailure, host, port);
  }
}

/**
 * A name beside a shared port, which only one can have. Until a host listens, another supervisor that starts at the same
 * moment would find the port free and join in. Rejects with EADDRINUSE.
 */
async function claim(host: string, port: number): Promise<net.Server> {
  const name = net.createServer((socket) => socket.destroy()).listen(`\0isolane ${host} ${port}`);
  await once(name, 'listening');
  return name;
}
