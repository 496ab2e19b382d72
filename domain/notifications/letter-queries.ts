import { maybeOne, type Queryable } from '../../platform/database/database';
import { utc } from '../../platform/database/pages';
import type { LetterAlert, LetterOrder } from './letter-types';

/** Items that a mail shows at most. */
const ITEMS = 100;

/**
 * An order; undefined: it was erased, or is not of this customer.
 *
 * @param of.customerId null: whoever's it is
 * @param of.shipmentId its parcel that is shown; null: none
 */
export function selectOrder(
  on: Queryable,
  orderId: string,
  { customerId, shipmentId }: { customerId: string | null; shipmentId: string | null },
): Promise<LetterOrder | undefined> {
  return maybeOne<LetterOrder & Record<string, unknown>>(
    on,
    'notifications.order',
    `select o.id, o.currency, o.total_minor as "totalMinor",
       ${utc('o.backorder_until')} as "backorderUntil",
       exists (select from order_items where order_id = o.id and reserved_quantity + backordered_quantity > 0) as "hasMore",
       coalesce((select json_agg(json_build_object('name', p.name, 'quantity', i.quantity) order by i.sku)
         from shipments s join shipment_items i on i.shipment_id = s.id join products p on p.id = i.product_id
         where s.id = $3 and s.order_id = o.id), '[]') as parcel,
       coalesce((select json_agg(json_build_object('sku', p.sku, 'name', p.name, 'quantity', i.quantity, 'unitPriceMinor', i.unit_price_minor)
           order by i.line)
         from (select * from order_items where order_id = o.id order by line limit ${ITEMS}) i
         join products p on p.id = i.product_id), '[]') as items
     from orders o where o.id = $1 and o.customer_id = coalesce($2, o.customer_id) and o.erased_at is null`,
    [orderId, customerId, shipmentId],
  );
}

/** An alert that is not over. */
export function selectAlert(on: Queryable, alertId: string): Promise<LetterAlert | undefined> {
  return maybeOne<LetterAlert & Record<string, unknown>>(
    on,
    'notifications.alert',
    `select details, ${utc('raised_at')} as "raisedAt" from alerts where id = $1::uuid and status <> 'resolved'`,
    [alertId],
  );
}
