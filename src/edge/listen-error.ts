/** Why a port could not be opened, as one sentence with the remedy. */
import { HostError } from '../contract/errors.ts';

export function listenError(error: NodeJS.ErrnoException, host: string, port: number): HostError {
  const cause = { cause: error };
  switch (error.code) {
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
      const reason = error.code ?? error.message;
      return new HostError('CONFIG_INVALID', `Cannot listen on ${host}, port ${port} (${reason}); ${remedy}.`, cause);
    }
  }
}
