import { maybeOne, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { OPEN_ORDER_STATUSES, type CancelState, type OrderStatus } from './types';

/**
 * Opens a request to cancel an open order, and ends its review; undefined where a request is open already, or the order is not open. A
 * decision about the review is an update of the same row: one of them comes first.
 */
export function openCancelRequest(
  tx: Transaction,
  orderId: string,
  reason: string,
): Promise<{ endedReview: boolean } | undefined> {
  return maybeOne(
    tx,
    'orders.open_cancel_request',
    `update orders set cancel_reason = $2, cancel_state = 'open', updated_at = clock_timestamp(),
       cancel_base = (select coalesce(sum(cancelled_quantity), 0) from order_items where order_id = $1),
       review_status = case when review_status = 'open' then 'ended' else review_status end
     where id = $1 and cancel_state is distinct from 'open' and status in ${literals(OPEN_ORDER_STATUSES)}
     returning old.review_status is not distinct from 'open' as "endedReview"`,
    [orderId, reason],
  );
}

/**
 * Ends the open request to cancel an order: `done` where units were cancelled since, else `refused`. The reason stays while
 * anything of the order is cancelled. Undefined: none is open.
 */
export function endCancelRequest(
  tx: Transaction,
  orderId: string,
): Promise<{ state: Exclude<CancelState, 'open'>; units: number; status: OrderStatus } | undefined> {
  return maybeOne(
    tx,
    'orders.end_cancel_request',
    `with locked as (select id from orders where id = $1 for no key update),
     ended as (
       select o.id, o.cancel_base,
         (select coalesce(sum(cancelled_quantity), 0) from order_items where order_id = $1)::int - o.cancel_base as units
       from orders o join locked using (id) where o.cancel_state = 'open'
     )
     update orders o
     set cancel_state = case when e.units > 0 then 'done' else 'refused' end,
         cancel_reason = case when e.units + e.cancel_base > 0 then o.cancel_reason end, updated_at = clock_timestamp()
     from ended e where o.id = e.id
     returning o.cancel_state as state, e.units, o.status`,
    [orderId],
  );
}
