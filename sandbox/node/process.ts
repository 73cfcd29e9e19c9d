/**
 * node:process: the function's own environment and clock behind Node's names. Listeners are kept and never called: nothing
 * of a process ever happens here.
 */
import { host } from 'isolane:host';
import { missing } from './absent.ts';
import { checkFunction, coded } from './errors.ts';

type Listener = (...args: unknown[]) => void;
const REMEDY = 'a function has no process of its own';

export const env: Record<string, string | undefined> = host.env();
export const version = 'v24.15.0';
export const versions = { node: '24.15.0', v8: '13.6.233.17-node.41', uv: '1.51.0', modules: '137' };
export const platform = 'linux';
export const arch = 'x64';
export const pid = 1;
export const ppid = 0;
export const argv: string[] = ['node', '/index.mjs'];
export const argv0 = 'node';
export const execArgv: string[] = [];
export const execPath = '/node';
export const title = 'isolane';
export const release = { name: 'node', lts: 'Krypton' };
export const features = {
  inspector: false,
  debug: false,
  uv: false,
  ipv6: true,
  tls_alpn: true,
  tls_sni: true,
  tls_ocsp: true,
  tls: true,
  openssl_is_boringssl: false,
  cached_builtins: true,
  require_module: true,
  typescript: false as const,
};
export const config = { target_defaults: {}, variables: {} };
export const report = {};
export const finalization = { register() {}, registerBeforeExit() {}, unregister() {} };
export const permission = { has: (): boolean => false };
export const sourceMapsEnabled = false;
export const allowedNodeEnvironmentFlags: ReadonlySet<string> = new Set();
export const exitCode: number | undefined = undefined;
export const debugPort = 0;
export const domain = null;
export const moduleLoadList: string[] = [];
export const connected = false;
export const noDeprecation = false;
export const throwDeprecation = false;
export const traceDeprecation = false;

export const cwd = (): string => '/';
export const umask = (): number => 0o022;
export const uptime = (): number => performance.now() / 1000;
export const getuid = (): number => 0;
export const geteuid = getuid;
export const getgid = getuid;
export const getegid = getuid;
export const getgroups = (): number[] => [0];
export const memoryUsage: { (): Record<string, number>; rss(): number } = Object.assign(
  () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
  { rss: () => 0 },
);
export const availableMemory = (): number => 0;
export const constrainedMemory = (): number => 0;
export const cpuUsage = (): { user: number; system: number } => ({ user: 0, system: 0 });
export const threadCpuUsage = cpuUsage;
export const resourceUsage = (): Record<string, number> => ({ userCPUTime: 0, systemCPUTime: 0, maxRSS: 0 });
export const getActiveResourcesInfo = (): string[] => [];
export const getBuiltinModule = (): undefined => undefined;
export const hasUncaughtExceptionCaptureCallback = (): boolean => false;
export const setUncaughtExceptionCaptureCallback = (): void => {};
export const addUncaughtExceptionCaptureCallback = (): void => {};
export const setSourceMapsEnabled = (): void => {};
export const ref = (): void => {};
export const unref = (): void => {};

const real = (): number => performance.timeOrigin + performance.now();
/** Stands still within a turn, as every clock here. */
export const hrtime: { (before?: [number, number]): [number, number]; bigint(): bigint } = Object.assign(
  (before?: [number, number]): [number, number] => {
    const ms = real();
    let seconds = Math.floor(ms / 1000);
    let nanoseconds = Math.round((ms - seconds * 1000) * 1e6);
    if (before !== undefined) {
      seconds -= before[0];
      nanoseconds -= before[1];
      if (nanoseconds < 0) {
        seconds--;
        nanoseconds += 1e9;
      }
    }
    return [seconds, nanoseconds];
  },
  { bigint: () => BigInt(Math.round(real() * 1e3)) * 1000n },
);

export const nextTick = (callback: Listener, ...args: unknown[]): void => {
  checkFunction(callback, 'callback');
  queueMicrotask(args.length === 0 ? (callback as () => void) : () => callback(...args));
};

export const emitWarning = (
  warning: string | Error,
  options?: string | { type?: string; code?: string; detail?: string },
): void => {
  const name = typeof options === 'string' ? options : options?.type;
  const code = typeof options === 'object' && options.code !== undefined ? `[${options.code}] ` : '';
  const text = typeof warning === 'string' ? `${name ?? 'Warning'}: ${warning}` : `${warning.name}: ${warning.message}`;
  host.log('warn', `${code}${text}`);
};

const listeners = new Map<string | symbol, Listener[]>();
const listOf = (event: string | symbol): Listener[] => listeners.get(event) ?? [];
function add(this: unknown, event: string | symbol, listener: Listener): unknown {
  checkFunction(listener, 'listener');
  listeners.set(event, [...listOf(event), listener]);
  return process;
}
const remove = (event: string | symbol, listener: Listener): unknown => {
  const left = listOf(event);
  const at = left.lastIndexOf(listener);
  if (at >= 0) listeners.set(event, left.toSpliced(at, 1));
  return process;
};
export const on = add;
export const once = add;
export const addListener = add;
export const prependListener = add;
export const prependOnceListener = add;
export const off = remove;
export const removeListener = remove;
export const removeAllListeners = (event?: string | symbol): unknown => {
  if (event === undefined) listeners.clear();
  else listeners.delete(event);
  return process;
};
export const emit = (event: string | symbol, ...args: unknown[]): boolean => {
  const called = listOf(event);
  for (const listener of called) listener.apply(process, args);
  return called.length > 0;
};
const copyOf = (event: string | symbol): Listener[] => [...listOf(event)];

