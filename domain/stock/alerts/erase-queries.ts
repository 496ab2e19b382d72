import { execute, type Transaction } from '../../../platform/database/database';

export async function eraseNotes(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'alerts.erase_notes',
    'update alerts set note = null where order_id = any ($1::uuid[]) and note is not null',
    [orderIds],
  );
}
