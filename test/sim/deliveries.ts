/** What must hold of accepted webhook events once a world is at rest. */
import type { DeliveryRow } from '../../src/contract/store.ts';
import type { Oracle } from './oracle.ts';
import type { SimInbox } from './sim-stores.ts';

export interface Accepted {
  /** Ids that were answered 202, and the bytes they came with. */
  readonly ids: Map<string, Uint8Array>;
  /** Attempts that came to an end, in order. */
  readonly attempts: Map<
    string,
    readonly { readonly attempt: number; readonly status: number; readonly outcome: string }[]
  >;
}

export async function checkDeliveries(
  oracle: Oracle,
  inbox: SimInbox,
  { ids, attempts }: Accepted,
  rules: { readonly attempts: number; readonly drained: boolean },
): Promise<void> {
  for (const [id, body] of ids) {
    const row = await inbox.get(id);
    if (row === null) {
      oracle.violate('a webhook is lost', id);
      continue;
    }
    if (Buffer.compare(row.body, body) !== 0) oracle.violate('a webhook has other bytes', id);
    checkState(oracle, row, rules);
  }
  for (const [id, all] of attempts) {
    // While its function is quarantined an event waits, and uses up no attempt.
    const made = all.filter(({ outcome }) => outcome !== 'quarantined');
    const row = await inbox.get(id);
    const facts = `${id}: ${JSON.stringify(made)}, ${row?.state} after ${row?.attempts}`;
    if (row === null) oracle.violate('an attempt of nothing', facts);
    else if (made.length > row.attempts) oracle.violate('more attempts than counted', facts);
    if (made.some(({ attempt }, index) => attempt !== index + 1)) oracle.violate('attempts are misnumbered', facts);
    if (made.filter(({ status }) => status >= 200 && status < 400).length > 1) oracle.violate('delivered twice', facts);
  }
}

function checkState(
  oracle: Oracle,
  row: DeliveryRow,
  rules: { readonly attempts: number; readonly drained: boolean },
): void {
  const facts = `${row.id}: ${row.state} after ${row.attempts}, last ${row.lastOutcome} ${row.lastStatus}`;
  switch (row.state) {
    case 'succeeded':
      if (row.lastStatus === null || row.lastStatus >= 400) oracle.violate('succeeded without success', facts);
      return;
    case 'dead':
      if (row.attempts < rules.attempts) oracle.violate('given up early', facts);
      return;
    case 'ready':
    case 'running':
      // A host that goes leaves the rest for the next one; one that stays finishes.
      if (!rules.drained) oracle.violate('a webhook is left over', facts);
      return;
    default:
      row.state satisfies never;
  }
}
