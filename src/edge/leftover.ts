/**
 * Request bytes nobody read. A connection can only serve another request when the rest of this one has gone by: a
 * little is swallowed, more is not worth it and the connection closes, but not before the client had a chance to read
 * its answer (closing with unread data in the kernel would reset it).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../contract/clock.ts';
import { LEFTOVER_BYTES } from './ports.ts';

/** Swallows up to `LEFTOVER_BYTES`; then calls `then` once: whether the request is complete now. */
function swallow(incoming: IncomingMessage, then: (complete: boolean) => void): void {
  let left = LEFTOVER_BYTES;
  const finish = (complete: boolean): void => {
    incoming.off('data', onData).off('end', onEnd).off('close', onClose);
    if (!complete) incoming.pause();
    then(complete);
  };
  const onData = (chunk: Buffer): void => {
    left -= chunk.length;
    if (left < 0) finish(false);
  };
  const onEnd = (): void => finish(true);
  const onClose = (): void => finish(false);
  incoming.on('data', onData).on('end', onEnd).on('close', onClose);
  incoming.resume();
}

/** After `outgoing.end()`: keeps the connection if the rest is small and prompt, else closes it once all is sent. */
export function discardRest(incoming: IncomingMessage, outgoing: ServerResponse, clock: Clock, lingerMs: number): void {
  if (incoming.complete || incoming.destroyed) return;
  const socket = incoming.socket;
  const complete = Promise.withResolvers<boolean>();
  swallow(incoming, complete.resolve);
  outgoing.once('close', () => {
    if (socket.destroyed || incoming.complete) return;
    const timer = clock.after(lingerMs, () => socket.destroy());
    void complete.promise.then((whole) => {
      if (whole) timer.cancel();
      else socket.end();
    });
  });
}

/** Ends a response that closes its connection, after the client had time to notice. */
export function endLingering(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  clock: Clock,
  lingerMs: number,
): void {
  if (incoming.complete || incoming.destroyed) {
    outgoing.end();
    return;
  }
  const timer = clock.after(lingerMs, () => outgoing.end(() => incoming.socket.destroySoon()));
  swallow(incoming, (complete) => {
    if (!complete) return;
    timer.cancel();
    outgoing.end();
  });
}
