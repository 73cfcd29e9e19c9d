/**
 * Carries a streamed response body to the client: one chunk is pulled when the socket wants more, so a slow reader
 * slows the function down instead of filling memory. A body that breaks off, or is not as long as it said, cuts the
 * connection: the client must not take half an answer for a whole one.
 */
import type { ServerResponse } from 'node:http';
import { type ByteStream, release } from '../contract/invocation.ts';

export class BodyPump {
  readonly #outgoing: ServerResponse;
  readonly #body: ByteStream;
  readonly #finished: (whole: boolean) => void;
  #sent = 0;
  #stopped = false;

  /** `finished` is called once, unless `stop` came first. */
  constructor(outgoing: ServerResponse, body: ByteStream, finished: (whole: boolean) => void) {
    this.#outgoing = outgoing;
    this.#body = body;
    this.#finished = finished;
  }

  start(): void {
    // The head goes out now: the first chunk may be minutes away (server-sent events).
    this.#outgoing.flushHeaders();
    this.#pull();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#body.cancel();
  }

  readonly #pull = (): void => {
    if (!this.#stopped) this.#body.read().then(this.#deliver, this.#broken);
  };

  readonly #deliver = (chunk: Uint8Array | null): void => {
    if (this.#stopped) return;
    const length = this.#body.length;
    if (chunk === null) {
      if (length !== null && this.#sent !== length) {
        this.#broken();
        return;
      }
      this.#stopped = true;
      this.#finished(true);
      return;
    }
    this.#sent += chunk.byteLength;
    if (length !== null && this.#sent > length) {
      this.#broken();
      return;
    }
    if (this.#outgoing.write(chunk, () => release(chunk))) this.#pull();
    else this.#outgoing.once('drain', this.#pull);
  };

  readonly #broken = (): void => {
    if (this.#stopped) return;
    this.stop();
    this.#finished(false);
  };
}
