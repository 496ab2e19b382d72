import { one, type Transaction } from '../../platform/database/database';
import {
  asRemovedPart,
  REMOVED_OF_PART,
  type AgedPart,
  type RemovedPart,
  type RemovedRow,
} from '../../platform/database/retention';
import { literals } from '../../platform/database/literals';
import {
  OPEN_CAPTURE_STATUSES,
  OPEN_DISPUTE_STATUSES,
  OPEN_REFUND_STATUSES,
  PAYMENT_STATUSES_IN_FLIGHT,
} from './types';

/** Of a payment that is not charged for good, or of which something is still taken or given back, they stay. */
export async function deleteOldGatewayEvents(
  tx: Transaction,
  { days, after, limit }: AgedPart,
): Promise<RemovedPart> {
  const removed = await one<RemovedRow>(
    tx,
    'payments.delete_old_gateway_events',
    `with part as materialized (
       select e.ctid as place, e.received_at as at,
              -- Looked up for each event: for exists PostgreSQL reads all payments that there are.
              coalesce((select p.status not in ${literals([...PAYMENT_STATUSES_IN_FLIGHT, 'authorized', 'void_planned'])}
                          and (select count(*) from refunds r where r.order_id = p.order_id
                               and r.status in ${literals(OPEN_REFUND_STATUSES)}) = 0
                          and (select count(*) from captures c where c.payment_id = p.id
                               and c.status in ${literals(OPEN_CAPTURE_STATUSES)}) = 0
                          and (select count(*) from disputes d where d.order_id = p.order_id
                               and d.status in ${literals(OPEN_DISPUTE_STATUSES)}) = 0
                        from payments p where p.id = e.payment_id), true) as ended
       from gateway_events e
       where e.received_at < now() - make_interval(days => $1) and (e.received_at, e.ctid) > ($2::timestamptz, $3::tid)
       order by e.received_at, e.ctid limit $4
     ), gone as (
       delete from gateway_events where ctid = any (array(select place from part where ended)) returning 1
     )
     ${REMOVED_OF_PART}`,
    [days, after.at, after.row, limit],
  );
  return asRemovedPart(removed, limit);
}
