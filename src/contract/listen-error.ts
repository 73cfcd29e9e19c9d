/** Why a port could not be opened, as one sentence with the remedy; the same whoever opens it. */
import { HostError } from './errors.ts';

export type Door = 'data' | 'admin';

/** What a failed bind or listen says of itself. */
export type ListenFailure = Error & { readonly code?: string };

export function listenError(door: Door, failure: ListenFailure, host: string, port: number): HostError {
  return door === 'data' ? dataError(failure, host, port) : adminError(failure, host, port);
}

function dataError(failure: ListenFailure, host: string, port: number): HostError {
  const cause = { cause: failure };
  switch (failure.code) {
    case 'EADDRINUSE': {
      const remedy = 'stop it or choose another port (--port, server.port; 0 picks a free one)';
      return new HostError('PORT_IN_USE', `Port ${port} on ${host} is in use by another program; ${remedy}.`, cause);
    }
    case 'EACCES': {
      const remedy = 'choose a port above 1023 (--port, server.port) or grant the right to bind low ports';
      return new HostError('PORT_DENIED', `Port ${port} on ${host} may not be opened by this user; ${remedy}.`, cause);
    }
    default: {
      const remedy = 'give an address of this machine, such as 127.0.0.1 (--host, server.host)';
      const reason = failure.code ?? failure.message;
      return new HostError('CONFIG_INVALID', `Cannot listen on ${host}, port ${port} (${reason}); ${remedy}.`, cause);
    }
  }
}

function adminError(failure: ListenFailure, host: string, port: number): HostError {
  const cause = { cause: failure };
  const where = `The admin port ${port} on ${host}`;
  switch (failure.code) {
    case 'EADDRINUSE': {
      const remedy = 'stop it or choose another (--admin-port, server.adminPort; 0 picks a free one)';
      return new HostError('PORT_IN_USE', `${where} is in use by another program; ${remedy}.`, cause);
    }
    case 'EACCES':
      return new HostError('PORT_DENIED', `${where} may not be opened by this user; choose one above 1023.`, cause);
    default: {
      const reason = failure.code ?? failure.message;
      const remedy = 'give server.adminHost an address of this machine, such as 127.0.0.1';
      return new HostError('CONFIG_INVALID', `${where} cannot be opened (${reason}); ${remedy}.`, cause);
    }
  }
}
