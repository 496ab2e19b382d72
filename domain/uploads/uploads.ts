import type { Queryable, Transaction } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import {
  selectLaneForUpdate,
  selectUpload,
  selectUploadForShare,
  selectUploadForUpdate,
  type LockedUpload,
} from './queries';
import type { UploadState, Lane, UploadMode } from './types';

export {
  advance as advanceLane,
  countLaneRows,
  insertLane,
  liftStatementLimits,
  setLaneEnd,
  setResolved,
  splitUpload,
} from './queries';

/** Where the work on an upload stands. @throws AppError `FEED_NOT_FOUND` */
export async function readUpload(on: Queryable, jobId: string): Promise<UploadState> {
  return (await selectUpload(on, jobId)) ?? notFound(jobId);
}

/** Of two that look up what an upload is about, the second waits and then sees that it is done. @throws AppError `FEED_NOT_FOUND` */
export async function lockUpload<Mode extends UploadMode>(
  tx: Transaction,
  jobId: string,
  modes: readonly Mode[],
): Promise<LockedUpload & { mode: Mode }> {
  const upload = await selectUploadForUpdate(tx, jobId);
  return upload && isOf(modes, upload) ? upload : notFound(jobId);
}

/**
 * Keeps an upload from being looked up as a whole, or ended, while a part of it is looked up.
 *
 * @throws AppError `FEED_NOT_FOUND`
 */
export async function shareUpload<Mode extends UploadMode>(
  tx: Transaction,
  jobId: string,
  modes: readonly Mode[],
): Promise<LockedUpload & { mode: Mode }> {
  const upload = await selectUploadForShare(tx, jobId);
  return upload && isOf(modes, upload) ? upload : notFound(jobId);
}

/** Takes the lock under which a lane moves on. @throws AppError `FEED_NOT_FOUND` */
export async function lockLane<Mode extends UploadMode>(
  tx: Transaction,
  { jobId, lane: number }: { jobId: string; lane: number },
  modes: readonly Mode[],
): Promise<Lane & { mode: Mode; actor: string; asOf: string; left: number }> {
  const lane = await selectLaneForUpdate(tx, jobId, number);
  if (!lane || !isOf(modes, lane)) return notFound(jobId);
  return { ...lane, left: lane.lastSeq - lane.position };
}

function isOf<Mode extends UploadMode, Of extends { mode: UploadMode }>(
  modes: readonly Mode[],
  upload: Of,
): upload is Of & { mode: Mode } {
  return (modes as readonly UploadMode[]).includes(upload.mode);
}

function notFound(jobId: string): never {
  throw new AppError('FEED_NOT_FOUND', 'There is no such upload.', { jobId });
}
