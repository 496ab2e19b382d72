import { one, type Transaction } from '../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../platform/database/retention';

/** With the entries that were numbered in them: nobody else reads those. Rows of other sources are their rooms' own. */
export async function deleteOldBatches(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'event_log.delete_old_batches',
    `with part as materialized (
       select first_position as place, numbered_at as at from event_batches
       where numbered_at < now() - make_interval(days => $1) and (numbered_at, first_position) > ($2::timestamptz, $3::bigint)
       order by numbered_at, first_position limit $4
     ), gone as (
       delete from event_batches where first_position = any (array(select place from part)) returning source, ids
     ), entries as (
       delete from event_entries e using gone g, unnest(g.ids) r
       where g.source = 'entries' and e.id >= lower(r) and e.id < upper(r)
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
