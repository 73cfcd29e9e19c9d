/**
 * The inside of a WebSocket. It has one of three other ends: the host's wire, its twin in this isolate, or nobody yet,
 * and keeps for whoever comes what was said meanwhile. Built on first touch, with CloseEvent.
 */
import {
  isView,
  List,
  NativeRangeError,
  NativeTypeError,
  objectCreate,
  toNum,
  toWellFormed,
  viewBuffer,
} from './00-primordials.ts';
import { enumerable, lengthOf } from './04-globals.ts';
import { type Invocation, tight } from './10-box.ts';
import { rare } from './13-rare.ts';
import { DOMException } from './15-dom-exception.ts';
import { dictionary, Event, type EventInit, type EventTarget, fireTrusted } from './20-events.ts';
import { errorEvents, messageEvents } from './23-event-classes.ts';
import { blobOf } from './46-blob.ts';
import { type SocketEnd, type SocketUser, SocketWire } from './54-sockets.ts';

export const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3] as const;
/** Messages sent before anybody is at the other end. */
const EARLY = 1000;

export type Data = string | Uint8Array;
type Ending = Parameters<SocketUser['ended']>[0];

export interface End extends SocketUser, SocketEnd {
  target: EventTarget;
  state: number;
  url: string;
  origin: string;
  protocol: string;
  binaryType: 'blob' | 'arraybuffer';
  wire: SocketWire | null;
  twin: End | null;
  /** Of a socket that `fetch` asked for: its response, or that there is none. */
  opened: ((protocol: string, headers: string) => void) | null;
  failed: ((message: string) => void) | null;
  readonly buffered: number;
  accept(): void;
  send(data: Data, size: number): void;
  /** `code` 0: none is given. */
  close(code: number, reason: string): void;
}

interface CloseInit extends EventInit {
  code?: unknown;
  reason?: unknown;
  wasClean?: unknown;
}
const NOTHING = objectCreate(null) as CloseInit;

interface Ends {
  readonly CloseEvent: new (type: unknown, init?: EventInit) => Event;
  newEnd(state: number, accepted: boolean): End;
}

