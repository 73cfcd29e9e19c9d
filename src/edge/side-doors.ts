/**
 * Servers on further sockets, beside the one the HTTP server listens on: for the queues of hosts that are gone. They only
 * accept; what becomes of a connection is the HTTP server's business.
 */
import { Server } from 'node:net';
import { BACKLOG } from './ports.ts';

export class SideDoors {
  readonly #main: Server;
  readonly #hasRoom: () => boolean;
  readonly #fault: (error: Error) => void;
  /** Open, or with connections that have not ended. */
  readonly #servers: Set<Server> = new Set();

  constructor(main: Server, hasRoom: () => boolean, fault: (error: Error) => void) {
    this.#main = main;
    this.#hasRoom = hasRoom;
    this.#fault = fault;
  }

  /** Accepts until what it returns is called. */
  open(fd: number): () => void {
    // As Node's HTTP server would have them.
    const server = new Server({ allowHalfOpen: true, noDelay: true }, (socket) => {
      if (this.#hasRoom()) this.#main.emit('connection', socket);
      else socket.destroy();
    });
    this.#servers.add(server);
    server.on('error', this.#fault).once('close', () => this.#servers.delete(server));
    server.listen({ fd }, BACKLOG);
    return () => void server.close();
  }

  /** Accepts nothing more; resolves when every connection has ended. */
  async close(): Promise<void> {
    await Promise.all([...this.#servers].map((server) => new Promise((resolve) => server.close(resolve))));
  }
}
