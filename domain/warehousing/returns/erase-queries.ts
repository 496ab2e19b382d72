import { execute, type Transaction } from '../../../platform/database/database';

export async function eraseReasons(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'customer_return_lines.erase',
    `update customer_return_lines set reason = 'erased'
     where return_id in (select id from customer_returns where order_id = any ($1::uuid[])) and reason <> 'erased'`,
    [orderIds],
  );
}
