/**
 * MessageChannel and MessagePort, within one isolate: a message is cloned when it is posted and delivered in a task of its
 * own, as the invocation that posted it. Ports can be transferred, also through each other. Built on first touch.
 */
import { isObject, List, NativeTypeError, SYM_ITERATOR } from './00-primordials.ts';
import { arity, enumerable } from './04-globals.ts';
import { current, type Invocation } from './10-box.ts';
import { rare } from './13-rare.ts';
import { DOMException } from './15-dom-exception.ts';
import { EventTarget, eventAttribute, fireTrusted } from './20-events.ts';
import { task } from './21-timers.ts';
import { messageEvents, setPortCheck } from './23-event-classes.ts';
import { type Cloned, cloneAndMove, type Transferable, transferable, transferList } from './70-structured-clone.ts';
import { withStreams } from './71-stream-transfer.ts';

/** Messages that wait in one port at most. */
const MOST_WAITING = 10_000;
const TOKEN = {};

/** One end of a channel: it outlives the object that stands for it, which a transfer replaces. */
interface End {
  /** `null` once either end was closed. */
  other: End | null;
  port: EventTarget | null;
  started: boolean;
  readonly waiting: List<{ readonly message: Cloned; readonly inv: Invocation }>;
}

/** Set with the first port. */
let isPort: (value: unknown) => boolean = () => false;
let prepare: Transferable['prepare'];
let move: Transferable['move'];
rare(
  'message-port>',
  'MessageChannel MessagePort',
  () => {
    withStreams();
    transferable({
      is: (value) => isPort(value),
      prepare: (value) => prepare(value),
      move: (value, to) => move(value, to),
    });
    const newEnd = (): End => ({ other: null, port: null, started: false, waiting: new List() });

    let endOf: (port: object) => End | null;
    let setEnd: (port: object, end: End | null) => void;

    const dispatch = (end: End, message: Cloned): void => {
      if (end.port === null) return;
      const { MessageEvent } = messageEvents();
      const ports: unknown[] = [];
      for (let i = 0; i < message.moved.length; i++) {
        if (isPort(message.moved[i])) ports[ports.length] = message.moved[i];
      }
      fireTrusted(end.port, new MessageEvent('message', { data: message.value, ports }));
    };

    /** One message a task; `at` is whose invocation it runs as. */
    const deliver = (end: End, at: number): void => {
      const next = end.waiting[at];
      if (!end.started || end.port === null || next === undefined) return;
      task(next.inv, () => {
        if (!end.started || end.port === null || end.waiting.length === 0) return;
        const { message } = end.waiting[0] as { message: Cloned };
        for (let i = 1; i < end.waiting.length; i++) end.waiting[i - 1] = end.waiting[i] as never;
        end.waiting.length--;
        dispatch(end, message);
      });
    };

    const post = (from: End, value: unknown, transfer: List<object>, self: object): void => {
      for (let i = 0; i < transfer.length; i++) {
        if (transfer[i] === self) throw new DOMException('A port cannot be sent through itself', 'DataCloneError');
      }
      const to = from.other;
      const message = cloneAndMove(value, transfer);
      if (to === null) return;
      if (to.waiting.length >= MOST_WAITING) {
        throw new DOMException(`More than ${MOST_WAITING} messages wait in a port`, 'QuotaExceededError');
      }
      to.waiting.push({ message, inv: current });
      deliver(to, to.waiting.length - 1);
    };

    const start = (end: End | null): void => {
      if (end === null || end.started) return;
      end.started = true;
      for (let i = 0; i < end.waiting.length; i++) deliver(end, i);
    };

    class MessagePort extends EventTarget {
      #end: End | null = null;
      static {
        endOf = (port) => (port as MessagePort).#end;
        setEnd = (port, end) => {
          (port as MessagePort).#end = end;
          if (end !== null) end.port = port as MessagePort;
        };
        isPort = (value) => isObject(value) && #end in value;
      }
      constructor(token?: unknown) {
        if (token !== TOKEN) throw new NativeTypeError('Illegal constructor');
        super();
      }
      postMessage(value: unknown, given?: unknown): void {
        const list = isObject(given) && typeof (given as Partial<Iterable<unknown>>)[SYM_ITERATOR] !== 'function';
        const transfer = transferList(list ? (given as { transfer?: unknown }).transfer : (given ?? undefined));
        if (this.#end !== null) post(this.#end, value, transfer, this);
      }
      start(): void {
        start(this.#end);
      }
      close(): void {
        const end = this.#end;
        if (end === null) return;
        this.#end = null;
        end.port = null;
        if (end.other !== null) end.other.other = null;
        end.other = null;
      }
    }
    eventAttribute(MessagePort.prototype, 'message', undefined, (port) => start(endOf(port)));
    eventAttribute(MessagePort.prototype, 'messageerror');
    enumerable(MessagePort.prototype, ['postMessage', 'start', 'close']);
    arity(MessagePort.prototype, 'MessagePort', { postMessage: 1 });
    setPortCheck(isPort);

    class MessageChannel {
      readonly #port1 = new MessagePort(TOKEN);
      readonly #port2 = new MessagePort(TOKEN);
      constructor() {
        const one = newEnd();
        const two = newEnd();
        one.other = two;
        two.other = one;
        setEnd(this.#port1, one);
        setEnd(this.#port2, two);
      }
      get port1(): MessagePort {
        return this.#port1;
      }
      get port2(): MessagePort {
        return this.#port2;
      }
    }
    enumerable(MessageChannel.prototype, ['port1', 'port2']);
    prepare = (value) => {
      if (endOf(value) === null) throw new DOMException('The port is closed or was transferred', 'DataCloneError');
      return new MessagePort(TOKEN);
    };
    move = (value, to) => {
      const end = endOf(value) as End;
      setEnd(value, null);
      end.started = false;
      setEnd(to, end);
    };
    return { MessageChannel, MessagePort };
  },
  '<message-port',
);
