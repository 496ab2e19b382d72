import type { Transaction } from '../../../platform/database/database';
import { insertBackorders, type NewBackorder } from './insert-queries';

export type { NewBackorder };

/** Puts orders at the end of the queues for stock, in the order given. */
export async function openBackorders(tx: Transaction, backorders: readonly NewBackorder[]): Promise<void> {
  if (backorders.length > 0) await insertBackorders(tx, backorders);
}
