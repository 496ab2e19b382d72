import { many, type Transaction } from '../../platform/database/database';
import type { OrderInput } from './types';

export interface CheckedOrder {
  orderId: string;
  /** What its saga was started with. */
  input: OrderInput;
}

export function updateChecked(tx: Transaction, orderIds: readonly string[]): Promise<CheckedOrder[]> {
  return many<CheckedOrder>(
    tx,
    'orders.update_checked',
    `update orders set checked_at = clock_timestamp() where id = any ($1::uuid[]) returning id as "orderId", input`,
    [orderIds],
  );
}
