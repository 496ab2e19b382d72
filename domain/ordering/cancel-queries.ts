import { many, type Queryable } from '../../platform/database/database';

/** Orders among these that were ever paid for. */
export async function selectPaidOrders(on: Queryable, orderIds: readonly string[]): Promise<Set<string>> {
  const found = await many<{ orderId: string }>(
    on,
    'orders.paid_among',
    `select distinct order_id as "orderId" from payments
     where order_id = any ($1::uuid[]) and status in ('captured', 'refunded', 'partially_refunded')`,
    [orderIds],
  );
  return new Set(found.map((row) => row.orderId));
}

/** Lines of confirmed reservations whose shipment will not happen: what compensation gives back. */
export function selectCutLines(
  on: Queryable,
  orderId: string,
): Promise<
  {
    reservationId: string;
    productId: number;
    warehouseId: number;
    openQuantity: number;
    shipmentId: string;
  }[]
> {
  return many(
    on,
    'orders.cut_lines',
    `select l.reservation_id as "reservationId", l.product_id as "productId", l.warehouse_id as "warehouseId",
            l.open_quantity as "openQuantity", s.id as "shipmentId"
     from shipments s
     join reservation_lines l on l.reservation_id = s.reservation_id and l.warehouse_id = s.warehouse_id
     where s.order_id = $1 and s.status in ('voided', 'failed') and l.open_quantity > 0
     order by l.product_id, l.warehouse_id, l.reservation_id`,
    [orderId],
  );
}

/** Reservations among these of which something has left. */
export async function selectShippedReservations(
  on: Queryable,
  reservationIds: readonly string[],
): Promise<Set<string>> {
  const found = await many<{ id: string }>(
    on,
    'orders.shipped_reservations',
    `select distinct reservation_id as id from shipments
     where reservation_id = any ($1::uuid[]) and status in ('picked_up', 'delivered')`,
    [reservationIds],
  );
  return new Set(found.map((row) => row.id));
}
