import { many, one, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from './types';

/** Returns those that it has erased. */
export function eraseOrders(tx: Transaction, orderIds: readonly string[]): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    tx,
    'orders.erase',
    `update orders set ship_to = null, sourcing = '[]', payment_method = null,
       cancel_reason = case when cancel_reason is not null then 'erased' end,
       input = input || '{"shipTo": null, "payment": null, "fingerprint": null}',
       erased_at = clock_timestamp(), updated_at = clock_timestamp()
     where id = any ($1::uuid[]) and erased_at is null and status not in ${literals(OPEN_ORDER_STATUSES)}
     returning id`,
    [orderIds],
  );
}

/** Of orders that are marked as erased: the runtime role changes no event of others. */
export async function eraseEvents(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await one(tx, 'order_events.erase', 'select erase_order_events($1::uuid[]) as erased', [orderIds]);
}
