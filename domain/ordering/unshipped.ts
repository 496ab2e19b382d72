import type { Queryable, Transaction } from '../../platform/database/database';
import { pricesOfProducts, sumOf } from '../orders/payment-terms';
import type { NewEvent } from '../orders/types';
import { lockRefundable, lockRefundableOfOrders, planRefunds } from '../payments/refund';
import type { RefundPlan } from '../payments/types';
import type { OpenLine } from '../stock/reservations/reservations';
import { selectUnshipped, selectUnshippedAmong } from './unshipped-queries';

export { selectBeingAdded as beingAddedOf } from './being-added-queries';

/**
 * Reservations of an order that are paid for and of which nothing is in a shipment yet: those of a review. The caller has locked the
 * order's reservations, as whoever creates their shipments does.
 */
export async function unshippedOf(on: Queryable, orderId: string): Promise<Set<string>> {
  return new Set(await selectUnshipped(on, orderId));
}

/** Reservations among these that are paid for and of which nothing is in a shipment yet. The caller has locked them. */
export async function unshippedAmong(on: Queryable, reservationIds: readonly string[]): Promise<Set<string>> {
  return reservationIds.length === 0 ? new Set() : new Set(await selectUnshippedAmong(on, reservationIds));
}

interface GivenUpUnits {
  orderId: string;
  lines: readonly OpenLine[];
  /** Of what gave them up: one refund of a payment for each. */
  id: string;
  reason: string;
}

/** What `planRefundsOfUnshipped` plans, of several orders. Locks the payments of all of them. */
export async function planRefundsOfEach(
  tx: Transaction,
  units: readonly GivenUpUnits[],
): Promise<NewEvent[]> {
  if (units.length === 0) return [];
  await lockRefundableOfOrders(
    tx,
    units.map(({ orderId }) => orderId),
  );
  const events: NewEvent[] = [];
  for (const { orderId, ...given } of units)
    events.push(...(await planRefundsOfUnshipped(tx, orderId, given)));
  return events;
}

/**
 * Plans to give back what is captured for units that are given up without ever having been in a shipment. Nothing goes back of an
 * authorised payment that is not captured as a whole: less of it is captured. Locks the order's payments. Returns the events, which are
 * the caller's to append.
 */
export async function planRefundsOfUnshipped(
  tx: Transaction,
  orderId: string,
  { lines, id, reason }: Omit<GivenUpUnits, 'orderId'>,
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
