/** What a streaming Lambda handler writes, as it leaves the isolate: metadata, chunks, backpressure, the end. */
import { expect, it } from 'vitest';
import type { Guest } from '../support/isolate.ts';
import { CTX, INV, invoke, openLambda, readAll } from '../support/lambda.ts';

const stream = (body: string): Promise<Guest> =>
  openLambda(`export const handler = awslambda.streamifyResponse(async (event, stream, context) => { ${body} });`);

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
  const last = guest.turn([{ e: 'pull', sid, until: 100 }]);
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
  const late = await openLambda(
    'export const handler = awslambda.streamifyResponse((e, stream) => { stream.end("x"); });',
  );
  const turn = late.fetch();
  expect(turn.get('broken').message).toBe('Streaming does not support non-async handlers.');
  expect(turn.get('done').inv).toBe(1);
  const early = await openLambda('export const handler = awslambda.streamifyResponse((e, stream) => 5);');
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
