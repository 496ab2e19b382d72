import { execute, type Transaction } from '../../platform/database/database';

export async function eraseParcels(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'shipments.erase',
    `update shipments set label_url = null, error = case when error is not null then 'erased' end
     where order_id = any ($1::uuid[]) and (label_url is not null or error is not null)`,
    [orderIds],
  );
}
