import { execute, type Transaction } from '../../platform/database/database';

export async function eraseNotes(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'order_notes.erase',
    `update order_notes set text = 'erased' where order_id = any ($1::uuid[]) and text <> 'erased'`,
    [orderIds],
  );
}

export async function deleteTags(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(tx, 'order_tags.erase', 'delete from order_tags where order_id = any ($1::uuid[])', [
    orderIds,
  ]);
}
