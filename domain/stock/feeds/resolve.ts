import type { Database, Transaction } from '../../../platform/database/database';
import { liftStatementLimits, lockUpload, readUpload, setResolved } from '../../uploads/uploads';
import { STOCK_MODES, type UploadState } from '../../uploads/types';
import { analyzeChanges, analyzeStaged, deleteChanges, deleteStaged, rejectUnreadable } from './queries';
import {
  countResolvedLines,
  hasExpiries,
  rejectOtherExpiries,
  rejectUnresolved,
  resolveLotRows,
  resolveRows,
  settleRepeated,
} from './resolve-queries';
import { reasonOf } from './rules';
import type { RejectCode } from './types';

/**
 * Looks up what a staged feed is about and numbers its rows, once: repeated, it changes nothing.
 *
 * @param lanes parts that can be applied beside each other
 * @throws AppError `FEED_NOT_FOUND`
 */
export async function resolveFeed(db: Database, jobId: string, lanes: number): Promise<UploadState> {
  const before = await readUpload(db, jobId);
  if (before.stage !== 'staged') return before;
  await analyzeStaged(db);
  await db.retrying((tx) => resolve(tx, jobId, lanes));
  await analyzeChanges(db);
  return readUpload(db, jobId);
}

async function resolve(tx: Transaction, jobId: string, lanes: number): Promise<void> {
  const feed = await lockUpload(tx, jobId, STOCK_MODES);
  if (feed.stage !== 'staged') return;
  await liftStatementLimits(tx);
  const unreadable = feed.rejected + (await rejectUnreadable(tx, feed.id));
  const rows = await resolveRows(tx, feed.id, feed.mode);
  const lotRows = feed.lotLines > 0 ? await resolveLotRows(tx, feed.id, feed.mode, rows) : 0;
  const conflicting =
    lotRows > 0 && (await hasExpiries(tx, feed.id))
      ? await rejectOtherExpiries(tx, feed.id, feed.mode, reasonOf('LOT_EXPIRY_CONFLICTING'))
      : 0;
  let lines = await countResolvedLines(tx, feed.id);
  if (feed.mode === 'set' && lines > rows + lotRows) {
    await settleRepeated(tx, feed.id, feed.mode);
    lines = await countResolvedLines(tx, feed.id);
  }
  const rejected = unreadable + conflicting;
  const isWhole = lines + rejected === feed.lines;
  const unresolved = isWhole ? 0 : await rejectUnresolved(tx, feed.id, feed.mode, REASONS);
  await setResolved(tx, feed.id, { rows, lotRows, rejected: rejected + unresolved, lanes });
}

/** Why a row is not among those to apply. */
const UNRESOLVED = [
  'UNKNOWN_SKU',
  'UNKNOWN_LOCATION',
  'SKU_AMBIGUOUS',
  'LOCATION_AMBIGUOUS',
  'LOT_AMBIGUOUS',
  'LOT_MISSING',
  'LOT_NOT_TRACKED',
  'SERIAL_TRACKED',
  'CONFLICTING',
  'SUPERSEDED',
] as const satisfies readonly RejectCode[];
const REASONS = Object.fromEntries(UNRESOLVED.map((code) => [code, reasonOf(code)]));

const DELETED_AT_ONCE = 100_000;

/** Forgets the rows of a feed that is done with; its rejects stay. */
export async function forgetStaged(db: Database, feedId: number): Promise<void> {
  for (const remove of [deleteStaged, deleteChanges]) {
    while ((await remove(db, feedId, DELETED_AT_ONCE)) > 0);
  }
}
