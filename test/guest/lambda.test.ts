/** The Lambda contract inside one isolate: what a handler is given, and what becomes of what it returns or writes. */
import { expect, it } from 'vitest';
import type { TurnEvent } from '../../src/contract/turn.ts';
import { type Guest, type GuestOptions, openGuest, type Turn } from '../support/isolate.ts';

const ENV = {
  AWS_REGION: 'eu-west-1',
  _HANDLER: 'function.handler',
  AWS_LAMBDA_FUNCTION_NAME: 'thumbs',
  AWS_LAMBDA_FUNCTION_VERSION: '7',
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
  AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/thumbs',
};
const open = (code: string, options: GuestOptions = {}): Promise<Guest> =>
  openGuest(code, { lambda: 'handler', env: ENV, ...options });

const INV = 100;
const CTX = { invocationId: 'inv-100', params: {}, clientAddress: '', deadlineMs: 1_800_000_003_000 };
const invoke = (guest: Guest, event: unknown, inv: number = INV): Turn =>
  guest.turn(
    [{ e: 'invoke', inv, body: { chunk: 0 }, ctx: CTX } as TurnEvent],
    [new TextEncoder().encode(JSON.stringify(event))],
  );
const textOf = (turn: Turn): string => (turn.get('head').body as { text: string }).text;

/** What a streaming handler has written, asked for chunk by chunk. */
const readAll = (guest: Guest, first: Turn): { head: Turn; text: string; last: Turn } => {
  const head = first.get('head');
  const { sid } = head.body as { sid: number };
  let text = '';
  let turn = first;
  for (let i = 0; i < 100 && turn.find('eof') === undefined; i++) {
    turn = guest.turn([{ e: 'pull', sid, until: text.length + 1 }]);
    for (const { chunk } of turn.all('data')) text += turn.text(chunk ?? 0);
  }
  return { head: first, text, last: turn };
};

it('gives a request as a function-URL event in payload 2.0', async () => {
  const guest = await open('export const handler = async (event) => ({ event });');
  const turn = guest.fetch('https://api.example.com:8443/a%20b/c?x=1&x=2&name=J%C3%B6rg+B&flag', {
    method: 'POST',
    headers:
      'accept\ntext/html\nAccept\n*/*\ncookie\nsid=abc; t=1\ncontent-type\napplication/json\nuser-agent\ncurl/8\nx-forwarded-for\n6.6.6.6',
    body: { chunk: 0 },
    chunks: [new TextEncoder().encode('{"k":"ü"}')],
    ctx: { params: { id: '5' } },
  });
  expect(JSON.parse(textOf(turn)).event).toEqual({
    version: '2.0',
    routeKey: '$default',
    rawPath: '/a%20b/c',
    rawQueryString: 'x=1&x=2&name=J%C3%B6rg+B&flag',
    cookies: ['sid=abc', 't=1'],
    headers: {
      accept: 'text/html,*/*',
      'content-type': 'application/json',
      'user-agent': 'curl/8',
      'x-forwarded-for': '192.0.2.1',
      'x-forwarded-port': '8443',
      'x-forwarded-proto': 'https',
    },
    queryStringParameters: { x: '1,2', name: 'Jörg B', flag: '' },
    pathParameters: { id: '5' },
    requestContext: {
      accountId: 'anonymous',
      apiId: 'thumbs',
      domainName: 'api.example.com',
      domainPrefix: 'api',
      http: { method: 'POST', path: '/a%20b/c', protocol: 'HTTP/1.1', sourceIp: '192.0.2.1', userAgent: 'curl/8' },
      requestId: 'inv-1',
      routeKey: '$default',
      stage: '$default',
      time: '15/Jan/2027:08:00:00 +0000',
      timeEpoch: 1_800_000_000_000,
    },
    body: '{"k":"ü"}',
    isBase64Encoded: false,
  });
});

it('leaves out what a request has not, and puts bytes into base64', async () => {
  const guest = await open('export const handler = async (event) => ({ event });');
  const bare = JSON.parse(textOf(guest.fetch('http://h/'))).event;
  expect(Object.keys(bare)).toEqual([
    'version',
    'routeKey',
    'rawPath',
    'rawQueryString',
    'headers',
    'requestContext',
    'isBase64Encoded',
  ]);
  const send = (type: string, bytes: number[]) =>
    JSON.parse(
      textOf(
        guest.fetch('http://h/', {
          method: 'POST',
          headers: `content-type\n${type}`,
          body: { chunk: 0 },
          chunks: [new Uint8Array(bytes)],
        }),
      ),
    ).event;
  expect(send('image/png', [1, 2, 255])).toMatchObject({ body: 'AQL/', isBase64Encoded: true });
  expect(send('text/plain', [0xff])).toMatchObject({ body: '/w==', isBase64Encoded: true });
  expect(send('application/x-www-form-urlencoded', [97, 61, 98])).toMatchObject({
    body: 'a=b',
    isBase64Encoded: false,
  });
  expect(send('application/vnd.api+json', [123, 125])).toMatchObject({ body: '{}', isBase64Encoded: false });
});

