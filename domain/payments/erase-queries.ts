import { execute, type Transaction } from '../../platform/database/database';

/** Of payments their card's token, the gateway's customer and pages; amounts and the gateway's ids of charges stay. */
export async function erasePayments(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'payments.erase',
    `update payments set token = '', customer_ref = null, return_url = null, next_action = null, updated_at = clock_timestamp()
     where order_id = any ($1::uuid[])`,
    [orderIds],
  );
}

/** What people wrote about refunds. */
export async function eraseRefunds(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'refunds.erase',
    `update refunds set reason = case when origin = 'operator' then 'erased' else reason end,
       settled_reference = case when settled_reference is not null then 'erased' end
     where order_id = any ($1::uuid[])`,
    [orderIds],
  );
}

/** What people wrote about captures that they settled. */
export async function eraseCaptures(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'captures.erase',
    `update captures set settled_reference = 'erased' where order_id = any ($1::uuid[]) and settled_reference is not null`,
    [orderIds],
  );
}
