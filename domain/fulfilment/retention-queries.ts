import { one, type Transaction } from '../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../platform/database/retention';
import { literals } from '../../platform/database/literals';
import { ENDED_SHIPMENT_STATUSES } from './types';

/**
 * A shipment that has ended has a final status: an update that comes again says nothing new of it. It is looked up for each update: for
 * `exists` PostgreSQL reads all shipments that there are.
 */
export async function deleteOldCarrierEvents(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'fulfilment.delete_old_carrier_events',
    `with part as materialized (
       select e.ctid as place, e.received_at as at,
              coalesce((select s.status in ${literals(ENDED_SHIPMENT_STATUSES)} from shipments s
                        where s.id = e.shipment_id), true) as ended
       from carrier_events e
       where e.received_at < now() - make_interval(days => $1) and (e.received_at, e.ctid) > ($2::timestamptz, $3::tid)
       order by e.received_at, e.ctid limit $4
     ), gone as (
       delete from carrier_events where ctid = any (array(select place from part where ended)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
