import type { Transaction } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { selectPartsForUpdate, updateHeldBy } from './hold-queries';

/** Locks an order's shipments. Whether all of them that still count wait to be booked: none is under way, and none has left. */
export async function lockUnbooked(tx: Transaction, orderId: string): Promise<boolean> {
  return (await selectPartsForUpdate(tx, orderId)).every(
    ({ isOver, status }) => isOver || status === 'pending',
  );
}

/** Keeps an order's shipments that wait to be booked from being booked. The caller has their locks. */
export async function holdShipments(tx: Transaction, orderId: string, by: string): Promise<void> {
  await updateHeldBy(tx, orderId, by);
}

/** Lets what was held of an order be booked. Locks its shipments. */
export async function releaseHeldShipments(tx: Transaction, orderId: string): Promise<void> {
  await selectPartsForUpdate(tx, orderId);
  if ((await updateHeldBy(tx, orderId, null)) > 0) await enqueue(tx, [{ topic: 'shipments.ready', key: '' }]);
}
