import { one, type Transaction } from '../../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../../platform/database/retention';
import { literals } from '../../../platform/database/literals';
import { ENDED_RESERVATION_STATUSES, UNREFERRED_RESERVATION_KINDS } from './types';

/**
 * An order, a payment, a parcel and a quality hold refer to reservations of kinds that are not among these. Lines are looked up for each of
 * them: for `exists` PostgreSQL reads all lines that there are.
 */
export async function deleteOldReservations(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'reservations.delete_old',
    `with part as materialized (
       select id, id as place, updated_at as at,
              (select count(*) from reservation_lines l where l.reservation_id = r.id and l.open_quantity > 0) = 0 as empty
       from reservations r
       where kind in ${literals(UNREFERRED_RESERVATION_KINDS)} and status in ${literals(ENDED_RESERVATION_STATUSES)}
         and updated_at < now() - make_interval(days => $1) and (updated_at, id) > ($2::timestamptz, $3::uuid)
       order by updated_at, id limit $4
     ), gone as (
       delete from reservations where id = any (array(select id from part where empty))
         and status in ${literals(ENDED_RESERVATION_STATUSES)} returning id
     ), lines as (
       delete from reservation_lines where reservation_id = any (array(select id from gone))
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
