import { execute, type Transaction } from '../../platform/database/database';

/** Of payments their card's token, the gateway's customer and pages; amounts and the gateway's ids of charges stay. */
export async function erasePayments(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'payments.erase',
    `update payments set token = '', customer_ref = null, return_url = null, next_action = null, last_error = null,
       updated_at = clock_timestamp()
     where order_id = any ($1::uuid[])
       and (token <> '' or num_nonnulls(customer_ref, return_url, next_action, last_error) > 0)`,
    [orderIds],
  );
}

/** What people wrote about refunds, and what the gateway said. */
export async function eraseRefunds(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'refunds.erase',
    `update refunds set reason = case when origin = 'operator' then 'erased' else reason end,
       settled_reference = case when settled_reference is not null then 'erased' end, last_error = null
     where order_id = any ($1::uuid[])
       and (origin = 'operator' and reason <> 'erased' or settled_reference <> 'erased' or last_error is not null)`,
    [orderIds],
  );
}

/** What people wrote about captures that they settled, and what the gateway said. */
export async function eraseCaptures(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'captures.erase',
    `update captures set settled_reference = case when settled_reference is not null then 'erased' end, last_error = null
     where order_id = any ($1::uuid[]) and (settled_reference <> 'erased' or last_error is not null)`,
    [orderIds],
  );
}

/** Why a customer has disputed a charge, as the bank says it. */
export async function eraseDisputes(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'disputes.erase',
    `update disputes set reason = 'erased' where order_id = any ($1::uuid[]) and reason <> 'erased'`,
    [orderIds],
  );
}
