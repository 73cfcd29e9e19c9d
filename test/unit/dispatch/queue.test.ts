/** Places in the queue: one tenant's flood leaves some for the others. */
import { expect, it } from 'vitest';
import { Queue, type Share } from '../../../src/dispatch/queue.ts';

function fill(queue: Queue, tenant: string): Share[] {
  const taken: Share[] = [];
  for (let share = queue.enter(tenant); share !== null; share = queue.enter(tenant)) taken.push(share);
  return taken;
}

it('is one tenant’s alone where there is no other', () => {
  expect(fill(new Queue({ depth: 10, tenants: () => 1 }), 'a').length).toBe(10);
});

it('leaves as many places as a tenant holds', () => {
  const queue = new Queue({ depth: 100, tenants: () => 3 });
  const loud = fill(queue, 'loud');
  expect([loud.length, queue.held]).toEqual([50, 50]);
  expect(fill(queue, 'quiet').length).toBe(25);
  expect(queue.enter('late')).not.toBeNull();
  expect(queue.enter('loud')).toBeNull();
});

it('takes places back', () => {
  const queue = new Queue({ depth: 4, tenants: () => 2 });
  const [first] = fill(queue, 'a');
  queue.leave(first!);
  expect(queue.held).toBe(1);
  expect(queue.enter('a')).not.toBeNull();
});
