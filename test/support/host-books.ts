/** What the admin plane's books must show after whatever happened: records of answers, deliveries of webhooks. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningHost } from './host.ts';
import type { Answer } from './traffic.ts';

const SETTLE_LOOKS = 20;
const SETTLE_MS = 100;

export interface BookedRecord {
  readonly invocationId: string;
  readonly status: number;
  readonly outcome: string;
  readonly trigger: string;
  readonly function: string;
  readonly billedMs: number;
  readonly closedBy: string;
}

export async function allRecords(host: RunningHost): Promise<BookedRecord[]> {
  const records: BookedRecord[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = (await (await host.admin(`/v1/usage/records?limit=1000${query}`)).json()) as {
      items: BookedRecord[];
      nextCursor: string | null;
    };
    records.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return records;
}

/** Sentences about what is wrong: an answer without its record, a record twice. */
export async function checkRecords(host: RunningHost, answers: readonly Answer[]): Promise<string[]> {
  // What goes on after its answer (waitUntil) has its record a little later.
  for (let left = SETTLE_LOOKS; ; left--) {
    const wrong = await wrongRecords(host, answers);
    if (wrong.length === 0 || left === 0) return wrong;
    await sleep(SETTLE_MS);
  }
}

async function wrongRecords(host: RunningHost, answers: readonly Answer[]): Promise<string[]> {
  const records = await allRecords(host);
  const byId = new Map(records.map((record) => [record.invocationId, record]));
  const wrong: string[] = [];
  if (byId.size !== records.length) wrong.push(`${records.length - byId.size} records are there twice`);
  for (const { id, status, code } of answers) {
    const record = byId.get(id);
    // No rows by design: a 503 of a host that could not write, and who is told that a load has failed before.
    if (record === undefined && status !== 503 && code !== 'init_error')
      wrong.push(`no record of ${id}, which answered ${status}`);
    else if (record !== undefined && record.status !== status && record.closedBy === 'normal' && status !== 503)
      wrong.push(`${id} answered ${status}, its record says ${record.status} (${record.outcome})`);
  }
  return wrong;
}

/** Waits until every accepted delivery has succeeded; sentences about those that have not. */
export async function checkDeliveries(
  host: RunningHost,
  accepted: readonly string[],
  withinMs: number,
): Promise<string[]> {
  const until = performance.now() + withinMs;
  let left = accepted;
  let states: string[] = [];
  while (left.length > 0) {
    const rest: string[] = [];
    states = [];
    for (const id of left) {
      const response = await host.admin(`/v1/deliveries/${id}`);
      const row = (await response.json()) as { state?: string; attempts?: number; lastOutcome?: string };
      if (row.state === 'succeeded') continue;
      rest.push(id);
      states.push(
        `delivery ${id} is ${row.state ?? response.status} after ${row.attempts} attempts (${row.lastOutcome})`,
      );
    }
    left = rest;
    if (performance.now() > until) return states;
    if (left.length > 0) await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return [];
}
