import { many, one, type Transaction } from '../../../platform/database/database';

/**
 * Ranges of transactions are read with the plan for their own bounds: a plan for any bounds would read the whole ledger.
 * Without a limit of time, since the ledger may be long; so PostgreSQL looks now and then whether the process that asked is
 * still there: it would read to the end for one that died. A server on Windows cannot look, and refuses to be told to.
 */
export async function prepareLongReading(tx: Transaction): Promise<void> {
  await many(
    tx,
    'consistency.prepare_long_reading',
    `select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('statement_timeout', '0', true),
            set_config('work_mem', '256MB', true), set_config('jit', 'off', true),
            case when version() !~ 'windows|mingw|Visual C' then set_config('client_connection_check_interval', '1s', true) end`,
  );
}

/**
 * Keeps months of the ledger from being summed up and dropped until the transaction ends: waits for one that is just being
 * (`fold_ledger_partition`, which takes the same lock). The transaction has no lock yet, so it may take its time.
 */
export async function keepPartitions(tx: Transaction): Promise<void> {
  const { before } = await one<{ before: string }>(
    tx,
    'ledger.wait_for_fold',
    `select current_setting('lock_timeout') as before, set_config('lock_timeout', '30min', true)`,
  );
  await many(
    tx,
    'ledger.keep_partitions',
    `select pg_advisory_xact_lock_shared(hashtext('fold_ledger_partition'))`,
  );
  await many(tx, 'ledger.after_fold', `select set_config('lock_timeout', $1, true)`, [before]);
}

/** The same without waiting. False: a month is just being summed up, or somebody waits to do so. */
export async function tryKeepPartitions(tx: Transaction): Promise<boolean> {
  const { kept } = await one<{ kept: boolean }>(
    tx,
    'ledger.try_keep_partitions',
    `select pg_try_advisory_xact_lock_shared(hashtext('fold_ledger_partition')) as kept`,
  );
  return kept;
}