it.each([
  ['"hello"', 'hello'],
  ['3.1', '3.1'],
  ['true', 'true'],
  ['undefined', 'null'],
  ['null', 'null'],
  ['[1, { a: 2 }]', '[1,{"a":2}]'],
  ['{ toJSON: () => ({ x: 1 }) }', '{"x":1}'],
  ['({ body: "no status code", headers: { a: "b" } })', '{"body":"no status code","headers":{"a":"b"}}'],
])('answers %s with 200 and its JSON', async (result, text) => {
  const guest = await open(`export const handler = async () => (${result});`);
  const turn = guest.fetch();
  expect(turn.get('head')).toMatchObject({ status: 200, headers: 'content-type\napplication/json', done: true });
  expect(textOf(turn)).toBe(text);
});

it('takes an object with a statusCode as the response', async () => {
  const guest = await open('export const handler = (event) => JSON.parse(event.body);');
  const answer = (result: object) => {
    const body = new TextEncoder().encode(JSON.stringify(result));
    return guest.fetch('http://h/', {
      method: 'POST',
      headers: 'content-type\napplication/json',
      body: { chunk: 0 },
      chunks: [body],
    });
  };
  const full = answer({
    statusCode: '418',
    headers: { 'X-A': 1, 'Content-Type': 'text/plain' },
    cookies: ['a=1', 'b=2; Secure'],
    body: 'tea',
  });
  expect(full.get('head')).toMatchObject({
    status: 418,
    headers: 'x-a\n1\ncontent-type\ntext/plain\nset-cookie\na=1\nset-cookie\nb=2; Secure',
    body: { text: 'tea' },
  });
  expect(answer({ statusCode: 201, body: 'x' }).get('head')).toMatchObject({
    status: 201,
    headers: 'content-type\napplication/json',
  });
  expect(answer({ statusCode: 200, body: { a: 1 } }).get('head').body).toEqual({ text: '{"a":1}' });
  expect(answer({ statusCode: 204, body: 'dropped' }).get('head').body).toBe(null);
  const bytes = answer({ statusCode: 200, body: 'AQL/', isBase64Encoded: true });
  expect([...bytes.chunks[(bytes.get('head').body as { chunk: number }).chunk]!]).toEqual([1, 2, 255]);
  expect(answer({ statusCode: 99 }).get('failed').message).toContain('statusCode of 99');
  expect(answer({ statusCode: 200, headers: { 'a b': 'c' } }).get('failed').name).toBe('TypeError');
  expect(answer({ statusCode: 200, body: '*', isBase64Encoded: true }).get('failed').name).toBe(
    'InvalidCharacterError',
  );
});

it('gives a context as AWS has it since Node 24', async () => {
  const guest = await open(`export const handler = async (event, context) => {
    const { getRemainingTimeInMillis, ...rest } = context;
    return { ...rest, keys: Object.keys(context), left: context.getRemainingTimeInMillis(), done: typeof context.done };
  };`);
  const context = JSON.parse(textOf(invoke(guest, {})));
  expect(context).toMatchObject({
    functionName: 'thumbs',
    functionVersion: '7',
    memoryLimitInMB: '512',
    invokedFunctionArn: 'arn:aws:lambda:eu-west-1:000000000000:function:thumbs',
    awsRequestId: 'inv-100',
    logGroupName: '/aws/lambda/thumbs',
    left: 3000,
    done: 'undefined',
  });
  expect(context.logStreamName).toMatch(/^\d{4}\/\d\d\/\d\d\/\[7\][0-9a-f]{32}$/);
  expect(context.keys).toEqual(expect.arrayContaining(['clientContext', 'identity', 'tenantId', 'xRayTraceId']));
});

it('hands over an event of the caller as it is, and answers with the JSON of the result', async () => {
  const guest = await open('export const handler = async (event) => ({ statusCode: 201, got: event });');
  const turn = invoke(guest, { Records: [1] });
  expect(turn.get('head')).toMatchObject({ status: 200, headers: 'content-type\napplication/json' });
  expect(JSON.parse(textOf(turn))).toEqual({ statusCode: 201, got: { Records: [1] } });
});

