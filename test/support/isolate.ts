/**
 * A guest isolate without an engine: boots the prelude, loads one user module and runs turns by hand, so that tests of
 * the runtime see exactly what crosses the border. Time is the test's: nothing here reads a clock after boot.
 */
import { transform } from 'esbuild';
import ivm from 'isolated-vm';
import type {
  FetchStart,
  GuestFacts,
  LogLevel,
  TurnBox,
  TurnCommand,
  TurnEvent,
  WireBody,
  WireContext,
} from '../../src/contract/turn.ts';
import { readCommands } from '../../src/engine/commands.ts';
import { Codecs } from '../../src/engine/compression.ts';
import { Desk, delivery, Workshop } from '../../src/engine/crypto/desk.ts';
import { Places } from '../../src/engine/crypto/places.ts';
import { createHooks, HOOK_ORDER } from '../../src/engine/hooks.ts';
import { PRELUDE_NAME, type Prelude, preludeParts, preludeSource } from '../../src/engine/prelude.ts';
import { AROUND } from '../../src/engine/shell.ts';

let source: Promise<Prelude> | null = null;
const prelude = (): Promise<Prelude> => (source ??= preludeSource().then(preludeParts));
const workshop = new Workshop(Places.memory());
let snapshot: ivm.ExternalCopy<ArrayBuffer> | null = null;

export interface GuestOptions {
  readonly env?: Record<string, string>;
  readonly services?: readonly string[];
  readonly timers?: number;
  readonly responseBytes?: number;
  readonly concurrency?: number;
  /** Boot from a startup snapshot that holds the prelude. */
  readonly snapshot?: boolean;
  readonly memoryMiB?: number;
  /** When it loads. */
  readonly nowMs?: number;
  readonly wasm?: boolean;
  /** The code is JavaScript as the bundler leaves it. */
  readonly plain?: boolean;
  /** Name of the export that is a Lambda handler. */
  readonly lambda?: string;
}

export type Command<C extends TurnCommand['c']> = Extract<TurnCommand, { c: C }>;

export interface Line {
  readonly inv: number;
  readonly level: LogLevel;
  readonly text: string;
}

export interface Turn {
  readonly commands: readonly TurnCommand[];
  readonly chunks: readonly Uint8Array[];
  readonly wake: number;
  /** The one command of that kind; throws when there is none. */
  get<C extends TurnCommand['c']>(c: C): Command<C>;
  find<C extends TurnCommand['c']>(c: C): Command<C> | undefined;
  all<C extends TurnCommand['c']>(c: C): Command<C>[];
  text(index: number): string;
}

export const START_MS = 1_800_000_000_000;

const lower = {
  'async-await': false,
  'async-generator': false,
  'for-await': false,
} as const;

const lowered = async (code: string, concurrency: number): Promise<string> => {
  const options = concurrency > 1 ? { supported: lower } : {};
  return (await transform(code, { loader: 'ts', format: 'esm', target: 'node24', ...options })).code;
};

export class Guest {
  readonly isolate: ivm.Isolate;
  readonly lines: Line[] = [];
  ready: Command<'ready'> | null = null;
  nowMs: number = START_MS;
  #turn: ivm.Reference | null = null;
  #context: ivm.Context | null = null;
  #inv = 0;
  #answered: (() => void) | null = null;
  /** The host half of `crypto.subtle`. */
  readonly desk: Desk = new Desk(workshop, {
    later: (ms, retry) => setTimeout(retry, ms),
    done: () => this.#answered?.(),
  });
  /** Bytes of log the guest may write; the hook answers false beyond it. */
  logBytes: number = 1_000_000;

  constructor(isolate: ivm.Isolate) {
    this.isolate = isolate;
  }

  async load(code: string, options: GuestOptions = {}): Promise<this> {
    const context = await this.isolate.createContext();
    if (options.nowMs !== undefined) this.nowMs = options.nowMs;
    this.#context = context;
    if (options.snapshot !== true) {
      const script = await this.isolate.compileScript((await prelude()).script, { filename: PRELUDE_NAME });
      await script.run(context);
    }
    const hooks = createHooks(
      {
        log: (inv, level, text) => {
          if (this.logBytes <= 0) return false;
          this.logBytes -= text.length;
          this.lines.push({ inv, level, text });
          return true;
        },
        subtle: (inv, op, json, bytes) => this.desk.start(inv, op, json, bytes),
        nodeCrypto: (inv, call, bytes) => this.desk.node(inv, call, bytes),
        codecs: new Codecs(options.memoryMiB ?? 64),
      },
      (await prelude()).late,
    );
    hooks.now = () => this.nowMs;
    const boot = context.global.getSync('__isolane', { reference: true }) as ivm.Reference<
      (...hooks: unknown[]) => unknown
    >;
    const entry = boot.applySync(undefined, HOOK_ORDER.map((name) => new ivm.Callback(hooks[name] as never)) as never, {
      result: { reference: true },
    }) as ivm.Reference<Record<string, never>>;
    const load = entry.getSync('load', { reference: true }) as ivm.Reference<(json: string) => void>;
    this.#turn = entry.getSync('turn', { reference: true }) as ivm.Reference;
    const facts: GuestFacts = {
      env: options.env ?? {},
      services: options.services ?? [],
      memoryMiB: options.memoryMiB ?? 64,
      wasm: options.wasm === true,
      timers: options.timers ?? 1000,
      subrequests: 50,
      responseBytes: options.responseBytes ?? 20_971_520,
      streamedResponseBytes: 209_715_200,
      concurrency: options.concurrency ?? 1,
      lambda: options.lambda ?? null,
    };
    load.applySync(undefined, [JSON.stringify(facts)]);
    const js = options.plain === true ? code : await lowered(code, options.concurrency ?? 1);
    const user = await this.isolate.compileModule(js, { filename: 'user.js' });
    const around = new Map([['isolane:user', user]]);
    for (const [name, source] of Object.entries(AROUND)) around.set(name, await this.isolate.compileModule(source));
    const start = around.get('isolane:entry') as ivm.Module;
    await start.instantiate(context, (name, importer) => {
      const found = around.get(name);
      if (found === undefined || (importer === user && name !== 'isolane:host')) throw new Error(`no module ${name}`);
      return found;
    });
    await start.evaluate({ timeout: 1000 });
    let first = this.turn([]);
    while (this.desk.owes(0)) first = await this.answer();
    this.ready = first.find('ready') ?? null;
    this.early = first;
    return this;
  }
  /** The turn in which `ready` came. */
  early: Turn | null = null;

