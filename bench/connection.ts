/** Single requests to a port of this machine, over src/load's connection. */
import { requestBytes as bytesOf, type LoadRequest } from '../src/load/plan.ts';

export { type Answer, Connection } from '../src/load/connection.ts';

export interface Target extends LoadRequest {
  readonly port: number;
}

export function requestBytes({ port, ...request }: Target): Buffer {
  return bytesOf({ name: '127.0.0.1', port, tls: false }, request);
}
