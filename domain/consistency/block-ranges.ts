import { firstRow, rows, type Database, type Queryable, type Transaction } from '../../platform/database';
import { isLockTimeout } from '../../platform/errors';

interface Partition {
  /** Of one month of the ledger, and its part of `inventory_transactions_by_xid`, as SQL names. */
  name: string;
  index: string;
  pages: number;
}

/** As the index was made with. */
const PAGES_PER_RANGE = 32;
/** Pages that may be read in vain: those written since their range was summarised, and what rebuilding would not be worth. */
const SLACK_PAGES = 1_000;

/**
 * Keeps the block ranges of the ledger's index such that a range of transactions is found without reading the whole month.
 *
 * PostgreSQL marks a range while it summarises it. When that is cancelled, as it is in an autovacuum that somebody's lock has to
 * wait for, or in a crash, the mark stays for good, and every search reads all pages from there to the end of the table
 * (PostgreSQL 18; 7 s instead of 1 ms in the midst of ten million rows). Nothing shows the mark but that. Answers the partitions
 * whose ranges were made anew. One that somebody else works on is left for the next time.
 */
export async function keepBlockRanges(
  db: Database,
  { slackPages = SLACK_PAGES }: { slackPages?: number } = {},
): Promise<string[]> {
  const made: string[] = [];
  for (const partition of await selectPartitions(db)) {
    try {
      await db.transaction(async (tx) => {
        await prepare(tx);
        await summarise(tx, partition);
        if (partition.pages <= slackPages || (await pagesReadInVain(tx, partition)) <= slackPages) return;
        await forget(tx, partition);
        await summarise(tx, partition);
        made.push(partition.name);
      });
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
    }
  }
  return made;
}

function selectPartitions(on: Queryable): Promise<Partition[]> {
  return rows<Partition>(
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
function prepare(tx: Transaction): Promise<unknown> {
  return rows(
    tx,
    'consistency.prepare_ranges',
    `select set_config('lock_timeout', '500ms', true), set_config('statement_timeout', '0', true), set_config('enable_seqscan', 'off', true)`,
  );
}

function summarise(tx: Transaction, { index }: Partition): Promise<unknown> {
  return rows(tx, 'consistency.summarise_ranges', 'select brin_summarize_new_values($1::regclass)', [index]);
}

/** Pages that a search for a transaction reads that does not exist. */
async function pagesReadInVain(tx: Transaction, { name }: Partition): Promise<number> {
  const before = await pagesFetched(tx, name);
  await rows(tx, `consistency.probe.${name}`, `select count(*) from ${name} where xid::text::bigint = -1`);
  return (await pagesFetched(tx, name)) - before;
}

async function pagesFetched(tx: Transaction, name: string): Promise<number> {
  const row = await firstRow<{ pages: number }>(
    tx,
    'consistency.pages_fetched',
    'select pg_stat_get_xact_blocks_fetched($1::regclass) as pages',
    [name],
  );
  return row?.pages ?? 0;
}

function forget(tx: Transaction, { index, pages }: Partition): Promise<unknown> {
  return rows(
    tx,
    'consistency.forget_ranges',
    'select count(brin_desummarize_range($1::regclass, page)) from generate_series(0, $2::bigint, $3::bigint) page',
    [index, pages, PAGES_PER_RANGE],
  );
}
