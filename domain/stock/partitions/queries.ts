import { execute, many, one, type Queryable, type Transaction } from '../../../platform/database/database';

/**
 * Of this transaction alone. Summing a month may take minutes; but everybody who comes to the ledger queues behind a drop that
 * waits for its lock, so it gives up soon and is tried again.
 */
export function setFoldTimeouts(tx: Transaction): Promise<number> {
  return execute(
    tx,
    'partitions.timeouts',
    `select set_config('statement_timeout', '30min', true), set_config('lock_timeout', '500ms', true)`,
  );
}

/**
 * Waits until nobody else folds and nobody reads the ledger for long, whoever has the lock shared; those who come later wait as well. Has
 * it until the transaction ends. It gives up after `waitMs` by a lock timeout.
 */
export async function lockFold(tx: Transaction, waitMs: number): Promise<void> {
  await many(tx, 'partitions.wait_for_fold', `select set_config('lock_timeout', $1, true)`, [`${waitMs}ms`]);
  await many(tx, 'partitions.lock_fold', `select pg_advisory_xact_lock(hashtext('fold_ledger_partition'))`);
}

/** Null: nothing is old enough, or what is may not be dropped yet. */
export async function foldOldestPartition(tx: Transaction, months: number): Promise<string | null> {
  const row = await one<{ partition: string | null }>(
    tx,
    'partitions.fold',
    'select fold_old_month($1) as partition',
    [months],
  );
  return row.partition;
}

/** Returns how many were new. */
export async function makePartitions(tx: Transaction, months: number): Promise<number> {
  const row = await one<{ made: number }>(
    tx,
    'partitions.ensure_partitions',
    'select ensure_ledger_partitions($1) as made',
    [months],
  );
  return row.made;
}

/** For how many seconds the oldest month of the ledger has been older than `months` full months; 0: it is not. */
export async function selectFoldOverdue(on: Queryable, months: number): Promise<number> {
  const row = await one<{ seconds: number }>(
    on,
    'partitions.fold_overdue',
    `select coalesce(greatest(extract(epoch from clock_timestamp()
       - (min(upper_bound) at time zone 'UTC' + make_interval(months => $1)) at time zone 'UTC'), 0), 0)::float8 as seconds
     from ledger_partitions`,
    [months],
  );
  return row.seconds;
}
