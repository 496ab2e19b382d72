import type { Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { unitsThatLeft } from '../../fulfilment/shipments-of-order';
import { readUnitPrices, sumOf } from '../../orders/payment-terms';
import type { NewEvent } from '../../orders/types';
import { lockRefundable, planRefunds } from '../../payments/refund';
import { refundable } from '../../payments/rules';
import type { RefundPlan } from '../../payments/types';
import { insertSources, selectInspected, updateStepRefund, type Source } from './queries';
import { refundOfUnit, sourcesOf } from './rules';
import type { RestockingFee, ReturnStep } from './types';

/** What an inspection accepts of one product. */
export interface AcceptedUnits {
  productId: number;
  /** Units that were inspected, in the counts of the lines already. */
  quantity: number;
  /** Of these, those for which money goes back. */
  refunded: number;
  fee: RestockingFee | null;
}

/**
 * Plans what goes back for inspected units: one refund for each payment that paid for them, as far as there is money left of it.
 * The order's saga makes them. Locks the order's payments: two inspections of one order decide one after the other which
 * shipped units came back.
 *
 * @returns what is planned, minor units, and its events, which are the caller's to append
 */
export async function planReturnRefunds(
  tx: Transaction,
  { returnId, stepId, actor }: ReturnStep,
  { orderId, accepted }: { orderId: string; accepted: readonly AcceptedUnits[] },
): Promise<{ amountMinor: number; events: NewEvent[] }> {
  const payments = await lockRefundable(tx, orderId);
  // Without a lock nothing may be recorded; and there is no money left that it could matter for.
  if (payments.length === 0) return { amountMinor: 0, events: [] };
  const sources = await findSources(tx, orderId, accepted);
  await insertSources(tx, { returnId, stepId, sources });
  const owed = await owedByReservation(tx, orderId, { sources, accepted });
  const plans = payments.map((payment): RefundPlan => {
    const origin = { kind: 'return', id: stepId } as const;
    const products = owed.get(payment.reservationId) ?? new Map<string, number>();
    const amountMinor = refundable(payment, sumOf(products));
    return { paymentId: payment.paymentId, amountMinor, products, origin, reason: 'returned goods', actor };
  });
  const events = await planRefunds(tx, orderId, { payments, plans });
  const amountMinor = plans.reduce((sum, plan) => sum + plan.amountMinor, 0);
  if (amountMinor > 0) {
    await updateStepRefund(tx, stepId, amountMinor);
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
  }
  return { amountMinor, events };
}

/** The reservations that inspected units were shipped for. */
async function findSources(
  tx: Transaction,
  orderId: string,
  accepted: readonly AcceptedUnits[],
): Promise<Source[]> {
  const shipped = await unitsThatLeft(tx, orderId);
  const inspected = await selectInspected(tx, orderId);
  return accepted.flatMap(({ productId, quantity }) => {
    const before = new Map<string, number>();
    // All that was inspected, this time as well; less what is recorded.
    let unknown = -quantity;
    for (const row of inspected) {
      if (row.productId !== productId) continue;
      unknown += row.reservationId === null ? row.quantity : -row.quantity;
      if (row.reservationId !== null) before.set(row.reservationId, row.quantity);
    }
    const own = shipped.filter((row) => row.productId === productId);
    return sourcesOf(quantity, own, { before, unknown }).map((source) => ({ ...source, productId }));
  });
}

/** What goes back for each reservation, by product, minor units: of each product for the first units that money goes back for. */
async function owedByReservation(
  tx: Transaction,
  orderId: string,
  { sources, accepted }: { sources: readonly Source[]; accepted: readonly AcceptedUnits[] },
): Promise<Map<string, Map<string, number>>> {
  const prices = new Map(
    (await readUnitPrices(tx, orderId)).map(({ productId, unitPriceMinor }) => [productId, unitPriceMinor]),
  );
  const owed = new Map<string, Map<string, number>>();
  for (const { productId, refunded, fee } of accepted) {
    const perUnit = refundOfUnit(prices.get(productId) ?? 0, fee);
    let left = refunded;
    for (const { reservationId, quantity } of sources.filter((source) => source.productId === productId)) {
      const units = Math.min(left, quantity);
      left -= units;
      const products = owed.get(reservationId) ?? new Map<string, number>();
      const product = String(productId);
      owed.set(reservationId, products.set(product, (products.get(product) ?? 0) + units * perUnit));
    }
  }
  return owed;
}
