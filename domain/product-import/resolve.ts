import type { Database } from '../../platform/database/database';
import {
  insertLane,
  liftStatementLimits,
  lockUpload,
  readUpload,
  setLaneEnd,
  setResolved,
} from '../uploads/uploads';
import { PRODUCT_MODES } from '../uploads/types';
import { analyzeRows, countRows, settleRepeats } from './queries';
import { reasonOf } from './rules';

/**
 * Looks for rows of a staged upload that are about the same product, once: repeated, it changes nothing. The rows are applied in
 * one lane, in the order of their lines.
 *
 * @throws AppError `FEED_NOT_FOUND`
 */
export async function resolveProducts(db: Database, jobId: string): Promise<void> {
  const before = await readUpload(db, jobId);
  if (before.stage !== 'staged') return;
  await analyzeRows(db);
  await db.retrying(async (tx) => {
    const feed = await lockUpload(tx, jobId, PRODUCT_MODES);
    if (feed.stage !== 'staged') return;
    await liftStatementLimits(tx);
    await settleRepeats(tx, feed.id, reasonOf('DUPLICATE_SKU'));
    const { rejected, lastLine } = await countRows(tx, feed.id);
    await setResolved(tx, feed.id, rejected);
    await insertLane(tx, { feedId: feed.id, lane: 1, after: 0 });
    await setLaneEnd(tx, feed.id, 1, lastLine);
  });
}
