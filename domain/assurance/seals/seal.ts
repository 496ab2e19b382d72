import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import { keepBlockRanges } from './block-ranges';
import { insertSeals, selectSealBound, trySealerLock, type SealBound } from './queries';

export interface SealOptions {
  /** Rows of one seal at most: what has to be read again to verify it. */
  rowsPerSeal?: number;
  /** Seals made in one transaction at most. */
  sealsPerStep?: number;
  /** Called after each transaction. */
  onProgress?: (sealed: SealResult) => void;
  /** Ends the run after the transaction that is under way. */
  signal?: AbortSignal;
}

export interface SealResult {
  seals: number;
  rows: number;
}

const ROWS_PER_SEAL = 50_000;
const SEALS_PER_STEP = 4;
/**
 * Transactions looked at first. Each step reads every row of its window to order them, so the window follows the size of the
 * transactions: a backlog of large ones would otherwise be read again for each step, one of small ones take a step for each.
 */
const FIRST_WINDOW = 10_000;

/**
 * Seals every row of the ledger that no running transaction can add to: those of transactions below the oldest that runs, never
 * by the clock. Transactions of other databases of the server count as well: a long one anywhere delays it. Does nothing
 * while another sealer runs.
 *
 * @throws AppError `LEDGER_XIDS_WENT_BACK` on a server that counts transactions from below those that are sealed, as one does
 * into which the database was loaded from a dump
 */
export async function sealLedger(db: Database, options: SealOptions = {}): Promise<SealResult> {
  const { rowsPerSeal = ROWS_PER_SEAL, sealsPerStep = SEALS_PER_STEP } = options;
  await keepBlockRanges(db);
  const sealed = { seals: 0, rows: 0 };
  let window = FIRST_WINDOW;
  // Where the run ends: under load rows would otherwise come as fast as they are sealed.
  let end: number | undefined;
  while (!options.signal?.aborted) {
    const step = await db.retrying(async (tx) => {
      if (!(await trySealerLock(tx))) return null;
      await prepareLongReading(tx);
      const bound = await selectSealBound(tx);
      refuseTurnedBack(bound);
      end ??= bound.horizon;
      const before = Math.min(end, bound.xid + window);
      const made = await insertSeals(tx, bound, { before, seals: sealsPerStep, rowsPerSeal });
      const rows = made.reduce((sum, seal) => sum + seal.rowCount, 0);
      return { bound, isLast: before === end, made, rows };
    });
    if (!step) return sealed;
    const { bound, isLast, made, rows } = step;
    sealed.seals += made.length;
    sealed.rows += rows;
    options.onProgress?.(sealed);
    const full = rows === rowsPerSeal * sealsPerStep;
    if (!full && isLast) return sealed;
    // A window without a row moves nothing on: the next one has to reach further from the same place. Within one transaction,
    // which a step may not get through, it reaches no further than that.
    window = full ? Math.max(1, 2 * ((made.at(-1)?.toXid ?? bound.xid) - bound.xid)) : 4 * window;
  }
  return sealed;
}

/** @throws AppError `LEDGER_XIDS_WENT_BACK` where the server counts transactions from below those that are sealed */
export function refuseTurnedBack({ xid, horizon, seq }: SealBound): void {
  if (horizon > xid) return;
  throw new AppError(
    'LEDGER_XIDS_WENT_BACK',
    `This server counts transactions from ${horizon}, but seal ${seq} ends at ${xid}: set its counter beyond that (pg_resetwal --next-transaction-id).`,
    { horizon, xid, seq },
  );
}
