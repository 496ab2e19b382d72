import type { Database } from '../../../platform/database/database';
import { selectSealBound } from './queries';
import { selectLogBound, SEALED_LOGS, type SealedLog } from './sealed-log-queries';
import {
  readByTransactions,
  selectUnsealedLedgerSeconds,
  selectUnsealedLogSeconds,
} from './unsealed-queries';

/** Since when rows of each wait to be sealed, seconds; 0: none does. `ledger` is that of stock. */
export type Unsealed = Readonly<Record<'ledger' | SealedLog, number>>;

/**
 * How old the oldest rows are that no seal covers. About a minute at most while sealing goes on and no transaction of the server stays
 * open. Costs the same however many rows wait.
 */
export function readUnsealed(db: Pick<Database, 'transaction'>): Promise<Unsealed> {
  return db.transaction(async (tx) => {
    const ledger = await selectSealBound(tx);
    const logs = { audit_log: 0, money_ledger: 0 };
    for (const log of SEALED_LOGS)
      logs[log] = await selectUnsealedLogSeconds(tx, log, await selectLogBound(tx, log));
    await readByTransactions(tx);
    return { ledger: await selectUnsealedLedgerSeconds(tx, ledger), ...logs };
  });
}