export const ends: () => Ends = rare(
  'socket-end>',
  'CloseEvent',
  (): Ends => {
    class CloseEvent extends Event {
      readonly #wasClean: boolean;
      readonly #code: number;
      readonly #reason: string;
      constructor(type: unknown, init?: CloseInit) {
        // biome-ignore lint/complexity/noArguments: WebIDL counts the arguments given
        if (arguments.length === 0) throw new NativeTypeError('CloseEvent: 1 argument required');
        super(type, init);
        const { code, reason, wasClean } = dictionary(init, 'CloseEvent') ?? NOTHING;
        this.#code = toNum(code ?? 0) & 0xffff;
        this.#reason = reason === undefined ? '' : toWellFormed(`${reason as string}`);
        this.#wasClean = !!wasClean;
      }
      get wasClean(): boolean {
        return this.#wasClean;
      }
      get code(): number {
        return this.#code;
      }
      get reason(): string {
        return this.#reason;
      }
    }
    enumerable(CloseEvent.prototype, ['wasClean', 'code', 'reason']);
    lengthOf(CloseEvent, 1);

    class Half implements End {
      target = undefined as unknown as EventTarget;
      state: number;
      url = '';
      origin = '';
      protocol = '';
      binaryType: 'blob' | 'arraybuffer';
      /** Events flow: from the start in `new WebSocket`, from `accept()` on in all others. */
      accepted: boolean;
      /** It was given away as an answer. */
      away = false;
      wire: SocketWire | null = null;
      twin: Half | null = null;
      /** Sent or closed while nobody was at the other end. */
      #early = new List<() => void>();
      /** Heard before `accept()`. */
      #inbox = new List<Data | Ending>();
      /** What it hears goes on to this one's wire: a function that hands the socket of its `fetch` to its client. */
      #onward: Half | null = null;
      #lost = 0;
      #ended: (() => void) | null = null;
      opened: ((protocol: string, headers: string) => void) | null = null;
      failed: ((message: string) => void) | null = null;

      constructor(state: number, accepted: boolean) {
        this.state = state;
        this.accepted = accepted;
        this.binaryType = accepted ? 'blob' : 'arraybuffer';
      }

      get buffered(): number {
        return this.#lost + (this.wire === null ? 0 : this.wire.buffered);
      }

      open(protocol: string, headers: string): void {
        if (this.state !== CONNECTING) return;
        this.state = OPEN;
        this.protocol = protocol;
        if (this.opened !== null) this.opened(protocol, headers);
        else fireTrusted(this.target, new Event('open'));
      }

      message(data: Data): void {
        if (!this.accepted) this.#inbox.push(data);
        else if (this.#onward !== null) this.#onward.#wireOf().send(data, 0);
        else if (this.state === OPEN) {
          const given =
            typeof data === 'string' ? data : this.binaryType === 'blob' ? blobOf(data, '') : viewBuffer(tight(data));
          fireTrusted(this.target, new (messageEvents().MessageEvent)('message', { data: given, origin: this.origin }));
        }
      }

      ended(end: Ending): void {
        const { failed } = this;
        if (failed !== null && this.state === CONNECTING) {
          this.state = CLOSED;
          failed(end.error ?? 'the connection failed');
          return;
        }
        if (!this.accepted) this.#inbox.push(end);
        else if (this.#onward !== null) {
          const { code, reason } = end;
          // What only says that no code came, or that it broke off, cannot be said in a close.
          this.#onward.#wireOf().close(code === 1005 ? 0 : end.clean ? code : 1011, reason);
        } else if (this.state !== CLOSED) {
          this.state = CLOSED;
          if (end.error !== null)
            fireTrusted(this.target, new (errorEvents().ErrorEvent)('error', { message: end.error }));
          const { code, reason, clean } = end;
          fireTrusted(this.target, new CloseEvent('close', { code, reason, wasClean: clean }));
        }
        const done = this.#ended;
        this.#ended = null;
        if (done !== null) done();
      }

      dropped(): void {
        this.state = CLOSED;
      }

      accept(): void {
        if (this.away)
          throw new NativeTypeError('accept: this WebSocket is the answer of a request; accept the other one');
        if (this.accepted) return;
        later(() => this.#open());
        this.accepted = true;
        if (this.twin !== null) this.twin.#flush();
      }

      send(data: Data, size: number): void {
        if (!this.accepted)
          throw new DOMException('Call accept() on this WebSocket before send()', 'InvalidStateError');
        if (this.state === CONNECTING) throw new DOMException('The WebSocket is not open yet', 'InvalidStateError');
        if (this.state !== OPEN) {
          this.#lost += size;
          return;
        }
        this.#say((wire, twin) => {
          if (wire !== null) wire.send(data, size);
          else later(() => twin?.message(data));
        });
      }

      close(code: number, reason: string): void {
        if (this.state >= CLOSING) return;
        if (!this.accepted && this.wire === null && this.twin === null) {
          this.state = CLOSED;
          return;
        }
        this.state = CLOSING;
        this.#say((wire, twin) => {
          if (wire !== null) {
            wire.close(code, reason);
            return;
          }
          const end = { code: code === 0 ? 1005 : code, reason, clean: true, error: null };
          later(() => {
            twin?.ended(end);
            this.ended(end);
          });
        });
      }

      answer(inv: Invocation, ended: () => void): { id: number; go(): void } {
        const twin = this.wire === null ? this.twin : this.#relay();
        if (twin === null || this.accepted || this.away) {
          throw new NativeTypeError(
            'The Response has a webSocket that cannot be an answer: return one of a new WebSocketPair, and accept() the other',
          );
        }
        this.away = true;
        const wire = new SocketWire(inv, twin);
        twin.wire = wire;
        twin.#ended = ended;
        this.twin = null;
        twin.twin = null;
        return {
          id: wire.id,
          go: () => {
            twin.#flush();
            if (this.#onward === null) return;
            this.accepted = true;
            this.#open();
          },
        };
      }

      /** Another end that hears and says to the answer's wire what this one says and hears on its own. */
      #relay(): Half {
        const relay = new Half(OPEN, true);
        relay.#onward = this;
        this.#onward = relay;
        return relay;
      }

      #wireOf(): SocketWire {
        return this.wire as SocketWire;
      }

      /** What was heard before. */
      #open(): void {
        const inbox = this.#inbox;
        this.#inbox = new List();
        for (let i = 0; i < inbox.length; i++) {
          const one = inbox[i] as Data | Ending;
          if (typeof one === 'string' || isView(one)) this.message(one);
          else this.ended(one);
        }
      }

      /** To whoever is at the other end, or will be. */
      #say(how: (wire: SocketWire | null, twin: Half | null) => void): void {
        if (this.wire !== null) how(this.wire, null);
        else if (this.twin === null || this.twin.accepted) how(null, this.twin);
        else if (this.#early.length >= EARLY) {
          throw new NativeRangeError(`A WebSocket that nobody has yet takes ${EARLY} messages; return its pair first`);
        } else this.#early.push(() => how(this.wire, this.twin));
      }

      #flush(): void {
        const early = this.#early;
        this.#early = new List();
        run(early);
      }
    }

    const run = (list: List<() => void>): void => {
      for (let i = 0; i < list.length; i++) (list[i] as () => void)();
    };
    /** In a microtask: who sends is not interrupted by who receives. */
    const later = async (task: () => void): Promise<void> => {
      await undefined;
      task();
    };

    return { CloseEvent, newEnd: (state: number, accepted: boolean): End => new Half(state, accepted) };
  },
  '<socket-end',
);
