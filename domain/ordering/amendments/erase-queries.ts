import { execute, type Transaction } from '../../../platform/database/database';

export async function eraseAddresses(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'order_amendments.erase',
    `update order_amendments set ship_to = null, undo = undo - '{shipTo,sourcing}'::text[] where order_id = any ($1::uuid[]) and (ship_to is not null or undo ?| '{shipTo,sourcing}'::text[])`,
    [orderIds],
  );
}
