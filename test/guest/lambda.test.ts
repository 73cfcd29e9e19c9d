/** The Lambda contract inside one isolate: what a handler is given, and what becomes of what it returns or writes. */
import { expect, it } from 'vitest';
import type { TurnEvent } from '../../src/contract/turn.ts';
import { openGuest, type Turn } from '../support/isolate.ts';
import { CTX, INV, invoke, openLambda, textOf } from '../support/lambda.ts';

it('gives a request as a function-URL event in payload 2.0', async () => {
  const guest = await openLambda('export const handler = async (event) => ({ event });');
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
  const guest = await openLambda('export const handler = async (event) => ({ event });');
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
  const guest = await openLambda(`export const handler = async () => (${result});`);
  const turn = guest.fetch();
  expect(turn.get('head')).toMatchObject({ status: 200, headers: 'content-type\napplication/json', done: true });
  expect(textOf(turn)).toBe(text);
});

it('takes an object with a statusCode as the response', async () => {
  const guest = await openLambda('export const handler = (event) => JSON.parse(event.body);');
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
  const guest = await openLambda(`export const handler = async (event, context) => {
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
  const guest = await openLambda('export const handler = async (event) => ({ statusCode: 201, got: event });');
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
  const guest = await openLambda(`export const handler = async () => { ${body}; };`);
  expect(invoke(guest, {}).get('failed')).toMatchObject({ name, message, done: true });
});

it('gives a tick of a schedule as EventBridge does', async () => {
  const guest = await openLambda('export const handler = async (event) => { console.log(JSON.stringify(event)); };');
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
  const guest = await openLambda(code);
  expect(guest.ready).toMatchObject({ handlers: [], name, problem: expect.stringMatching(problem) });
});

it('finds the handler of a CommonJS module, and one with three parameters that streams', async () => {
  expect((await openLambda('export default { handler: async () => 1 };')).ready).toMatchObject({
    handlers: ['lambda'],
  });
  expect(
    (await openLambda('export const handler = awslambda.streamifyResponse(async (e, s, c) => { s.end(); });')).ready,
  ).toMatchObject({
    handlers: ['lambda'],
  });
  expect(
    (await openGuest('export default { fetch: () => new Response(typeof awslambda) }')).fetch().get('head').body,
  ).toEqual({ text: 'undefined' });
});

it('lets a top level wait for the network inside the first invocation', async () => {
  const guest = await openLambda(`
    const answer = await fetch('http://config.test/');
    const table = await answer.text();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const again = await (await fetch('http://config.test/' + table)).text();
    export const handler = async (event) => table + again + event.n;`);
  expect(guest.ready).toMatchObject({ handlers: ['lambda'] });
  expect(guest.early?.find('fetch')).toBeUndefined();
  const respond = (turn: Turn, text: string): Turn => {
    const { id, inv } = turn.get('fetch');
    expect(inv).toBe(INV);
    const body = { text };
    return guest.turn([
      { e: 'response', id, status: 200, statusText: '', headers: '', url: '', redirected: false, body } as TurnEvent,
    ]);
  };
  const slept = respond(invoke(guest, { n: 1 }), 'pets');
  const second = guest.ticks(slept, (turn) => turn.find('fetch') !== undefined);
  expect(second.get('fetch').url).toBe('http://config.test/pets');
  expect(textOf(respond(second, '!'))).toBe('"pets!1"');
  expect(textOf(invoke(guest, { n: 2 }, INV + 1))).toBe('"pets!2"');
});

it('fails the first invocation when such a top level fails, or has no handler', async () => {
  const nameless = await openLambda('await new Promise((resolve) => setTimeout(resolve, 5)); export const other = 1;');
  expect(nameless.ticks(invoke(nameless, {}), (turn) => turn.find('failed') !== undefined).get('failed')).toMatchObject(
    {
      name: 'Runtime.HandlerNotFound',
      message: 'function.handler is undefined or not exported',
    },
  );
  const never = await openLambda('await new Promise(() => {}); export const handler = 1;');
  expect(never.ready).toBeNull();
});

it('names the delivery of a webhook', async () => {
  const guest = await openLambda(
    'export const handler = async (event, context) => [context.awsRequestId, context.webhook.attempt];',
  );
  expect(textOf(guest.fetch('http://h/', { ctx: { webhook: { deliveryId: 'd-1', attempt: 2 } } }))).toBe('["d-1",2]');
});
