/**
 * The process door of a host under a supervisor: boots what it is told to, obeys orders, reports, beats. It ends when
 * the supervisor kills it, which it asks for by `done`; should the supervisor be gone, it leaves by itself.
 */
import { flushCompileCache } from 'node:module';
import { HostError } from './contract/errors.ts';
import {
  HOST_FDS,
  type Order,
  type Problem,
  type Report,
  readOrder,
  SINGLE,
  type Standing,
} from './contract/host-wire.ts';
import { startHeart } from './host/beat.ts';
import { Queues } from './host/queues.ts';
import { type StandbyHost, startStandby } from './host.ts';

const WATCH_MS = 100;
/** What runs may go on for this long once the supervisor is gone, ms. */
const ORPHAN_GRACE_MS = 2000;
/** And so long may the rest take. */
const ORPHAN_END_MS = 5000;

let host: StandbyHost | null = null;
let queues: Queues | null = null;
let standing: Standing = { ...SINGLE, role: 'spare', worker: null };
/** One order after the other, but for the end, which waits for nobody. */
let orders: Promise<void> = Promise.resolve();
let recoveries: Promise<void> = Promise.resolve();
let ending = false;

// Whoever reads the lines may go away; the host does not.
process.stderr.on('error', () => undefined);
process.on('message', (message) => {
  const order = readOrder(message);
  if (order === null) return;
  if (order.k === 'standing') standing = order.standing;
  else if (order.k === 'retire' || order.k === 'stop') end(order);
  else orders = orders.then(() => obey(order)).catch((error: unknown) => log(String(error)));
});
process.once('disconnect', orphaned);
// Whoever ends this one process by hand gets another in its place, and loses nothing.
process.on('SIGTERM', () => report({ k: 'sick', reason: 'it was asked to end (SIGTERM)' }));

async function obey(order: Exclude<Order, { k: 'standing' | 'retire' | 'stop' }>): Promise<void> {
  switch (order.k) {
    case 'boot':
      await boot(order);
      return;
    case 'activate':
      await activate(order.standing);
      return;
    case 'cover':
      if (!ending) queues?.cover(order.queues);
      return;
    case 'lead':
      if (!ending) host?.lead(order.sinceEpochMs);
      return;
    case 'recover':
      recover(order.aborted);
      return;
    case 'guard':
      host?.guard();
      return;
    case 'quarantine':
      host?.refreshQuarantine();
      return;
    default:
      order satisfies never;
  }
}

async function boot(order: Extract<Order, { k: 'boot' }>): Promise<void> {
  standing = order.standing;
  queues = new Queues(order.queues);
  try {
    host = await startStandby({
      config: order.config,
      versions: order.versions,
      sockets: { data: queues, admin: HOST_FDS.admin },
      log,
      standing: () => standing,
      onFalls: () => report({ k: 'quarantine' }),
    });
    startHeart();
    watch(host);
    const { hostId, adminTokenFile, versions } = host;
    report({ k: 'booted', hostId, adminTokenFile, versions });
    flushCompileCache();
  } catch (error) {
    report({ k: 'refused', problem: problemOf(error) });
  }
}

/** A thread that was given up burns on, and cannot be ended without the process. */
function watch(watched: StandbyHost): void {
  const timer = setInterval(() => {
    if (!watched.wedged) return;
    clearInterval(timer);
    report({ k: 'sick', reason: 'an engine thread was given up and burns on' });
  }, WATCH_MS).unref();
}

async function activate(as: Standing): Promise<void> {
  if (host === null || ending) return;
  standing = as;
  try {
    await host.activate();
    report({ k: 'serving', url: host.url, adminUrl: host.adminUrl });
  } catch (error) {
    report({ k: 'refused', problem: problemOf(error) });
  }
}

/** What the dead left behind can wait for a moment; requests cannot. */
function recover(aborted: readonly string[]): void {
  recoveries = recoveries
    .then(() => (ending ? undefined : host?.recover(aborted)))
    .catch((error: unknown) => log(`what an earlier host left behind could not be taken over: ${String(error)}`));
}

function end({ k, graceMs }: Extract<Order, { k: 'retire' | 'stop' }>): void {
  if (ending) return;
  ending = true;
  queues?.close();
  if (host === null) {
    report({ k: 'done', problem: null });
    return;
  }
  report({ k: 'unled', atEpochMs: host.unlead() });
  const ended = k === 'retire' ? host.retire(graceMs) : host.close(graceMs);
  ended.then(
    () => report({ k: 'done', problem: null }),
    (error: unknown) => report({ k: 'done', problem: problemOf(error) }),
  );
}

/** The supervisor is dead: nobody else serves, but the next one will want the port. */
function orphaned(): void {
  setTimeout(leave, ORPHAN_END_MS);
  queues?.close();
  if (host === null) leave();
  else host.close(standing.worker === null ? 0 : ORPHAN_GRACE_MS).then(leave, leave);
}

/** A thread that a function has wedged would keep `process.exit` waiting. */
function leave(): void {
  if (host?.wedged === true) process.kill(process.pid, 'SIGKILL');
  process.exit(1);
}

function report(message: Report): void {
  if (process.connected) process.send?.(message, () => undefined);
}

function log(line: string): void {
  const { role, worker, workers } = standing;
  const name = role === 'spare' ? 'spare host: ' : workers > 1 ? `host ${worker ?? 'retiring'}: ` : '';
  process.stderr.write(`${name}${line}\n`);
}

function problemOf(error: unknown): Problem {
  if (error instanceof HostError) return { code: error.code, message: error.message };
  return { code: null, message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
