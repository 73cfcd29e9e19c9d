/**
 * The two listening sockets. The supervisor binds and keeps them; hosts inherit them and listen. So connections that
 * wait while no host accepts belong to a socket that outlives every host, and are served by the next one.
 */
import { lookup } from 'node:dns/promises';
import * as net from 'node:net';
import type { ServerSpec } from '../contract/config.ts';
import { type Door, type ListenFailure, listenError } from '../contract/listen-error.ts';

export interface Sockets {
  readonly fds: { readonly data: number; readonly admin: number };
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
): Promise<Sockets> {
  const data = await bind('data', server.host, server.port);
  try {
    const admin = await bind('admin', server.adminHost.replace(/^\[|\]$/g, ''), server.adminPort);
    let open = true;
    const close = (): void => {
      if (open) for (const socket of [data, admin]) socket.close();
      open = false;
    };
    return { fds: { data: data.fd(), admin: admin.fd() }, close };
  } catch (error) {
    data.close();
    throw error;
  }
}

async function bind(door: Door, host: string, port: number): Promise<net.BoundSocket> {
  try {
    const { address } = await lookup(host);
    return new net.BoundSocket({ host: address, port });
  } catch (error) {
    throw listenError(door, error as ListenFailure, host, port);
  }
}
