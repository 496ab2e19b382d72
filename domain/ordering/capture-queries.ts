import { one, type Queryable } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { LEFT_SHIPMENT_STATUSES } from '../fulfilment/types';

/** Whether no parcel that a payment pays for leaves any more, and each that left has its capture. In one snapshot. */
export async function selectIsLastParcel(on: Queryable, paymentId: string): Promise<boolean> {
  const { isLast } = await one<{ isLast: boolean }>(
    on,
    'ordering.is_last_parcel',
    `select r.status <> 'confirmed' and not exists (
         select from shipments s where s.reservation_id = r.id and s.status in ${literals(LEFT_SHIPMENT_STATUSES)}
           and not exists (select from captures c where c.payment_id = p.id and c.shipment_id = s.id)) as "isLast"
     from payments p join reservations r on r.id = p.reservation_id where p.id = $1`,
    [paymentId],
  );
  return isLast;
}
