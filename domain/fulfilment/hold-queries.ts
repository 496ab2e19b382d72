import { execute, many, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { STOPPED_SHIPMENT_STATUSES, type ShipmentStatus } from './types';

/** Shipments of an order, locked. `isOver`: it will not leave, and its units are given up or in another one. */
export function selectPartsForUpdate(
  tx: Transaction,
  orderId: string,
): Promise<{ status: ShipmentStatus; isOver: boolean }[]> {
  return many(
    tx,
    'fulfilment.lock_parts',
    `select status, status in ${literals(STOPPED_SHIPMENT_STATUSES)} and released_at is not null as "isOver"
     from shipments where order_id = $1 order by id for no key update`,
    [orderId],
  );
}

/** The shipments of an order that are not booked. The caller has locked them. */
export function updateHeldBy(tx: Transaction, orderId: string, by: string | null): Promise<number> {
  return execute(
    tx,
    'fulfilment.hold',
    `update shipments set held_by = $2
     where order_id = $1 and held_by is distinct from $2 and ($2 is null or status = 'pending')`,
    [orderId, by],
  );
}
