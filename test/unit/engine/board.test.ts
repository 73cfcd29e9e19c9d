/** The board: what lanes note there is what is read after their death. */
import { closeSync, fstatSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Board, openBoard, readBoard } from '../../../src/engine/board.ts';

let fd: number;
beforeEach(() => {
  fd = openBoard();
});
afterEach(() => closeSync(fd));

describe('a board', () => {
  it('has no name in the file system', () => {
    expect(fstatSync(fd).nlink).toBe(0);
  });

  it('says who runs since when and how many orders had begun, lane by lane', () => {
    const [first, third] = [new Board(fd, 0), new Board(fd, 2)];
    first.order();
    first.order();
    first.begin('a-function', 7, 9, 123_456_789_012);
    third.begin('b'.repeat(200), 8, 0, 5);
    const [a, none, b] = readBoard(fd);
    expect(a).toEqual({
      line: 0,
      running: true,
      isolate: 7,
      inv: 9,
      begun: 2,
      sinceNs: 123_456_789_012,
      name: 'a-function',
    });
    expect(none).toMatchObject({ line: 1, running: false, begun: 0, name: '' });
    expect(b).toMatchObject({ line: 2, running: true, isolate: 8 });
    expect(b!.name).toMatch(/^b{50,}$/);
  });

  it('says that nobody runs once the lane rests, and forgets no order', () => {
    const board = new Board(fd, 0);
    board.order();
    board.begin('a', 1, 2, 3);
    board.order();
    board.rest();
    expect(readBoard(fd)[0]).toMatchObject({ running: false, begun: 2, isolate: 1, inv: 2 });
    board.begin('b', 4, 5, 6);
    expect(readBoard(fd)[0]).toMatchObject({ running: true, name: 'b', isolate: 4, inv: 5 });
  });
});
