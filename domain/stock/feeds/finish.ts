import type { Database, Transaction } from '../../../platform/database/database';
import { readJobInput } from '../../jobs/jobs';
import { finishUpload, type UploadEnding } from '../../uploads/finish';
import { liftStatementLimits, readUpload } from '../../uploads/uploads';
import { countRejects, selectUnnamedUnits } from './lot-queries';
import { rejectUnreadable } from './queries';
import { forgetStaged } from './resolve';

/**
 * Ends the job of a feed, as `finishUpload` says. The result counts rows that were `applied`; where a `set` feed names lots, it
 * has in `lots` what else is on hand at those places, in `rowsWithoutLot` how many rows name none and should; and in `ignored` columns
 * that mean nothing.
 */
export function finishFeed(
  db: Database,
  jobId: string,
  ending: UploadEnding,
): Promise<Readonly<Record<string, unknown>>> {
  return finishUpload(db, jobId, ending, {
    rejectUnreadable: (tx, { id }) => rejectUnreadable(tx, id),
    notesOn: async (tx, jobId) => ({ ...(await lotsOf(tx, jobId)), ...(await ignoredOf(tx, jobId)) }),
    forget: forgetStaged,
  });
}

/** Names of columns and members that mean nothing, where there were any. */
async function ignoredOf(tx: Transaction, jobId: string): Promise<Readonly<Record<string, unknown>>> {
  const ignored = (await readJobInput(tx, jobId))?.['ignored'];
  return ignored === undefined ? {} : { ignored };
}

/** Places and lots of which the result gives the numbers one by one. */
const SHOWN = 20;

/** What the result of a `set` feed says of lots: nothing where it names none and none were missing. */
async function lotsOf(tx: Transaction, jobId: string): Promise<Readonly<Record<string, unknown>>> {
  const feed = await readUpload(tx, jobId);
  if (feed.mode !== 'set') return {};
  const rowsWithoutLot = feed.rejected > 0 ? await countRejects(tx, feed.id, 'LOT_MISSING') : 0;
  if (feed.lotLines > 0) await liftStatementLimits(tx);
  const lots = feed.lotLines > 0 ? await selectUnnamedUnits(tx, feed.id, SHOWN) : undefined;
  return { ...(rowsWithoutLot > 0 ? { rowsWithoutLot } : {}), ...(lots ? { lots } : {}) };
}
