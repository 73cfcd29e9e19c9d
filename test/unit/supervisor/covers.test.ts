/** Who stands in for a place without a host, and that nobody is told anything where nothing has changed. */
import { expect, it } from 'vitest';
import type { Order } from '../../../src/contract/host-wire.ts';
import { Covers } from '../../../src/supervisor/covers.ts';
import { type Member, newMember, type State } from '../../../src/supervisor/member.ts';
import { PULSE_RULES, Pulse } from '../../../src/supervisor/pulse.ts';

interface Told extends Member {
  readonly told: (readonly number[])[];
}

function aMember(state: State = 'active'): Told {
  const told: (readonly number[])[] = [];
  const handle = {
    pid: 1,
    order: (order: Order) => void (order.k === 'cover' && told.push(order.queues)),
    kill: () => undefined,
  };
  const member = newMember(handle, new Pulse(PULSE_RULES, () => null, 0), 0);
  return Object.assign(member, { state, told });
}

function setUp(count: number) {
  const members = Array.from({ length: count }, () => aMember());
  const covers = new Covers(count);
  covers.settle(members);
  return { members, covers };
}

it('tells nobody anything while every place has a host, nor of places that never had one', () => {
  const { members, covers } = setUp(2);
  covers.settle(members);
  expect(members.map(({ told }) => told)).toEqual([[], []]);
  const [first] = members;
  const early = new Covers(2);
  early.settle([first!, null]);
  expect(first!.told).toEqual([]);
});

it('has another accept for a place that is empty, and leave it when a host serves there', () => {
  const { members, covers } = setUp(2);
  const [first, second] = members;
  second!.state = 'dead';
  covers.settle([first!, null]);
  covers.settle([first!, null]);
  expect(first!.told).toEqual([[1]]);
  const heir = aMember('entering');
  covers.settle([first!, heir]);
  expect(first!.told).toEqual([[1]]);
  heir.state = 'active';
  covers.settle([first!, heir]);
  expect([first!.told, heir.told, second!.told]).toEqual([[[1], []], [], []]);
});

it('asks nobody while a spare is about to listen there', () => {
  const { members, covers } = setUp(2);
  covers.settle([members[0]!, aMember('entering')]);
  expect(members[0]!.told).toEqual([]);
});

it('has several places stood in for by several, and by whoever is left when one of these dies', () => {
  const { members, covers } = setUp(4);
  const [a, b] = members;
  covers.settle([a!, b!, null, null]);
  expect([a!.told, b!.told]).toEqual([[[2]], [[3]]]);
  b!.state = 'dead';
  covers.settle([a!, null, null, null]);
  expect([a!.told.at(-1), b!.told]).toEqual([[1, 2, 3], [[3]]]);
});

it('has nothing to do where all hosts share one queue', () => {
  const first = aMember();
  const covers = new Covers(1);
  covers.settle([first, aMember()]);
  covers.settle([first, null]);
  expect(first.told).toEqual([]);
});
