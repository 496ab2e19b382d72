import { maybeOne, type Queryable } from '../../platform/database/database';
import { utc } from '../../platform/database/pages';
import type { LetterAlert, LetterOrder } from './letters';

/** Items that a mail shows at most. */
const ITEMS = 100;

/** An order of this customer; undefined: it is not theirs, or was erased. */
export function selectOrder(
  on: Queryable,
  orderId: string,
  customerId: string,
): Promise<LetterOrder | undefined> {
  return maybeOne<LetterOrder & Record<string, unknown>>(
    on,
    'notifications.order',
    `select o.id, o.currency, o.total_minor as "totalMinor",
       coalesce((select json_agg(json_build_object('name', p.name, 'quantity', i.quantity, 'unitPriceMinor', i.unit_price_minor)
           order by i.line)
         from (select * from order_items where order_id = o.id order by line limit ${ITEMS}) i
         join products p on p.id = i.product_id), '[]') as items
     from orders o where o.id = $1 and o.customer_id = $2 and o.erased_at is null`,
    [orderId, customerId],
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
