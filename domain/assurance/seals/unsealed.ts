import type { Database } from '../../../platform/database/database';
import { selectSealBound } from './queries';
import { selectLogBound } from './sealed-log-queries';
import {
  readByTransactions,
  selectUnsealedAuditSeconds,
  selectUnsealedLedgerSeconds,
} from './unsealed-queries';

/** Since when rows wait to be sealed, seconds; 0: none does. */
export interface Unsealed {
  ledgerSeconds: number;
  auditLogSeconds: number;
}

/**
 * How old the oldest rows are that no seal covers. About a minute at most while sealing goes on and no transaction of the server stays
 * open. Costs the same however many rows wait.
 */
export function readUnsealed(db: Pick<Database, 'transaction'>): Promise<Unsealed> {
  return db.transaction(async (tx) => {
    const ledger = await selectSealBound(tx);
    const audit = await selectLogBound(tx, 'audit_log');
    const auditLogSeconds = await selectUnsealedAuditSeconds(tx, audit);
    await readByTransactions(tx);
    return { ledgerSeconds: await selectUnsealedLedgerSeconds(tx, ledger), auditLogSeconds };
  });
}
