/** Which descriptors a host's servers get: its own place's first, others' as long as there are any, and the rest closed. */
import { closeSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { copiesOf, queueFd } from '../../../src/contract/host-wire.ts';
import { type QueueDoor, Queues } from '../../../src/host/queues.ts';

function aDoor() {
  const fds: number[] = [];
  const left: number[] = [];
  const door: QueueDoor = {
    listen: async (fd) => {
      fds.push(fd);
      return { url: '' };
    },
    listenBeside: (fd) => {
      fds.push(fd);
      return () => void left.push(fd);
    },
  };
  return { door, fds, left };
}

it('gives every queue as many descriptors as it has copies, none of them twice and none left out', () => {
  const all = [0, 1, 2].flatMap((queue) => [0, 1, 2, 3].map((copy) => queueFd(queue, copy, 3)));
  expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, at) => queueFd(0, 0, 3) + at));
  expect([copiesOf(1), copiesOf(3)]).toEqual([1, 4]);
});

it('accepts from the queue of its place, from the only one where there is one', async () => {
  const { door, fds } = aDoor();
  await new Queues(2).open(door, 1);
  await new Queues(1).open(door, 5);
  expect(fds).toEqual([queueFd(1, 0, 2), queueFd(0, 0, 1)]);
});

it('gives a queue back while it has another descriptor of it, and keeps it with the last', async () => {
  const { door, fds, left } = aDoor();
  const queues = new Queues(2);
  await queues.open(door, 0);
  for (let turn = 0; turn < 5; turn++) {
    queues.cover([1]);
    queues.cover([1]);
    queues.cover([]);
  }
  const copies = [0, 1, 2, 3].map((copy) => queueFd(1, copy, 2));
  expect(fds).toEqual([queueFd(0, 0, 2), ...copies]);
  expect(left).toEqual(copies.slice(0, 3));
});

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return { ...fs, closeSync: vi.fn() };
});

it('closes what no server has', async () => {
  const { door, fds } = aDoor();
  const queues = new Queues(2);
  await queues.open(door, 0);
  queues.cover([1]);
  queues.close();
  const closed = vi.mocked(closeSync).mock.calls.map(([fd]) => fd);
  expect([...fds, ...closed].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 8 }, (_, at) => queueFd(0, 0, 2) + at),
  );
  queues.close();
  expect(vi.mocked(closeSync).mock.calls).toHaveLength(closed.length);
});
