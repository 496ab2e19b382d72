import { one, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { LEFT_SHIPMENT_STATUSES } from '../fulfilment/types';

/**
 * Whether nothing more of the reservation of a payment can leave, and each parcel that left has its capture. A parcel that has just left is
 * seen in the same snapshot as the end of its reservation.
 */
export async function selectReservationOver(tx: Transaction, paymentId: string): Promise<boolean> {
  const { isOver } = await one<{ isOver: boolean }>(
    tx,
    'ordering.reservation_over',
    `select r.status <> 'confirmed'
       and not exists (select from shipments s where s.reservation_id = r.id and s.status in ${literals(LEFT_SHIPMENT_STATUSES)}
                       and not exists (select from captures c where c.payment_id = p.id and c.shipment_id = s.id)) as "isOver"
     from payments p join reservations r on r.id = p.reservation_id where p.id = $1`,
    [paymentId],
  );
  return isOver;
}