it.each([
  ['throw new RangeError("far")', 'RangeError', 'far'],
  ['throw "text"', 'string', 'text'],
  ['throw { a: 1 }', 'object', '[object Object]'],
  ['throw undefined', 'undefined', 'undefined'],
  ['const o = {}; o.o = o; return o', 'Runtime.JSONStringifyError', 'Unable to stringify response body'],
  ['return 1n', 'Runtime.JSONStringifyError', 'Unable to stringify response body'],
])('names the failure of "%s"', async (body, name, message) => {
  const guest = await open(`export const handler = async () => { ${body}; };`);
  expect(invoke(guest, {}).get('failed')).toMatchObject({ name, message, done: true });
});

it('gives a tick of a schedule as EventBridge does', async () => {
  const guest = await open('export const handler = async (event) => { console.log(JSON.stringify(event)); };');
  const turn = guest.turn([
    { e: 'scheduled', inv: INV, cron: '* * * * *', scheduledTime: 1_767_323_040_000, ctx: CTX },
  ]);
  expect(turn.get('done').inv).toBe(INV);
  expect(JSON.parse(guest.lines[0]!.text)).toEqual({
    version: '0',
    id: 'inv-100',
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account: '000000000000',
    time: '2026-01-02T03:04:00Z',
    region: 'eu-west-1',
    resources: ['arn:aws:events:eu-west-1:000000000000:rule/thumbs'],
    detail: {},
  });
});

it.each([
  ['export const other = 1;', 'Runtime.HandlerNotFound', 'function.handler is undefined or not exported'],
  ['export const handler = 5;', 'Runtime.HandlerNotFound', 'function.handler is not a function'],
  [
    'export const handler = (e, c, callback) => callback(null, 1);',
    'Runtime.CallbackHandlerDeprecated',
    /has removed support for callback-based function handlers starting with Node\.js 24/,
  ],
])('refuses %s', async (code, name, problem) => {
  const guest = await open(code);
  expect(guest.ready).toMatchObject({ handlers: [], name, problem: expect.stringMatching(problem) });
});

it('finds the handler of a CommonJS module, and one with three parameters that streams', async () => {
  expect((await open('export default { handler: async () => 1 };')).ready).toMatchObject({ handlers: ['lambda'] });
  expect(
    (await open('export const handler = awslambda.streamifyResponse(async (e, s, c) => { s.end(); });')).ready,
  ).toMatchObject({
    handlers: ['lambda'],
  });
  expect(
    (await openGuest('export default { fetch: () => new Response(typeof awslambda) }')).fetch().get('head').body,
  ).toEqual({ text: 'undefined' });
});

const stream = (body: string): Promise<Guest> =>
  open(`export const handler = awslambda.streamifyResponse(async (event, stream, context) => { ${body} });`);

it('streams what is written, with status, headers and cookies', async () => {
  const guest = await stream(`
    const out = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'Content-Type': 'text/event-stream' }, cookies: ['a=1'] });
    out.write('one ');
    await new Promise((resolve) => setTimeout(resolve, 10));
    out.write(new Uint8Array([116, 119, 111]));
    out.write({ three: 3 });
    out.end('!');`);
  const first = guest.fetch();
  expect(first.get('head')).toMatchObject({ status: 201, headers: 'content-type\ntext/event-stream\nset-cookie\na=1' });
  const { sid } = first.get('head').body as { sid: number };
  const one = guest.turn([{ e: 'pull', sid, until: 1 }]);
  expect(one.text(one.get('data').chunk!)).toBe('one ');
  const waiting = guest.turn([{ e: 'pull', sid, until: 5 }]);
  expect(waiting.find('data')).toBeUndefined();
  const rest = guest.ticks(waiting, (turn) => turn.find('data') !== undefined);
  const data = rest
    .all('data')
    .map(({ chunk }) => rest.text(chunk!))
    .join('');
  expect(data).toBe('two');
  const last = guest.turn([{ e: 'pull', sid, until: 8 }]);
  expect(last.text(last.get('data').chunk!)).toBe('{"three":3}!');
  expect(last.find('eof')).toBeDefined();
  expect(last.get('done').inv).toBe(1);
});

it('streams without metadata as bytes, and with a content type of its own', async () => {
  const plain = (await stream("stream.end('x');")).fetch();
  expect(plain.get('head')).toMatchObject({ status: 200, headers: 'content-type\napplication/octet-stream' });
  const typed = await stream(
    "stream.setContentType('text/plain'); stream.write('x'); try { stream.setContentType('a/b') } catch (e) { stream.end(e.name + ': ' + e.message); }",
  );
  const turn = typed.fetch();
  expect(turn.get('head').headers).toBe('content-type\ntext/plain');
  expect(readAll(typed, turn).text).toBe('xRuntime.InvalidStreamingOperation: Cannot set content-type, too late.');
});

