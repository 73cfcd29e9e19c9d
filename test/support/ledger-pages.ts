/** All records of a ledger, page by page, as the admin plane reads them. */
import { expect } from 'vitest';
import type { StoredRecord } from '../../src/contract/store.ts';
import type { SqliteLedger } from '../../src/store/store.ts';

export async function allRecords(ledger: SqliteLedger): Promise<Map<string, StoredRecord>> {
  const records = new Map<string, StoredRecord>();
  let count = 0;
  for (let cursor: string | null = null; ; ) {
    const query = { function: null, outcome: null, trigger: null, from: null, to: null, limit: 1000 };
    const page = await ledger.records({ ...query, cursor });
    for (const item of page.items) records.set(item.invocationId, item);
    count += page.items.length;
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  expect(records.size).toBe(count);
  return records;
}
