import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { CLAIM, INBOX_MIGRATIONS, NEXT_DUE } from '../../../src/store/inbox-rows.ts';

describe('with a backlog', () => {
  it.each([
    ['a claim', CLAIM],
    ['the question what is due next', NEXT_DUE],
  ])('%s walks the index of what is due, sorts nothing and never goes by state', (_, sql) => {
    const db = new Database(':memory:');
    for (const migration of INBOX_MIGRATIONS) db.exec(migration);
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...(sql === CLAIM ? ['host', 1, 5] : []));
    const steps = plan.map((row) => String(row['detail'])).join('; ');
    db.close();
    expect(steps).toContain('INDEX deliveries_due');
    expect(steps).not.toMatch(/TEMP B-TREE|deliveries_by_state/);
  });
});
