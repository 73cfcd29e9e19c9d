/**
 * A booted isolate without user code: prelude evaluated, hooks in place. Spares are shells waiting for a bundle.
 * The border rules of isolation facts §0 live here: guests get plain Callbacks only, one `turn` reference is kept by
 * the host, and the only value ever copied out is the prelude's own box.
 */
import { setFlagsFromString } from 'node:v8';
import ivm from 'isolated-vm';
import { release } from '../contract/invocation.ts';
import type { TurnBox } from '../contract/turn.ts';
import { Codecs } from './compression.ts';
import { GUEST_HEAP_FLAG, NUMBER_TEXTS_FLAG } from './flags.ts';
import { createHooks, HOOK_ORDER, type HookSink } from './hooks.ts';
import type { Image } from './image.ts';
import type { Newborn } from './nursery.ts';
import { PRELUDE_NAME, preludeParts } from './prelude.ts';
import { HEAD_LINES } from './script-form.ts';

/** What a guest asks of its lane. */
export type ShellSink = Omit<HookSink, 'codecs'>;

const COPY = { result: { copy: true } } as const;
const COPY_ALL = { result: { copy: true }, arguments: { copy: true } } as const;
/**
 * The modules around a bundle. `isolane:hide` is evaluated first and takes the prelude's `__isolane_register` away; a bundle
 * that has Node modules in it imports `isolane:host` (sandbox/README.md) and nothing else.
 */
export const AROUND: Readonly<Record<string, string>> = {
  'isolane:hide':
    'const own = globalThis.__isolane_register; const { register } = own; delete globalThis.__isolane_register; export { register, own };',
  'isolane:host': 'import { own } from "isolane:hide"; export const host = own.bridge;',
  'isolane:entry': 'import { register } from "isolane:hide"; import * as user from "isolane:user"; register(user);',
};

/** A bundle: its text, and V8's code cache of it, which only scripts have. */
export interface Code {
  readonly kind: 'module' | 'script';
  readonly source: string;
  readonly cachedData: ivm.ExternalCopy<ArrayBuffer> | null;
}

/** What a shell boots from: the snapshot when there is one, otherwise the prelude's source. */
export interface ShellStart {
  readonly prelude: { readonly source: string; cachedData: ivm.ExternalCopy<ArrayBuffer> | null };
  /** See `Prelude.late`. */
  readonly late: readonly string[];
  /** One copy for all isolates of a thread: each keeps the one it was made from as long as it lives. */
  readonly snapshot: ivm.ExternalCopy<ArrayBuffer> | null;
}

export const shellStart = (image: Image): ShellStart => {
  setFlagsFromString(GUEST_HEAP_FLAG);
  if (NUMBER_TEXTS_FLAG !== null) setFlagsFromString(NUMBER_TEXTS_FLAG);
  const { script, late } = preludeParts(image.prelude);
  const snapshot = image.snapshot === null ? null : new ivm.ExternalCopy(image.snapshot);
  return { prelude: { source: script, cachedData: null }, late, snapshot };
};

export class Shell {
  readonly isolate: ivm.Isolate;
  readonly memoryMiB: number;
  readonly handle: number;
  readonly #context: ivm.Context;
  readonly #load: ivm.Reference;
  readonly #turn: ivm.Reference;
  readonly #modules: Map<string, ivm.Module> = new Map();
  readonly #codecs: Codecs;
  #sink: ShellSink;
  #hostNs = 0;

  /** `handle`: its number with the lane's reaper. */
  constructor(start: ShellStart, { isolate, context, memoryMiB }: Newborn, handle: number, sink: ShellSink) {
    this.isolate = isolate;
    this.#context = context;
    this.memoryMiB = memoryMiB;
    this.handle = handle;
    this.#codecs = new Codecs(memoryMiB);
    this.#sink = sink;
    if (start.snapshot === null) runScript(this.isolate, this.#context, start.prelude);
    const hooks = createHooks(
      {
        log: (inv, level, text) => this.#sink.log(inv, level, text),
        subtle: (inv, op, json, bytes) => this.#sink.subtle(inv, op, json, bytes),
        codecs: this.#codecs,
        nodeCrypto: (inv, call, bytes) => this.#sink.nodeCrypto(inv, call, bytes),
      },
      start.late,
    );
    const boot = this.#context.global.getSync('__isolane', { reference: true });
    const callbacks = HOOK_ORDER.map(
      (name) => new ivm.Callback(this.#timed(hooks[name] as (...args: unknown[]) => unknown)),
    );
    const guest = boot.applySync(undefined, callbacks, { result: { reference: true } }) as ivm.Reference;
    this.#load = guest.getSync('load', { reference: true });
    this.#turn = guest.getSync('turn', { reference: true });
  }

  #around(name: string): ivm.Module {
    let made = this.#modules.get(name);
    if (made === undefined) {
      made = this.isolate.compileModuleSync(AROUND[name] ?? '', { filename: name });
      this.#modules.set(name, made);
    }
    return made;
  }

  /** Host time spent in the guest's calls since the last call of this, ns. */
  takeHostNs(): number {
    const spent = this.#hostNs;
    this.#hostNs = 0;
    return spent;
  }

  #timed<A extends unknown[], R>(hook: (...args: A) => R): (...args: A) => R {
    return (...args) => {
      const before = process.hrtime.bigint();
      const result = hook(...args);
      this.#hostNs += Number(process.hrtime.bigint() - before);
      return result;
    };
  }

