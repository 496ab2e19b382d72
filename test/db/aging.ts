import { MockActivityEnvironment } from '@temporalio/testing';
import { createRetentionActivities, type KeptDays } from '../../activities/retention';
import type { FileStore } from '../../domain/files/types';
import type { TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';

export const KEPT = 10;
export const OLD = `now() - interval '11 days'`;
export const YOUNG = `now() - interval '9 days'`;

/** That each kind is kept for so many days. */
export const all = (days: number): KeptDays => ({
  idempotencyKeys: days,
  batches: days,
  feedRejects: days,
  feeds: days,
  checks: days,
  alerts: days,
  carrierEvents: days,
  gatewayEvents: days,
  reservations: days,
  sessions: days,
  accountMails: days,
  signInAttempts: days,
  auditAddresses: days,
  events: days,
  webhookDeliveries: days,
  settlementFiles: days,
  reportFiles: days,
  notifications: days,
  mails: days,
  contacts: days,
});

/** What tests of the retention do. `shop` is asked when they do it. */
export function agingIn(shop: () => Pick<TestShop, 'db'>) {
  /** Returns how many of each kind were removed. */
  function removeAgedRows(keptDays: KeptDays = all(KEPT), files: FileStore | null = null) {
    const { removeAgedRows } = createRetentionActivities({
      db: shop().db,
      files,
      keptDays,
      log: testLogger(),
    });
    return new MockActivityEnvironment().run(removeAgedRows);
  }

  async function write(...statements: readonly string[]): Promise<void> {
    for (const statement of statements) await shop().db.pool.query(statement);
  }

  /** The texts that a statement selects, sorted. */
  async function read(statement: string): Promise<string[]> {
    const { rows } = await shop().db.pool.query<{ is: string }>(statement);
    return rows.map(({ is }) => is).sort();
  }

  return { removeAgedRows, write, read };
}
