/**
 * The prelude's way in: one global, `__isolane`, that boot deletes. Boot takes the host's functions, load the facts of
 * the function, turn the events. Nothing before boot needs a clock, randomness or the host, so the script may sit in a
 * startup snapshot.
 */
import type { FetchStart, GuestFacts, GuestHooks, TurnBox, TurnEvent } from '../src/contract/turn.ts';
import {
  defineProperty,
  hasOwn,
  isArray,
  jsonParse,
  NativeDate,
  NativeError,
  objectKeys,
  quote,
} from './00-primordials.ts';
import { place } from './04-globals.ts';
import { removeGlobals, runFinalizers, takenWasm, takeWasm } from './05-hardening.ts';
import { hideSources } from './06-guards.ts';
import './07-sizes.ts';
import { describe } from './08-errors.ts';
import './09-intl.ts';
import {
  beginTurn,
  box,
  emit,
  enter,
  groups,
  host,
  limits,
  setHooks,
  setLimits,
  stray,
  timing,
  topLevel,
} from './10-box.ts';
import { setNow, setOrigin } from './12-clock.ts';
import { lazily } from './13-rare.ts';
import { carryContext, enterFrame } from './14-context.ts';
import { makeTemporal } from './16-temporal.ts';
import './21-microtasks.ts';
import './21-timers.ts';
import './15-intl.ts';
import './25-on-error.ts';
import { allowWasm } from './31-wasm.ts';
import './37-url-pattern.ts';
import './44-compression.ts';
import { deliverBroken, deliverData, deliverPull, deliverStop } from './49-pipes.ts';
import { deliverSocket } from './54-sockets.ts';
import { deliverFailure, deliverResponse, Service } from './60-fetch.ts';
import { deliverCache, deliverCacheError } from './61-cache.ts';
import './61-websocket.ts';
import { consoleObject } from './63-console.ts';
import { deliverSubtle, deliverSubtleError } from './64-subtle.ts';
import './65-crypto.ts';
import './66-event-source.ts';
import './71-performance.ts';
import './71-stream-transfer.ts';
import './72-message-port.ts';
import './85-ambient.ts';
import { bridge } from './88-bridge.ts';
import {
  type Adopted,
  abortInvocation,
  adopt,
  fetchEvent,
  forgetInvocation,
  program,
  startRequest,
  startScheduled,
} from './90-invocations.ts';
import { lambda } from './93-lambda.ts';

const NAME = '__isolane';
const REGISTER = '__isolane_register';

/** The function's handler is of the Lambda kind. */
let isLambda = false;

const isStart = (event: TurnEvent): event is FetchStart => isArray(event);

const deliver = (event: TurnEvent, chunks: readonly Uint8Array[]): void => {
  if (isStart(event)) {
    groups.depth = 0;
    if (isLambda) lambda().lambdaRequest(fetchEvent(event), chunks);
    else startRequest(fetchEvent(event), chunks);
    return;
  }
  switch (event.e) {
    case 'scheduled':
      if (isLambda) lambda().lambdaScheduled(event);
      else startScheduled(event);
      return;
    case 'invoke':
      groups.depth = 0;
      lambda().lambdaInvoke(event, chunks);
      return;
    case 'response':
      deliverResponse(event, chunks);
      return;
    case 'response-error':
      deliverFailure(event);
      return;
    case 'cache':
      deliverCache(event, chunks);
      return;
    case 'cache-error':
      deliverCacheError(event);
      return;
    case 'data':
      deliverData(event.sid, chunks, event.end);
      return;
    case 'broken':
      deliverBroken(event.sid, event.message);
      return;
    case 'pull':
      deliverPull(event.sid, event.until);
      return;
    case 'stop':
      deliverStop(event.sid);
      return;
    case 'socket':
      deliverSocket(event, chunks);
      return;
    case 'abort':
      abortInvocation(event.inv);
      return;
    case 'forget':
      forgetInvocation(event.inv);
      return;
    case 'subtle':
      deliverSubtle(event.id, event.value, event.first, chunks);
      return;
    case 'subtle-error':
      deliverSubtleError(event.id, event.name, event.message);
      return;
    case 'tick':
      timing.on?.tick();
      return;
    default:
      event satisfies never;
  }
};