  set sink(sink: ShellSink) {
    this.#sink = sink;
  }

  /** Tells the prelude about the function, then compiles and evaluates the bundle. Call inside a published turn. */
  evaluate(facts: string, code: Code, url: string): void {
    this.#load.applySync(undefined, [facts]);
    if (code.kind === 'script') {
      const { cachedData } = code;
      const script = this.#script(code.source, url, cachedData === null ? {} : { cachedData });
      script.runSync(this.#context);
      script.release();
      return;
    }
    const user = this.isolate.compileModuleSync(code.source, { filename: url });
    const entry = this.#around('isolane:entry');
    entry.instantiateSync(this.#context, (specifier, importer) => {
      if (specifier === 'isolane:user') return user;
      if (importer === user && specifier !== 'isolane:host') {
        throw new Error(`the bundle imports "${specifier}", but a bundle must be one module`);
      }
      return this.#around(specifier);
    });
    entry.evaluateSync();
  }

  /** It is sound JavaScript as a script. Runs none of it. */
  compiles({ source }: Code, url: string): boolean {
    try {
      this.#script(source, url, {}).release();
      return true;
    } catch {
      return false;
    }
  }

  /** V8's code cache of a script that has been evaluated here, with all that was compiled meanwhile. Runs none of it. */
  cacheOf({ source }: Code, url: string): ArrayBuffer {
    // V8 finds what it has of this very text, functions that ran included.
    const script = this.#script(source, url, { produceCachedData: true });
    script.release();
    return (script as { cachedData?: ivm.ExternalCopy<ArrayBuffer> }).cachedData!.copy();
  }

  #script(source: string, filename: string, options: Partial<ivm.ScriptInfo & ivm.CachedDataOptions>): ivm.Script {
    return this.isolate.compileScriptSync(source, { filename, lineOffset: -HEAD_LINES, ...options });
  }

  /**
   * One turn: delivers `json` (a JSON array of events), runs the microtasks, brings the box back. The memory of `chunks`
   * is given back at once: left to the garbage collector, bodies bring on full collections.
   */
  turn(epochMs: number, json: string, chunks: readonly Uint8Array[] | null): TurnBox {
    if (chunks === null || chunks.length === 0)
      return this.#turn.applySync(undefined, [epochMs, json], COPY) as TurnBox;
    try {
      return this.#turn.applySync(undefined, [epochMs, json, ...chunks], COPY_ALL) as TurnBox;
    } finally {
      chunks.forEach(release);
    }
  }

  /** The box of the last turn once more, with what has been added since; no new turn begins. */
  peek(): TurnBox {
    return this.#turn.applySync(undefined, [0, 'peek'], COPY) as TurnBox;
  }

  /** Heap and array buffers in use, bytes. */
  heapBytes(): number {
    const heap = this.isolate.getHeapStatisticsSync();
    return heap.used_heap_size + heap.externally_allocated_size;
  }

  dispose(): void {
    this.#codecs.closeAll();
    if (!this.isolate.isDisposed) this.isolate.dispose();
  }
}

function runScript(isolate: ivm.Isolate, context: ivm.Context, code: ShellStart['prelude']): void {
  const { cachedData } = code;
  const cache = cachedData === null ? { produceCachedData: true as const } : { cachedData };
  const script = isolate.compileScriptSync(code.source, { filename: PRELUDE_NAME, ...cache });
  code.cachedData = (script as { cachedData?: ivm.ExternalCopy<ArrayBuffer> }).cachedData ?? cachedData;
  script.runSync(context, { release: true });
  script.release();
}

/**
 * A rejection that nobody handled replaces the result of the turn in which isolated-vm notices it: the box is fetched
 * again. `null` when the isolate cannot be entered any more.
 */
export function peeked(shell: Shell): TurnBox | null {
  try {
    return shell.peek();
  } catch {
    return null;
  }
}
