import type { Database } from '../../../platform/database/database';
import { ensurePartitions } from './queries';

/** Makes the ledger's partitions of this month and `months` more; returns how many are new. Safe to run at any time. */
export function ensureLedgerPartitions(db: Database, months: number): Promise<number> {
  return ensurePartitions(db, months);
}
