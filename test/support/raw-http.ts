/** HTTP as bytes: what no well-behaved client can be made to send. */
import { connect } from 'node:net';

export interface RawOptions {
  /** The client ends the connection itself after this long without an answer's end. */
  readonly endAfterMs?: number;
}

/** Sends `bytes` on a connection of its own; everything received until it is closed, as Latin-1. */
export function exchange(port: number, bytes: string | Uint8Array, options: RawOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => socket.destroy(), options.endAfterMs ?? 1000);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(received);
    });
    socket.write(bytes);
  });
}
