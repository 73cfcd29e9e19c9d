/**
 * What stands for a page around a test, the same in an isolate and on plain Node. These functions travel as their own text
 * (`toString`), so each uses nothing but its parameters and the globals of where it runs.
 */

/** Everything of a page that its functions are told. */
export interface PageFacts {
  readonly href: string;
  readonly location: Readonly<Record<string, string>>;
  /** What relative addresses lead to, by path: text, or bytes as a list. */
  readonly files: Readonly<Record<string, string | readonly number[]>>;
  /** `Request` takes addresses relative to the page, which a runtime without pages refuses. */
  readonly relativeRequests: boolean;
  readonly deadlineMs: number;
  /** What a subtest fails with that needs shared memory or WebAssembly. */
  readonly refusal: string;
}

export interface SubtestResult {
  readonly name: string;
  /** 0 passed, 1 failed, 2 timed out, 3 not run, 4 a precondition failed. */
  readonly status: number;
  readonly message: string;
}

export interface PageResult {
  /** 0 ok, 1 error, 2 timed out, 3 a precondition failed. */
  readonly status: number;
  readonly message: string;
  readonly tests: readonly SubtestResult[];
}

/** Runs before testharness.js. */
export function openPage(facts: PageFacts): void {
  const world = globalThis as unknown as Record<string, unknown>;
  const put = (name: string, value: unknown): void => {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  };
  if (!('self' in world)) put('self', globalThis);
  const no = (): boolean => false;
  put('GLOBAL', { isWindow: no, isWorker: no, isShadowRealm: no });
  put('location', { ...facts.location, toString: () => facts.href });

  const refuse = (): never => {
    throw new Error(facts.refusal);
  };
  const refusing = (): unknown =>
    function refused(): never {
      return refuse();
    };
  put('SharedArrayBuffer', refusing());
  const wasm = ['Memory', 'Module', 'Instance', 'Table', 'Global', 'compile', 'instantiate', 'validate'];
  put('WebAssembly', Object.fromEntries(wasm.map((name) => [name, refusing()])));

  const native = world['fetch'] as typeof fetch;
  // A test may replace what it finds.
  const { URL: Address, Response: Answer, Uint8Array: Bytes, Promise: Later, TypeError: Refusal } = globalThis;
  const types: Readonly<Record<string, string>> = {
    json: 'application/json',
    txt: 'text/plain',
    html: 'text/html',
    js: 'text/javascript',
  };
  const answer = (path: string): Response | null => {
    const file = facts.files[path];
    if (file === undefined) return null;
    const type = types[path.slice(path.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
    const body = typeof file === 'string' ? file : new Bytes(file);
    return new Answer(body, { headers: { 'content-type': type } });
  };
  const shim = {
    fetch(input: unknown, ...rest: unknown[]): Promise<unknown> {
      let url: URL | null = null;
      const signal = (rest[0] as RequestInit | undefined)?.signal ?? (input as Partial<Request> | null)?.signal;
      if (signal?.aborted === true) return Later.reject(signal.reason);
      try {
        const address = typeof input === 'string' || input instanceof Address ? `${input}` : (input as Request).url;
        url = new Address(address, facts.href);
      } catch {
        // The native one says what is wrong.
      }
      if (url !== null && /(^|\.)web-platform\.test$/.test(url.hostname)) {
        const response = url.origin === facts.location['origin'] ? answer(url.pathname) : null;
        return response === null
          ? Later.reject(new Refusal(`nothing is served at ${url.href}`))
          : Later.resolve(response);
      }
      return Reflect.apply(native, globalThis, [input, ...rest]) as Promise<unknown>;
    },
  };
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  if (facts.relativeRequests) {
    const construct = (target: object, args: unknown[], asked: unknown): object => {
      const [address, ...rest] = args;
      const absolute = typeof address === 'string' ? new Address(address, facts.href).href : address;
      return Reflect.construct(target as never, [absolute, ...rest], (asked === proxy ? target : asked) as never);
    };
    const proxy: unknown = new Proxy(Request, { construct });
    put('Request', proxy);
  }
  Object.defineProperty(shim.fetch, 'length', { value: 1 });
  if (typeof native === 'function') {
    Object.defineProperty(globalThis, 'fetch', {
      value: shim.fetch,
      writable: true,
      configurable: true,
      enumerable: descriptor?.enumerable === true,
    });
  }
}

/** What `watchPage` leaves at `globalThis[Symbol.for('page')]` for whoever runs the page. */
export interface Page {
  /** JSON of a `PageResult`. */
  readonly result: Promise<string>;
  /** The script threw: no further subtest will be made. */
  failed(message: string): void;
}

/** Runs between testharness.js and the test. */
export function watchPage(facts: PageFacts): void {
  interface HarnessTest {
    readonly name: string;
    readonly status: number;
    readonly message: string | null;
  }
  const harness = globalThis as unknown as {
    add_result_callback(hear: (test: HarnessTest) => void): void;
    add_completion_callback(hear: (tests: readonly HarnessTest[], status: HarnessTest) => void): void;
    timeout(): void;
  };
  const { setTimeout } = globalThis;
  const stringify = JSON.stringify;
  const { promise, resolve } = Promise.withResolvers<string>();
  // Copied as they end: a test may do anything to the objects and prototypes around it.
  const ended: SubtestResult[] = [];
  const view = (test: HarnessTest): SubtestResult => ({
    name: `${test.name}`,
    status: test.status,
    message: test.message === null ? '' : `${test.message}`.slice(0, 500),
  });
  const finish = (status: number, message: string, tests: readonly SubtestResult[]): void =>
    resolve(stringify({ status, message, tests } satisfies PageResult));
  harness.add_result_callback((test) => {
    ended.push(view(test));
  });
  harness.add_completion_callback((tests, { status, message }) => {
    finish(status, message ?? '', tests.map(view));
  });
  const page: Page = { result: promise, failed: (message) => finish(1, message, ended) };
  Object.defineProperty(globalThis, Symbol.for('page'), { value: page });
  setTimeout(() => {
    harness.timeout();
    setTimeout(() => finish(2, 'it did not end', ended), 1000);
  }, facts.deadlineMs);
}
