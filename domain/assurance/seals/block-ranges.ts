import type { Database } from '../../../platform/database/database';
import { isLockTimeout } from '../../../platform/errors';
import {
  desummariseRanges,
  countNeedlessPageReads,
  prepareRanges,
  selectLedgerPartitions,
  summariseRanges,
} from './block-range-queries';

/** Pages that may be read needlessly: those written since their range was summarised, and what rebuilding would not be worth. */
const SLACK_PAGES = 1_000;

/**
 * Keeps the block ranges of the ledger's index such that a range of transactions is found without reading the whole month.
 *
 * PostgreSQL marks a range while it summarises it. When that is cancelled, as it is in an autovacuum that another lock has to
 * wait for, or in a crash, the mark stays for good, and every search reads all pages from there to the end of the table
 * (PostgreSQL 18; 7 s instead of 1 ms in the midst of ten million rows). Nothing shows the mark but that. Returns the partitions
 * whose ranges were made anew. One that another process works on is left for the next time.
 */
export async function keepBlockRanges(
  db: Database,
  { slackPages = SLACK_PAGES }: { slackPages?: number } = {},
): Promise<string[]> {
  const made: string[] = [];
  for (const partition of await selectLedgerPartitions(db)) {
    try {
      await db.transaction(async (tx) => {
        await prepareRanges(tx);
        await summariseRanges(tx, partition);
        if (partition.pages <= slackPages || (await countNeedlessPageReads(tx, partition)) <= slackPages)
          return;
        await desummariseRanges(tx, partition);
        await summariseRanges(tx, partition);
        made.push(partition.name);
      });
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
    }
  }
  return made;
}