  turn(events: readonly TurnEvent[], chunks: readonly Uint8Array[] = []): Turn {
    const box = this.#turn?.applySync(undefined, [this.nowMs, JSON.stringify(events), ...chunks], {
      timeout: 5000,
      arguments: { copy: true },
      result: { copy: true },
    }) as TurnBox;
    const commands = readCommands(box.out);
    const all = <C extends TurnCommand['c']>(c: C): Command<C>[] =>
      commands.filter((command): command is Command<C> => command.c === c);
    const held = box.chunks ?? [];
    return {
      commands,
      chunks: held,
      wake: box.wake,
      all,
      find: (c) => all(c)[0],
      get: (c) => {
        const [found] = all(c);
        if (found === undefined) throw new Error(`no '${c}' among ${box.out.slice(0, 2000)}`);
        return found;
      },
      text: (index) => new TextDecoder().decode(held[index]),
    };
  }

  /** A fetch event; `inv` counts up. */
  fetch(
    url = 'http://example.com/',
    init: { method?: string; headers?: string; body?: unknown; ctx?: object; chunks?: Uint8Array[] } = {},
  ): Turn {
    const inv = ++this.#inv;
    const ctx: WireContext = {
      invocationId: `inv-${inv}`,
      params: {},
      clientAddress: '192.0.2.1',
      deadlineMs: this.nowMs + 30_000,
      ...init.ctx,
    };
    const event: FetchStart = [
      'fetch',
      inv,
      init.method ?? 'GET',
      url,
      init.headers ?? '',
      (init.body ?? null) as WireBody,
      ctx.invocationId,
      ctx.clientAddress,
      ctx.deadlineMs,
      Object.entries(ctx.params).flat(),
      ctx.webhook ?? null,
    ];
    return this.turn([event], init.chunks ?? []);
  }

  /** Waits for results of cryptography and delivers them in one turn. */
  async answer(): Promise<Turn> {
    let results = this.desk.take();
    while (results.length === 0) {
      await new Promise<void>((resolve) => {
        this.#answered = resolve;
      });
      results = this.desk.take();
    }
    const { json, chunks } = delivery(results);
    return this.turn(JSON.parse(`[${json}]`) as TurnEvent[], chunks);
  }

  /** Delivers results of cryptography and due timers until the invocation has answered, or waits for something else. */
  async settled(turn: Turn, inv: number = this.#inv): Promise<Turn> {
    const answered = (one: Turn): boolean => one.find('head') !== undefined || one.find('failed') !== undefined;
    let last = this.ticks(turn, answered);
    while (!answered(last) && this.desk.owes(inv)) last = this.ticks(await this.answer(), answered);
    return last;
  }

  /** Advances the clock to the next due timer and ticks, until `until` holds or no timer is left. */
  ticks(turn: Turn, until: (turn: Turn) => boolean = () => false, most = 100): Turn {
    let last = turn;
    for (let i = 0; i < most && last.wake > 0 && !until(last); i++) {
      this.nowMs = Math.max(this.nowMs, last.wake);
      last = this.turn([{ e: 'tick' }]);
    }
    return last;
  }

  /** Runs `expression` as a fetch handler that returns its JSON; the parsed value. */
  static async eval(expression: string, options?: GuestOptions): Promise<unknown> {
    const guest = await openGuest(
      `export default { async fetch(request, env, ctx) { return Response.json(await (async () => { ${expression} })() ?? null); } }`,
      options,
    );
    try {
      const turn = await guest.settled(guest.fetch());
      const failed = turn.find('failed');
      if (failed !== undefined) throw new Error(`${failed.name}: ${failed.message}\n${failed.stack}`);
      const head = turn.get('head');
      return JSON.parse((head.body as { text: string }).text);
    } finally {
      guest.close();
    }
  }

  close(): void {
    this.desk.close();
    this.#context?.release();
    this.isolate.dispose();
  }
}

export const openGuest = async (code: string, options: GuestOptions = {}): Promise<Guest> => {
  if (options.snapshot === true && snapshot === null) {
    snapshot = ivm.Isolate.createSnapshot([{ code: (await prelude()).script, filename: PRELUDE_NAME }]);
  }
  const isolate = new ivm.Isolate({
    memoryLimit: options.memoryMiB ?? 64,
    ...(options.snapshot === true && snapshot !== null ? { snapshot } : {}),
  });
  const guest = new Guest(isolate);
  try {
    return await guest.load(code, options);
  } catch (error) {
    if (!isolate.isDisposed) isolate.dispose();
    throw error;
  }
};

/** Bodies of a head or fetch command as text. */
export const bodyText = (turn: Turn, body: unknown): string => {
  const wire = body as { text?: string; chunk?: number } | null;
  if (wire === null) return '';
  return wire.text ?? turn.text(wire.chunk as number);
};