it('takes metadata that was written by hand, in pieces', async () => {
  const guest = await stream(`
    stream.setContentType('application/vnd.awslambda.http-integration-response');
    stream.write('{"statusCode":');
    stream.write('203}');
    stream.write(new Uint8Array(8));
    stream.end('body');`);
  const turn = guest.fetch();
  expect(turn.get('head').status).toBe(203);
  expect(readAll(guest, turn).text).toBe('body');
});

it('shows the metadata as bytes to a caller with an event of its own', async () => {
  const guest = await stream("awslambda.HttpResponseStream.from(stream, { statusCode: 201 }).end('x');");
  const turn = invoke(guest, {});
  expect(turn.get('head')).toMatchObject({
    status: 200,
    headers: 'content-type\napplication/vnd.awslambda.http-integration-response',
  });
  expect(readAll(guest, turn).text).toBe('{"statusCode":201}\0\0\0\0\0\0\0\0x');
});

it('holds a writer back until the reader has taken what it wrote', async () => {
  const guest = await stream(`
    const piece = 'x'.repeat(40000);
    let told = [];
    for (let i = 0; i < 4; i++) {
      const more = stream.write(piece);
      told.push(more, stream.writableLength, stream.writableNeedDrain);
      if (!more) await new Promise((resolve) => stream.once('drain', resolve));
    }
    stream.end(JSON.stringify(told));`);
  const turn = guest.fetch();
  expect(turn.find('eof')).toBeUndefined();
  const { text } = readAll(guest, turn);
  expect(text.slice(160_000)).toBe(
    JSON.stringify([true, 40000, false, false, 80000, true, true, 40000, false, false, 80000, true]),
  );
});

it('ends with events that pipes listen for', async () => {
  const guest = await stream(`
    const seen = [];
    for (const name of ['finish', 'close', 'error']) stream.on(name, () => seen.push(name));
    const wrote = new Promise((resolve) => stream.write('a', resolve));
    await new Promise((resolve) => stream.end('b', resolve));
    await wrote;
    await new Promise((resolve) => setTimeout(resolve, 1));
    console.log(seen.join(), stream.writableEnded, stream.writableFinished, stream.writable);`);
  const turn = guest.fetch();
  const { text, last } = readAll(guest, turn);
  expect(text).toBe('ab');
  guest.ticks(last);
  expect(guest.lines.map((line) => line.text)).toEqual(['finish,close true true false']);
});

it('tells of a stream that was not ended, of a handler that is not async, and of a return value', async () => {
  expect((await stream('')).fetch().get('failed').message).toBe('Response stream is not finished.');
  const late = await open('export const handler = awslambda.streamifyResponse((e, stream) => { stream.end("x"); });');
  const turn = late.fetch();
  expect(turn.get('broken').message).toBe('Streaming does not support non-async handlers.');
  expect(turn.get('done').inv).toBe(1);
  const early = await open('export const handler = awslambda.streamifyResponse((e, stream) => 5);');
  expect(early.fetch().get('failed').message).toBe('Streaming does not support non-async handlers.');
  const returns = await stream("stream.end('x'); return 5;");
  returns.fetch();
  expect(returns.lines.map((line) => line.text)).toEqual(['Streaming handlers ignore return values.']);
});

it('fails as a whole before the first byte, and breaks the body off after it', async () => {
  expect((await stream("throw new Error('early');")).fetch().get('failed')).toMatchObject({
    message: 'early',
    done: true,
  });
  const guest = await stream("stream.write('x'); await null; throw new Error('late');");
  const turn = guest.fetch();
  expect(turn.get('broken').message).toContain('late');
  expect(turn.find('failed')).toBeUndefined();
  expect(turn.get('done').inv).toBe(1);
});

it('lets a handler write on when its reader has gone', async () => {
  const guest = await stream(`
    stream.write('x');
    await new Promise((resolve) => setTimeout(resolve, 10));
    for (let i = 0; i < 10; i++) if (!stream.write('y'.repeat(65536))) await new Promise((resolve) => stream.once('drain', resolve));
    await new Promise((resolve) => stream.end(resolve));
    console.log('to the end');`);
  const turn = guest.fetch();
  const { sid } = turn.get('head').body as { sid: number };
  const stopped = guest.turn([{ e: 'stop', sid }]);
  const last = guest.ticks(stopped);
  expect(guest.lines.map((line) => line.text)).toEqual(['to the end']);
  expect(last.get('done').inv).toBe(1);
});

it('runs a streaming handler for a schedule, and reads nothing', async () => {
  const guest = await stream("stream.write('x'); stream.end(); console.log(event.source);");
  const turn = guest.turn([
    { e: 'scheduled', inv: INV, cron: '* * * * *', scheduledTime: 1_767_323_040_000, ctx: CTX },
  ]);
  expect(turn.commands.map(({ c }) => c)).toEqual(['done']);
  expect(guest.lines[0]?.text).toBe('aws.events');
});
