import type { Transaction } from '../../platform/database/database';
import { eraseCaptures, eraseDisputes, erasePayments, eraseRefunds } from './erase-queries';

/**
 * Takes out of the payments of these orders what tells of their customer: the token of the card, what people wrote, and what bank and
 * gateway said. Amounts stay, and
 * the gateway's ids, by which it answers for its charges. No payment of them may be under way.
 */
export async function erasePaymentsOf(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await erasePayments(tx, orderIds);
  await eraseCaptures(tx, orderIds);
  await eraseRefunds(tx, orderIds);
  await eraseDisputes(tx, orderIds);
}
