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

/** Of jobs whose rejects are removed. */
export async function deleteFeeds(tx: Transaction, jobIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'feeds.delete_lanes',
    'delete from feed_lanes where feed_id in (select id from feeds where job_id = any ($1::uuid[]))',
    [jobIds],
  );
  await execute(tx, 'feeds.delete', 'delete from feeds where job_id = any ($1::uuid[])', [jobIds]);
}
