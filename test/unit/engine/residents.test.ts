/** When the memory of a client's body is given back: never while its order may still wait to be sent. */
import { expect, it } from 'vitest';
import type { Invocation } from '../../../src/contract/invocation.ts';
import { Job } from '../../../src/engine/job.ts';
import { type Entry, Residents } from '../../../src/engine/residents.ts';

function entered(residents: Residents, body: Uint8Array, trigger: string): { entry: Entry; settled: () => number } {
  const event = { kind: 'fetch', method: 'POST', url: 'http://a/', headers: [], body };
  const invocation = { id: trigger, trigger, event, version: { spec: { limits: { cpuMs: 50 } } } };
  let seen = -1;
  const listener = { started: () => undefined, settled: () => (seen = body.byteLength) };
  const job = new Job(1, 0, invocation as unknown as Invocation, listener as never);
  const bridge = { jobs: new Map(), release: () => undefined };
  const lane = { unclaimed: 0, freeSlot: () => undefined };
  const entry = { job, record: { number: 1, lane, bridge, version: { hash: '' } } } as unknown as Entry;
  residents.enter(entry);
  return { entry, settled: () => seen };
}

it.each([
  { trigger: 'http', began: true, left: 0 },
  { trigger: 'http', began: false, left: 65_536 },
  { trigger: 'service', began: true, left: 65_536 },
])('a body of $trigger that began: $began leaves $left bytes', ({ trigger, began, left }) => {
  const residents = new Residents((stack) => stack);
  const body = new Uint8Array(65_536);
  const { entry, settled } = entered(residents, body, trigger);
  if (began) residents.started(entry, 1);
  residents.settle(entry, 'ok', 2);
  expect(settled(), 'its listener still sees it').toBe(65_536);
  expect(body.byteLength).toBe(left);
});
