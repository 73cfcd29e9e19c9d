/**
 * handler "lambda": AWS's contract for Node ≥ 24. An event and a context go in, the settled result is the answer, or the
 * stream the handler wrote to. Comes from the host to an isolate whose function has such a handler.
 */
import type { GuestFacts, WireBody, WireContext } from '../src/contract/turn.ts';
import {
  dateToISOString,
  defineProperty,
  exec,
  floor,
  indexOf,
  isObject,
  jsonParse,
  List,
  mathMax,
  NativeDate,
  NativeError,
  own,
  reflectApply,
  slice,
  stringify,
  toStr,
} from './00-primordials.ts';
import { hideClass } from './06-guards.ts';
import { describe, type ErrorText, isErrorLike, report } from './08-errors.ts';
import { box, emit, enter, host, type Invocation, log, stray } from './10-box.ts';
import { turnNow } from './12-clock.ts';
import { rare } from './13-rare.ts';
import { utf8Decode } from './30-encoding.ts';
import { type BodyState, BYTES, EMPTY, textBody } from './50-body-state.ts';
import { takeBytes } from './51-body-streams.ts';
import { receiveBody } from './53-wire-body.ts';
import { allowEarly, hasEarly, sendEarly } from './60-fetch.ts';
import {
  type Adopted,
  begin,
  type CronEvent,
  type FetchEvent,
  fail,
  maybeDone,
  sendHead,
  settleScheduled,
} from './90-invocations.ts';
import { lambdaHttp } from './91-lambda-http.ts';
import { INTEGRATION, type LambdaStream, lambdaStreams } from './92-lambda-stream.ts';

type Handler = (...args: unknown[]) => unknown;
type Members = Record<PropertyKey, unknown>;

export interface RawEvent {
  readonly inv: number;
  readonly body: WireBody;
  readonly ctx: WireContext;
}

