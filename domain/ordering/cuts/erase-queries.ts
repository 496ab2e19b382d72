import { execute, type Transaction } from '../../../platform/database/database';

export async function eraseReasons(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'order_cuts.erase',
    `update order_cuts set reason = 'erased' where order_id = any ($1::uuid[]) and reason is not null`,
    [orderIds],
  );
}
