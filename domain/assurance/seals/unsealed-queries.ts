import { many, one, type Transaction } from '../../../platform/database/database';
import { afterPosition, XID } from './ledger-range';
import type { SealBound } from './queries';
import type { SealedLog } from './sealed-log-queries';

/**
 * Of this transaction alone: the ledger is read by its index of transactions only. With a limit any other plan may look cheaper and
 * read everything that is sealed first.
 */
export function readByTransactions(tx: Transaction): Promise<unknown> {
  return many(
    tx,
    'consistency.read_by_transactions',
    `select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('jit', 'off', true),
            set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true)`,
  );
}

/** Entries that are looked at: they lie in the order in which they were written, so the oldest is among the first. */
const LOOKED_AT = 10_000;

type Bound = Pick<SealBound, 'xid' | 'id'>;

/** Age in seconds of the oldest entry of the ledger after `bound` that is committed; 0: there is none. */
export async function selectUnsealedLedgerSeconds(tx: Transaction, { xid, id }: Bound): Promise<number> {
  const row = await one<{ seconds: number }>(
    tx,
    'consistency.unsealed_ledger_seconds',
    `select coalesce(greatest(extract(epoch from clock_timestamp() - min(at)), 0), 0)::float8 as seconds
     from (select t.at from inventory_transactions t where ${afterPosition('$1', '$2')} limit ${LOOKED_AT}) first`,
    [xid, id],
  );
  return row.seconds;
}

/** The same of a log that is sealed row by row. */
export async function selectUnsealedLogSeconds(
  tx: Transaction,
  log: SealedLog,
  { xid, id }: Bound,
): Promise<number> {
  const row = await one<{ seconds: number }>(
    tx,
    `consistency.unsealed_seconds_${log}`,
    `select coalesce(greatest(extract(epoch from clock_timestamp() - min(at)), 0), 0)::float8 as seconds
     from (select t.at from ${log} t where ${afterPosition('$1', '$2')} order by t.${XID}, t.id limit 1) first`,
    [xid, id],
  );
  return row.seconds;
}