const turn = (nowEpochMs: number, eventsJson: string, ...chunks: Uint8Array[]): TurnBox => {
  if (eventsJson === 'peek') {
    if (isLambda) lambda().failInit();
    return box;
  }
  beginTurn();
  setNow(nowEpochMs);
  if (timing.on === null) box.wake = 0;
  else timing.on.setWake();
  runFinalizers((error) => stray(error, topLevel));
  const events = jsonParse(eventsJson) as TurnEvent[];
  const count = events.length;
  for (let i = 0; i < count; i++) {
    if (limits.concurrency > 1) enter(topLevel);
    enterFrame(undefined);
    try {
      deliver(events[i] as TurnEvent, chunks);
    } catch (error) {
      stray(error);
    }
  }
  if (limits.concurrency > 1) enter(topLevel);
  enterFrame(undefined);
  if (count === 0 && isLambda) lambda().deferInit();
  return box;
};

const register =
  (exportName: string | null) =>
  (module: Record<string, unknown>): void => {
    let result: Adopted;
    try {
      result = exportName === null ? adopt(module) : lambda().adoptLambda(module, exportName);
    } catch (error) {
      result = { handlers: '', problem: `the module's exports cannot be read: ${describe(error).message}` };
    }
    timing.loading = false;
    const { handlers, problem, name = 'InitError' } = result;
    emit(
      `{"c":"ready","handlers":[${handlers}]${problem === null ? '' : `,"name":${quote(name)},"problem":${quote(problem)}`}}`,
    );
  };

const load = (factsJson: string): void => {
  const facts = jsonParse(factsJson) as GuestFacts;
  setLimits(facts);
  const now = host().now();
  setNow(now);
  setOrigin(now);
  isLambda = facts.lambda !== null;
  if (isLambda) lambda().prepareLambda(facts);
  const env = {};
  const names = objectKeys(facts.env);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    defineProperty(env, name, { value: facts.env[name], writable: true, enumerable: true, configurable: true });
  }
  for (let i = 0; i < facts.services.length; i++) {
    const name = facts.services[i] as string;
    defineProperty(env, name, { value: new Service(name), writable: true, enumerable: true, configurable: true });
  }
  program.env = env;
  const wasm = takenWasm();
  if (facts.wasm && wasm !== undefined) allowWasm(wasm, facts.memoryMiB);
  if (facts.concurrency > 1) carryContext();
  const found = {
    register: register(facts.lambda),
    get bridge() {
      return bridge;
    },
  };
  defineProperty(globalThis, REGISTER, { value: found, configurable: true });
};

const boot = (
  late: GuestHooks['late'],
  log: GuestHooks['log'],
  now: GuestHooks['now'],
  random: GuestHooks['random'],
  uuid: GuestHooks['uuid'],
  encodeUtf8: GuestHooks['encodeUtf8'],
  decode: GuestHooks['decode'],
  encodingName: GuestHooks['encodingName'],
  parseUrl: GuestHooks['parseUrl'],
  setUrl: GuestHooks['setUrl'],
  urlPattern: GuestHooks['urlPattern'],
  subtle: GuestHooks['subtle'],
  nodeCrypto: GuestHooks['nodeCrypto'],
  codec: GuestHooks['codec'],
): { load: typeof load; turn: typeof turn } => {
  if (!delete (globalThis as Record<string, unknown>)[NAME]) throw new NativeError('boot ran already');
  setHooks({
    late,
    log,
    now,
    random,
    uuid,
    encodeUtf8,
    decode,
    encodingName,
    parseUrl,
    setUrl,
    urlPattern,
    subtle,
    nodeCrypto,
    codec,
  });
  takeWasm();
  removeGlobals();
  // What V8 put on this context goes; see 16-temporal.ts.
  if (hasOwn(NativeDate.prototype, 'toTemporalInstant'))
    lazily('Temporal', () => place('Temporal', makeTemporal(), false));
  // V8 gives every context a silent console of its own.
  lazily('console', () => place('console', consoleObject, false));
  return { load, turn };
};

hideSources(globalThis);
defineProperty(globalThis, NAME, { value: boot, configurable: true });
