import type { BulkTransaction, Database } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import {
  abandonStaleUpload,
  abandonUpload,
  deleteUpload,
  insertUpload,
  selectOrphanedUploads,
  touchUpload,
  type BegunUpload,
} from './queries';
import type { UploadMode } from './types';

const TOUCH_MS = 10_000;
/** An upload of which nothing has been heard for so long has no process any more. */
const STALE_SECONDS = 120;

/**
 * Begins the upload for a job. One that another process left without an end is given up.
 *
 * @param request.asOf as of when its rows are true; undefined: now
 * @returns the upload, under whose id its rows are staged
 * @throws AppError `IDEMPOTENCY_IN_FLIGHT` while another upload for the job goes on
 */
export async function beginUpload(
  db: Database,
  jobId: string,
  { mode, asOf }: { mode: UploadMode; asOf: string | undefined },
): Promise<BegunUpload> {
  await abandonStaleUpload(db, jobId, STALE_SECONDS);
  const begun = await insertUpload(db, jobId, mode, asOf);
  if (begun) return begun;
  throw new AppError('IDEMPOTENCY_IN_FLIGHT', 'The first upload with this key has not ended yet.');
}

/** Says now and then that an upload goes on, until it is stopped: the client may send slowly. */
export function keepUpload(db: Database, feedId: number): { stop(): void } {
  // A database that is away is noticed by the next chunk.
  const timer = setInterval(() => void touchUpload(db, feedId).catch(() => undefined), TOUCH_MS);
  timer.unref();
  return {
    stop: () => {
      clearInterval(timer);
    },
  };
}

/**
 * Adds a chunk of rows to an upload, in one transaction.
 *
 * @throws AppError `DATABASE_UNAVAILABLE` where it was given up meanwhile
 */
export async function addToUpload(
  db: Database,
  feedId: number,
  write: (tx: BulkTransaction) => Promise<unknown>,
): Promise<void> {
  await db.bulk(async (tx) => {
    // Locks the row: who gives the upload up waits for this chunk, and then removes it too.
    if (!(await touchUpload(tx, feedId))) throw uploadLost();
    await write(tx);
  });
}

export function uploadLost(): AppError {
  return new AppError(
    'DATABASE_UNAVAILABLE',
    'This upload was given up, since the database heard nothing of it. Send it again.',
  );
}

/** Forgets the staged rows of an upload; its rejects stay where it has become a job. */
export type ForgetRows = (db: Database, feedId: number) => Promise<void>;

/** Removes an upload and what was staged of it. One that has become a job stays. */
export async function dropUpload(db: Database, feedId: number, forget: ForgetRows): Promise<void> {
  // Tried again where the upload broke off since the database was away: until it is given up, its key cannot be used.
  if (!(await db.retrying((tx) => abandonUpload(tx, feedId)))) return;
  await forget(db, feedId);
  await deleteUpload(db, feedId);
}

/**
 * Removes what uploads left whose process died, or could not reach the database when they broke off. Returns how many.
 *
 * @param forgetting how the rows of an upload of each mode are forgotten
 */
export async function removeOrphanedUploads(
  db: Database,
  forgetting: (mode: UploadMode) => ForgetRows,
  beat: () => void = () => undefined,
): Promise<number> {
  const orphans = await selectOrphanedUploads(db, STALE_SECONDS);
  for (const { id, mode } of orphans) {
    await dropUpload(db, id, forgetting(mode));
    beat();
  }
  return orphans.length;
}
