import { execute, type Transaction } from '../../../platform/database/database';

/** Removes up to `limit` rejects of a job's feed; returns how many there were. */
export function deleteRejects(tx: Transaction, jobId: string, limit: number): Promise<number> {
  return execute(
    tx,
    'feeds.delete_rejects',
    `delete from feed_rejects where feed_id = (select id from feeds where job_id = $1)
       and line in (select line from feed_rejects where feed_id = (select id from feeds where job_id = $1)
                    order by line limit $2)`,
    [jobId, limit],
  );
}
