import type { Queryable, Transaction } from '../../platform/database/database';
import { pricesOfProducts, sumOf } from '../orders/payment-terms';
import type { NewEvent } from '../orders/types';
import { lockRefundable, planRefunds } from '../payments/refund';
import type { RefundPlan } from '../payments/types';
import type { OpenLine } from '../stock/reservations/reservations';
import { selectUnshipped } from './unshipped-queries';

export { selectBeingAdded as beingAddedOf } from './being-added-queries';

/**
 * Reservations of an order that are paid for and of which nothing is in a shipment yet: those of a review. The caller has locked the
 * order's reservations, as whoever creates their shipments does.
 */
export async function unshippedOf(on: Queryable, orderId: string): Promise<Set<string>> {
  return new Set(await selectUnshipped(on, orderId));
}

/**
 * Plans to give back what is captured for units that are given up without ever having been in a shipment. Nothing goes back of an
 * authorised payment that is not captured as a whole: less of it is captured. Locks the order's payments. Returns the events, which are
 * the caller's to append.
 *
 * @param id of what gave them up: one refund of a payment for each
 */
export async function planRefundsOfUnshipped(
  tx: Transaction,
  orderId: string,
  { lines, id, reason }: { lines: readonly OpenLine[]; id: string; reason: string },
): Promise<NewEvent[]> {
  if (lines.length === 0) return [];
  const payments = await lockRefundable(tx, orderId);
  const plans: RefundPlan[] = [];
  for (const { paymentId, reservationId } of payments.filter(({ isWhole }) => isWhole)) {
    const own = lines.filter((line) => line.reservationId === reservationId);
    if (own.length === 0) continue;
    const products = await pricesOfProducts(tx, orderId, own);
    const origin = { kind: 'payment', id } as const;
    plans.push({ paymentId, amountMinor: sumOf(products), products, origin, reason, actor: null });
  }
  return planRefunds(tx, orderId, { payments, plans });
}
