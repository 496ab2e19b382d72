import type { Database, Transaction } from '../../../platform/database/database';
import {
  countLaneRows,
  insertLane,
  liftStatementLimits,
  lockUpload,
  readUpload,
  setLaneEnd,
  setResolved,
  shareUpload,
  splitUpload,
} from '../../uploads/uploads';
import { forgetRows } from '../../uploads/forget';
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
 * Looks up what a staged feed is about and numbers its rows, once: repeated, it changes nothing. Its parts are looked up beside each
 * other, each in a transaction of its own, which makes its lane: an attempt that broke off is carried on with the parts that are missing.
 *
 * @param lanes parts that can be applied beside each other
 * @throws AppError `FEED_NOT_FOUND`
 */
export async function resolveFeed(db: Database, jobId: string, lanes: number): Promise<UploadState> {
  const before = await readUpload(db, jobId);
  if (before.stage !== 'staged') return before;
  await analyzeStaged(db);
  const parts = (await db.retrying((tx) => splitUpload(tx, jobId, lanes))) ?? 0;
  const looking = Array.from({ length: parts }, (_, place) =>
    db.retrying((tx) => resolvePart(tx, jobId, { part: place + 1, parts })),
  );
  // None goes on by itself when another fails.
  await Promise.allSettled(looking);
  await Promise.all(looking);
  await db.retrying((tx) => endLookUp(tx, jobId, parts));
  await analyzeChanges(db);
  return readUpload(db, jobId);
}

async function resolvePart(
  tx: Transaction,
  jobId: string,
  { part, parts }: { part: number; parts: number },
): Promise<void> {
  const { id, mode, lines, stage } = await shareUpload(tx, jobId, STOCK_MODES);
  if (stage !== 'staged') return;
  await liftStatementLimits(tx);
  const after = (part - 1) * lines;
  if (!(await insertLane(tx, { feedId: id, lane: part, after }))) return;
  const rows = await resolveRows(tx, id, mode, { part, parts, after });
  await setLaneEnd(tx, id, part, after + rows);
}

/** Once all parts are looked up: what is about lots, what several lines say of one thing, and what could not be looked up. */
async function endLookUp(tx: Transaction, jobId: string, parts: number): Promise<void> {
  const feed = await lockUpload(tx, jobId, STOCK_MODES);
  if (feed.stage !== 'staged') return;
  await liftStatementLimits(tx);
  const unreadable = feed.rejected + (await rejectUnreadable(tx, feed.id));
  const rows = await countLaneRows(tx, feed.id);
  const after = parts * feed.lines;
  const lotRows = feed.lotLines > 0 ? await resolveLotRows(tx, feed.id, feed.mode, after) : 0;
  if (lotRows > 0) {
    await insertLane(tx, { feedId: feed.id, lane: parts + 1, after, byLot: true });
    await setLaneEnd(tx, feed.id, parts + 1, after + lotRows);
  }
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
  await setResolved(tx, feed.id, rejected + unresolved);
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

/** Forgets the rows of a feed that is done with; its rejects stay. */
export function forgetStaged(db: Database, feedId: number): Promise<void> {
  return forgetRows(db, feedId, [deleteStaged, deleteChanges]);
}
