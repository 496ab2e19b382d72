import { many, one, type Queryable, type Transaction } from '../../../platform/database/database';

export interface LedgerPartition {
  /** Of one month of the ledger, and its part of `inventory_transactions_by_xid`, as SQL names. */
  name: string;
  index: string;
  pages: number;
}

/** As the index was made with. */
const PAGES_PER_RANGE = 32;

export function selectLedgerPartitions(on: Queryable): Promise<LedgerPartition[]> {
  return many<LedgerPartition>(
    on,
    'consistency.ledger_partitions',
    `select x.indrelid::regclass::text as name, x.indexrelid::regclass::text as index, pg_relation_size(x.indrelid) / 8192 as pages
     from pg_inherits i join pg_index x on x.indexrelid = i.inhrelid
     where i.inhparent = 'inventory_transactions_by_xid'::regclass and pg_relation_size(x.indrelid) > 0
     order by 1`,
  );
}

/**
 * A lock is waited for less long than PostgreSQL lets a lock wait for an autovacuum (`deadlock_timeout`, 1 s), which would cancel
 * that one, and so leave a mark behind. The work itself may take its time: cancelled, it leaves one as well.
 */
export function prepareRanges(tx: Transaction): Promise<unknown> {
  return many(
    tx,
    'consistency.prepare_ranges',
    `select set_config('lock_timeout', '500ms', true), set_config('statement_timeout', '0', true), set_config('enable_seqscan', 'off', true)`,
  );
}

export function summariseRanges(tx: Transaction, { index }: LedgerPartition): Promise<unknown> {
  return many(tx, 'consistency.summarise_ranges', 'select summarise_ledger_ranges($1::regclass)', [index]);
}

/** Pages that a search for a transaction reads that does not exist. */
export async function countNeedlessPageReads(tx: Transaction, { name }: LedgerPartition): Promise<number> {
  const before = await pagesFetched(tx, name);
  await many(tx, `consistency.probe.${name}`, `select count(*) from ${name} where xid::text::bigint = -1`);
  return (await pagesFetched(tx, name)) - before;
}

async function pagesFetched(tx: Transaction, name: string): Promise<number> {
  const { pages } = await one<{ pages: number }>(
    tx,
    'consistency.pages_fetched',
    'select pg_stat_get_xact_blocks_fetched($1::regclass) as pages',
    [name],
  );
  return pages;
}

export function desummariseRanges(tx: Transaction, { index, pages }: LedgerPartition): Promise<unknown> {
  return many(
    tx,
    'consistency.desummarise_ranges',
    'select desummarise_ledger_ranges($1::regclass, $2::bigint, $3::int)',
    [index, pages, PAGES_PER_RANGE],
  );
}
