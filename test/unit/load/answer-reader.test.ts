/** Where an answer ends decides where the next one begins: every framing, however the bytes are cut. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerReader } from '../../../src/load/answer-reader.ts';

const ANSWERS: Readonly<Record<string, { readonly text: string; readonly body: string; readonly status: number }>> = {
  length: { text: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello', body: 'hello', status: 200 },
  empty: { text: 'HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n', body: '', status: 201 },
  none: { text: 'HTTP/1.1 204 No Content\r\nx: y\r\n\r\n', body: '', status: 204 },
  chunked: {
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\r\n\r\n2;x=y\r\nbc\r\n0\r\n\r\n',
    body: 'a\r\nbc',
    status: 200,
  },
  trailers: {
    text: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\n\r\n',
    body: 'a',
    status: 200,
  },
  announced: {
    text: 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi',
    body: 'hi',
    status: 200,
  },
};

function read(pieces: readonly string[], bodiless = false): { whole: boolean; body: string; reader: AnswerReader } {
  let body = '';
  const reader = new AnswerReader(bodiless, (piece) => {
    body += piece.toString('latin1');
  });
  reader.begin();
  let whole = false;
  for (const piece of pieces) whole = reader.read(Buffer.from(piece, 'latin1'));
  return { whole, body, reader };
}

describe('answers', () => {
  it.each(Object.keys(ANSWERS))('%s: whole at the last byte, not before, in whatever pieces', (name) => {
    const { text, body, status } = ANSWERS[name]!;
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const pieces = at.slice(1).map((end, n) => text.slice(at[n], end));
        const result = read(pieces);
        expect(result.whole).toBe(true);
        expect(result.body).toBe(body);
        expect(result.reader.status).toBe(status);
      }),
    );
    expect(read([text.slice(0, -1)]).whole).toBe(false);
    expect(() => read([`${text}H`])).toThrow('more bytes');
  });

  it('end with the connection where nothing else tells', () => {
    const { whole, body, reader } = read(['HTTP/1.1 200 OK\r\n\r\nhel', 'lo']);
    expect([whole, body, reader.last, reader.end()]).toEqual([false, 'hello', true, true]);
  });

  it('to HEAD have a length and no body', () => {
    expect(read(['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'], true).whole).toBe(true);
  });

  it('say that their connection ends', () => {
    expect(read(['HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n']).reader.last).toBe(true);
    expect(read(['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n']).reader.last).toBe(false);
  });

  it.each(['SSH-2.0-x\r\n\r\n', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'])(
    'refuses %j',
    (text) => {
      expect(() => read([text])).toThrow('this is no');
    },
  );
});
