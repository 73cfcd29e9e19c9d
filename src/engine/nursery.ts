/**
 * Where isolates are made: three milliseconds each that no lane spends. A trusted isolate on a thread of isolated-vm's pool
 * makes them, one at a time, and hands them over; what is left for the lane is to give one its hooks. An isolate belongs to no
 * thread, only its callbacks do. No guest ever runs here.
 */
import ivm from 'isolated-vm';

export interface Newborn {
  readonly isolate: ivm.Isolate;
  readonly context: ivm.Context;
  readonly memoryMiB: number;
}

const NURSERY_MIB = 16;
const SOURCE = `(() => {
  let made = null;
  globalThis.make = (memoryLimit) => {
    const onCatastrophicError = (message) => { sick.applyIgnored(undefined, [message]); };
    const isolate = new ivm.Isolate({ memoryLimit, onCatastrophicError, ...(snapshot === null ? {} : { snapshot }) });
    return isolate.createContext().then((context) => { made = { isolate, context }; });
  };
  globalThis.isolate = () => made.isolate;
  globalThis.context = () => { const { context } = made; made = null; return context; };
})()`;

export class Nursery {
  readonly #isolate: ivm.Isolate;
  readonly #make: ivm.Reference;
  readonly #takeIsolate: ivm.Reference;
  readonly #takeContext: ivm.Reference;
  readonly #snapshot: ivm.ExternalCopy<ArrayBuffer> | null;
  readonly #ready: () => void;
  readonly #sick: (message: string) => void;
  #made: Newborn | null = null;
  #isMaking = false;
  #isClosed = false;

  /** `ready`: one has been made. `sick`: isolated-vm reports of one what it cannot contain. */
  constructor(snapshot: ivm.ExternalCopy<ArrayBuffer> | null, ready: () => void, sick: (message: string) => void) {
    this.#snapshot = snapshot;
    this.#ready = ready;
    this.#sick = sick;
    this.#isolate = new ivm.Isolate({ memoryLimit: NURSERY_MIB });
    const context = this.#isolate.createContextSync();
    context.global.setSync('ivm', ivm);
    context.global.setSync('snapshot', snapshot);
    context.global.setSync('sick', new ivm.Reference((message: unknown) => sick(String(message))));
    this.#isolate.compileScriptSync(SOURCE).runSync(context);
    this.#make = context.global.getSync('make', { reference: true });
    this.#takeIsolate = context.global.getSync('isolate', { reference: true });
    this.#takeContext = context.global.getSync('context', { reference: true });
  }

  /** The thread pool is at work, and the event loop is told when it is done. */
  get isMaking(): boolean {
    return this.#isMaking;
  }

  /** Nothing happens while it has one to make or to be taken. */
  make(memoryMiB: number): void {
    if (this.#isMaking || this.#made !== null || this.#isClosed) return;
    this.#isMaking = true;
    this.#make.apply(undefined, [memoryMiB], { result: { promise: true } }).then(
      () => this.#took(memoryMiB),
      () => this.#failed(),
    );
  }

  /** On the calling thread. */
  makeHere(memoryMiB: number): Newborn {
    const isolate = new ivm.Isolate({
      memoryLimit: memoryMiB,
      onCatastrophicError: this.#sick,
      ...(this.#snapshot === null ? {} : { snapshot: this.#snapshot }),
    });
    return { isolate, context: isolate.createContextSync(), memoryMiB };
  }

  take(): Newborn | null {
    const made = this.#made;
    this.#made = null;
    return made;
  }

  /** What is being made is waited for: a thread of the pool works for this thread's event loop. */
  close(): void {
    this.#isClosed = true;
    this.#made?.isolate.dispose();
    this.#made = null;
    if (!this.#isMaking) this.#isolate.dispose();
  }

  #took(memoryMiB: number): void {
    this.#isMaking = false;
    // Nothing runs in it now: its lock is free.
    const isolate = this.#takeIsolate.applySync(undefined, []) as ivm.Isolate;
    const context = this.#takeContext.applySync(undefined, []) as ivm.Context;
    this.#made = { isolate, context, memoryMiB };
    if (this.#isClosed) this.close();
    else this.#ready();
  }

  #failed(): void {
    this.#isMaking = false;
    if (this.#isClosed) this.close();
    else this.#ready();
  }
}
