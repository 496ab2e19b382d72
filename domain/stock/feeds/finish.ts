import type { Database } from '../../../platform/database/database';
import { finishUpload, type FeedEnding } from '../../uploads/finish';
import { rejectUnreadable } from './queries';
import { forgetStaged } from './resolve';

/** Ends the job of a feed, as `finishUpload` says. The result counts rows that were `applied`. */
export function finishFeed(
  db: Database,
  jobId: string,
  ending: FeedEnding,
): Promise<Readonly<Record<string, unknown>>> {
  return finishUpload(db, jobId, ending, {
    rejectUnreadable: (tx, { id }) => rejectUnreadable(tx, id),
    forget: forgetStaged,
  });
}