export { copyOf as listeners, copyOf as rawListeners };
export const listenerCount = (event: string | symbol): number => listOf(event).length;
export const eventNames = (): (string | symbol)[] => [...listeners.keys()].filter((name) => listOf(name).length > 0);
let most = 10;
export const setMaxListeners = (count: number): unknown => {
  most = count;
  return process;
};
export const getMaxListeners = (): number => most;

/** Lines of `process.stdout` are log lines; an unfinished one waits for its end. */
class Output {
  readonly fd: number;
  readonly isTTY = false;
  readonly writable = true;
  readonly #level: 'info' | 'error';
  #rest = '';
  constructor(fd: number) {
    this.fd = fd;
    this.#level = fd === 1 ? 'info' : 'error';
  }
  write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    const text = typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk as Uint8Array);
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) host.log(this.#level, line);
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof done === 'function') queueMicrotask(() => done());
    return true;
  }
  end(chunk?: unknown): this {
    if (chunk !== undefined) this.write(chunk);
    if (this.#rest !== '') this.write('\n');
    return this;
  }
  on(): this {
    return this;
  }
  once(): this {
    return this;
  }
  off(): this {
    return this;
  }
  removeListener(): this {
    return this;
  }
  emit(): boolean {
    return false;
  }
  getColorDepth(): number {
    return 1;
  }
  hasColors(): boolean {
    return false;
  }
}
export const stdout = new Output(1);
export const stderr = new Output(2);
export const stdin = {
  fd: 0,
  isTTY: false,
  readable: false,
  on: () => stdin,
  once: () => stdin,
  off: () => stdin,
  resume: () => stdin,
  pause: () => stdin,
  setEncoding: () => stdin,
  read: () => null,
};

export const exit = missing('node:process.exit', 'throw an error, or return a Response');
export const reallyExit = exit;
export const abort = missing('node:process.abort', 'throw an error, or return a Response');
export const kill = missing('node:process.kill', REMEDY);
export const chdir = missing('node:process.chdir', REMEDY);
export const binding = missing('node:process.binding', REMEDY);
export const dlopen = missing('node:process.dlopen', REMEDY);
export const execve = missing('node:process.execve', REMEDY);
export const initgroups = missing('node:process.initgroups', REMEDY);
export const loadEnvFile = missing('node:process.loadEnvFile', 'the environment is what isolane.json says under env');
export const openStdin = missing('node:process.openStdin', REMEDY);
export const setegid = missing('node:process.setegid', REMEDY);
export const seteuid = missing('node:process.seteuid', REMEDY);
export const setgid = missing('node:process.setgid', REMEDY);
export const setgroups = missing('node:process.setgroups', REMEDY);
export const setuid = missing('node:process.setuid', REMEDY);
export const assert = (value: unknown, message?: string): void => {
  if (!value) throw coded(Error, 'ERR_ASSERTION', message ?? 'assertion error');
};
export const send = undefined;
export const disconnect = undefined;
export const channel = undefined;

const process: Record<string | symbol, unknown> = {
  [Symbol.toStringTag]: 'process',
  abort,
  addListener,
  addUncaughtExceptionCaptureCallback,
  allowedNodeEnvironmentFlags,
  arch,
  argv,
  argv0,
  assert,
  availableMemory,
  binding,
  chdir,
  config,
  constrainedMemory,
  cpuUsage,
  cwd,
  debugPort,
  dlopen,
  domain,
  emit,
  emitWarning,
  env,
  eventNames,
  execArgv,
  execPath,
  execve,
  exit,
  exitCode,
  features,
  finalization,
  getActiveResourcesInfo,
  getBuiltinModule,
  getMaxListeners,
  getegid,
  geteuid,
  getgid,
  getgroups,
  getuid,
  hasUncaughtExceptionCaptureCallback,
  hrtime,
  initgroups,
  kill,
  listenerCount,
  listeners: copyOf,
  loadEnvFile,
  memoryUsage,
  moduleLoadList,
  nextTick,
  off,
  on,
  once,
  openStdin,
  permission,
  pid,
  platform,
  ppid,
  prependListener,
  prependOnceListener,
  rawListeners: copyOf,
  reallyExit,
  ref,
  release,
  removeAllListeners,
  removeListener,
  report,
  resourceUsage,
  setMaxListeners,
  setSourceMapsEnabled,
  setUncaughtExceptionCaptureCallback,
  setegid,
  seteuid,
  setgid,
  setgroups,
  setuid,
  sourceMapsEnabled,
  stderr,
  stdin,
  stdout,
  threadCpuUsage,
  title,
  umask,
  unref,
  uptime,
  version,
  versions,
};
export default process;
