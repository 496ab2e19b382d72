import type { Transaction } from '../../platform/database/database';
import { enqueueOnce } from '../../platform/database/outbox';
import { selectErased } from './queries';

/** Whoever writes about an order writes more of it within seconds. */
const LATER_SECONDS = 60;

/** Leaves it to the worker to erase again what is being written about orders that were erased before. */
export async function eraseLater(tx: Transaction, erased: readonly { orderId: string }[]): Promise<void> {
  for (const { orderId } of erased)
    await enqueueOnce(tx, { topic: 'order.erase', key: orderId }, LATER_SECONDS);
}

/** The same of those among these orders that were erased before. */
export async function eraseErasedLater(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await eraseLater(tx, await selectErased(tx, orderIds));
}