export const lambda = rare(
  'lambda>',
  '',
  () => {
    const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
    const HIGH_WATER = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
    const CALLBACKS =
      'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';

    /** Who asks decides what becomes of a result: a response for HTTP, JSON for an event of the caller's own, nothing. */
    const HTTP = 0;
    const RAW = 1;
    const CRON = 2;

    let env: Readonly<Record<string, string>> = {};
    let handler: Handler | null = null;
    let logStream = '';
    /** The module has been evaluated to its end. */
    let registered = false;
    /** Invocations whose handler is not known yet, because the module's top level waits for something. */
    const waiting = new List<{ readonly inv: Invocation; readonly start: () => void }>();

    /** Before user code runs: the global `awslambda`, and what of the environment is this isolate's own. */
    const prepareLambda = (facts: GuestFacts): void => {
      env = facts.env;
      if (facts.concurrency === 1) allowEarly();
      const day = dateToISOString(new NativeDate(turnNow()));
      const id = exec(/^(.{8})-(.{4})-(.{4})-(.{4})-(.{12})$/, host().uuid()) as unknown as string[];
      let hex = '';
      for (let i = 1; i < id.length; i++) hex += id[i] as string;
      logStream = `${slice(day, 0, 4)}/${slice(day, 5, 7)}/${slice(day, 8, 10)}/[${own(env, 'AWS_LAMBDA_FUNCTION_VERSION') as string}]${hex}`;
      defineProperty(env, 'AWS_LAMBDA_LOG_STREAM_NAME', {
        value: logStream,
        writable: true,
        enumerable: true,
        configurable: true,
      });
      const value = {
        streamifyResponse: (streaming: Members, options?: { highWaterMark?: unknown }): unknown => {
          streaming[STREAMING] = 'response';
          const mark = options?.highWaterMark;
          if (typeof mark === 'number') streaming[HIGH_WATER] = mark;
          return streaming;
        },
        HttpResponseStream: {
          from: (stream: { setContentType(type: string): void } & Members, metadata: unknown): unknown => {
            stream.setContentType(INTEGRATION);
            const head = stringify(metadata);
            stream['_onBeforeFirstWrite'] = (write: (chunk: unknown) => void): void => {
              write(head);
              write('\0\0\0\0\0\0\0\0');
            };
            return stream;
          },
        },
      };
      hideClass(value);
      hideClass(value.HttpResponseStream);
      defineProperty(globalThis, 'awslambda', { value, writable: true, enumerable: false, configurable: true });
    };

    /** Says why there is none in the words of AWS. */
    const findHandler = (module: Members, exportName: string): Adopted => {
      const named = own(module, exportName);
      const main = own(module, 'default');
      // What a CommonJS module exports is the default export of its bundle.
      const found = named ?? (isObject(main) ? (main as Members)[exportName] : undefined);
      const shown = own(env, '_HANDLER') as string;
      if (typeof found !== 'function') {
        const problem = `${shown} is ${found === undefined || found === null ? 'undefined or not exported' : 'not a function'}`;
        return { handlers: '', problem, name: 'Runtime.HandlerNotFound' };
      }
      const { length } = found;
      if (length >= 3 && (found as unknown as Members)[STREAMING] === undefined) {
        return { handlers: '', problem: CALLBACKS, name: 'Runtime.CallbackHandlerDeprecated' };
      }
      handler = found as Handler;
      return { handlers: '"lambda"', problem: null };
    };

    const adoptLambda = (module: Members, exportName: string): Adopted => {
      registered = true;
      const adopted = findHandler(module, exportName);
      const { problem, name = '' } = adopted;
      while (waiting.length > 0) {
        const { inv, start } = waiting.shift() as { readonly inv: Invocation; readonly start: () => void };
        enter(inv);
        if (problem === null) guarded(inv, start);
        else failed(inv, named(name, problem));
      }
      return adopted;
    };

    /**
     * A top level that waits for the network or a timer goes on inside the first invocation, whose requests those are and
     * whose time it takes, as AWS does with an init that has not ended in time.
     */
    const deferInit = (): void => {
      if (!registered && (hasEarly() || box.wake > 0)) emit('{"c":"ready","handlers":["lambda"]}');
    };

    /** The host saw a rejection nobody handled. While a module loads, it is the module that failed. */
    const failInit = (): void => {
      if (registered) return;
      while (waiting.length > 0) {
        const { inv } = waiting.shift() as { readonly inv: Invocation };
        failed(inv, named('InitError', 'The module failed while it was loading; the log of this invocation says why.'));
      }
    };

    const whenLoaded = (inv: Invocation, start: () => void): void => {
      if (registered) guarded(inv, start);
      else {
        waiting.push({ inv, start });
        sendEarly();
      }
    };

    const arn = (): string =>
      `arn:aws:lambda:${own(env, 'AWS_REGION') as string}:000000000000:function:${own(env, 'AWS_LAMBDA_FUNCTION_NAME') as string}`;

    /** The attempts of one event have one id. */
    const requestIdOf = (wire: WireContext): string => {
      const webhook = own(wire, 'webhook');
      const delivery = isObject(webhook) ? own(webhook, 'deliveryId') : undefined;
      return typeof delivery === 'string' ? delivery : wire.invocationId;
    };

    const contextOf = (inv: Invocation, wire: WireContext): object => {
      const webhook = own(wire, 'webhook');
      return {
        clientContext: undefined,
        identity: undefined,
        invokedFunctionArn: arn(),
        awsRequestId: requestIdOf(wire),
        tenantId: undefined,
        xRayTraceId: undefined,
        getRemainingTimeInMillis: (): number => mathMax(0, floor(inv.deadlineMs - host().now())),
        functionName: own(env, 'AWS_LAMBDA_FUNCTION_NAME'),
        functionVersion: own(env, 'AWS_LAMBDA_FUNCTION_VERSION'),
        memoryLimitInMB: own(env, 'AWS_LAMBDA_FUNCTION_MEMORY_SIZE'),
        logGroupName: own(env, 'AWS_LAMBDA_LOG_GROUP_NAME'),
        logStreamName: logStream,
        ...(webhook === undefined ? {} : { webhook }),
      };
    };

    /** As AWS tells a caller: what is no error is named by its type. */
    const said = (thrown: unknown): ErrorText => {
      if (isErrorLike(thrown)) return report(thrown);
      let message: string;
      try {
        message = toStr(thrown);
      } catch {
        message = 'a thrown value that cannot be converted to text';
      }
      return { ...describe(message), name: typeof thrown };
    };
    const failed = (inv: Invocation, error: unknown): void => fail(inv, error, said(error));

    const named = (name: string, message: string): Error => {
      const error = new NativeError(message);
      defineProperty(error, 'name', { value: name, writable: true, configurable: true });
      return error;
    };

    const jsonOf = (result: unknown): string => {
      let text: string | undefined;
      try {
        text = result === undefined ? 'null' : stringify(result);
      } catch {
        text = undefined;
      }
      if (text !== undefined) return text;
      if (typeof result === 'function' || typeof result === 'symbol') return 'null';
      throw named('Runtime.JSONStringifyError', 'Unable to stringify response body');
    };

    const answer = async (inv: Invocation, pending: unknown, mode: number): Promise<void> => {
      try {
        const result = await pending;
        if (inv.over || inv.answered) return;
        const json = jsonOf(result);
        if (mode === RAW) sendHead(inv, 200, 'content-type\napplication/json', textBody(json, ''));
        else {
          const { status, headers, body } = lambdaHttp().responseOf(json);
          sendHead(inv, status, headers, body);
        }
      } catch (error) {
        failed(inv, error);
      }
    };

    /** The invocation lasts until both have ended, the handler and what it wrote. */
    const runStream = async (inv: Invocation, stream: LambdaStream, start: () => unknown): Promise<void> => {
      inv.waits++;
      try {
        const pending = start();
        const then = isObject(pending) ? (pending as { then?: unknown }).then : undefined;
        if (typeof then !== 'function') throw new NativeError('Streaming does not support non-async handlers.');
        const result = await pending;
        if (result !== undefined) log(inv, 'warn', 'Streaming handlers ignore return values.');
        stream.settle();
        inv.waits--;
      } catch (error) {
        inv.waits--;
        if (inv.over) return;
        if (!inv.answered) failed(inv, error);
        else if (!stream.breakOff(error)) stray(error, inv);
      }
      maybeDone(inv);
    };

    const run = (inv: Invocation, wire: WireContext, event: unknown, mode: number): void => {
      const call = handler as Handler;
      const members = call as unknown as Members;
      const context = contextOf(inv, wire);
      if (members[STREAMING] === undefined) {
        const result = reflectApply(call, undefined, [event, context]);
        if (mode === CRON) settleScheduled(inv, result);
        else answer(inv, result, mode);
        return;
      }
      const highWaterMark = members[HIGH_WATER];
      const stream = lambdaStreams().lambdaStream(inv, { raw: mode === RAW, reads: mode !== CRON, highWaterMark });
      if (mode === CRON) inv.answered = true;
      runStream(inv, stream, () => reflectApply(call, undefined, [event, stream.guest, context]));
    };

    const guarded = (inv: Invocation, work: () => void): void => {
      try {
        work();
      } catch (error) {
        failed(inv, error);
      }
    };

    const withBody = (inv: Invocation, body: BodyState, work: (bytes: Uint8Array | null) => void): void => {
      if (body.kind === EMPTY) whenLoaded(inv, () => work(null));
      else if (body.kind === BYTES) whenLoaded(inv, () => work(body.bytes));
      else whenRead(inv, body, work);
    };
    const whenRead = async (
      inv: Invocation,
      body: BodyState,
      work: (bytes: Uint8Array | null) => void,
    ): Promise<void> => {
      try {
        const bytes = await takeBytes(body);
        whenLoaded(inv, () => work(bytes));
      } catch (error) {
        failed(inv, error);
      }
    };

    /** A request, from a client or a webhook's sender. */
    const lambdaRequest = (event: FetchEvent, chunks: readonly Uint8Array[]): void => {
      const { method, url, headers, ctx } = event;
      const inv = begin(event.inv, ctx);
      withBody(inv, receiveBody(event.body, inv, chunks), (body) => {
        const functionName = own(env, 'AWS_LAMBDA_FUNCTION_NAME') as string;
        const requestId = requestIdOf(ctx);
        run(inv, ctx, lambdaHttp().httpEvent({ method, url, headers, ctx, body, requestId, functionName }), HTTP);
      });
    };

    /** An event of the caller's own, as JSON. */
    const lambdaInvoke = (event: RawEvent, chunks: readonly Uint8Array[]): void => {
      const inv = begin(event.inv, event.ctx);
      withBody(inv, receiveBody(event.body, inv, chunks), (body) => {
        run(inv, event.ctx, body === null ? {} : jsonParse(utf8Decode(body)), RAW);
      });
    };

    /** A schedule's tick, as EventBridge tells it. */
    const lambdaScheduled = (event: CronEvent): void => {
      const inv = begin(event.inv, event.ctx);
      whenLoaded(inv, () => {
        const region = own(env, 'AWS_REGION') as string;
        const iso = dateToISOString(new NativeDate(event.scheduledTime));
        const tick = {
          version: '0',
          id: event.ctx.invocationId,
          'detail-type': 'Scheduled Event',
          source: 'aws.events',
          account: '000000000000',
          time: `${slice(iso, 0, indexOf(iso, '.'))}Z`,
          region,
          resources: [`arn:aws:events:${region}:000000000000:rule/${own(env, 'AWS_LAMBDA_FUNCTION_NAME') as string}`],
          detail: {},
        };
        run(inv, event.ctx, tick, CRON);
      });
    };

    return { prepareLambda, adoptLambda, deferInit, failInit, lambdaRequest, lambdaInvoke, lambdaScheduled };
  },
  '<lambda',
);
