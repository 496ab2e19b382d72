import type { Database, Transaction } from '../../platform/database/database';
import { reservationsThatLeft, stoppedLines, type StoppedLine } from '../fulfilment/shipments-of-order';
import { pricesOf } from '../orders/payment-terms';
import type { NewEvent } from '../orders/types';
import { lockRefundable, planRefunds } from '../payments/refund';
import {
  lockOrderReservations,
  openLines,
  setReservationStatus,
  type OpenLine,
  type ReservationRow,
} from '../stock/reservations/reservations';
import { existingProgress } from './progress';
import { releaseLines, type EndOfOrder, type ReleasedLine } from './release';
import type { OrderProgress } from './types';

/**
 * Gives up what is reserved for shipments that failed or were voided: in one transaction its price is planned to go back, of
 * the payment that paid for it, and its units are put back on sale. Neither waits for the gateway. What has left or may still leave
 * is kept. A second call finds nothing to do.
 */
export async function releaseStoppedShipments(
  db: Database,
  { orderId, ...end }: EndOfOrder & { orderId: string },
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    const reservations = await lockOrderReservations(tx, orderId);
    const stopped = await stoppedLines(tx, orderId);
    if (stopped.length === 0) return;
    await endEmptied(tx, reservations, stopped);
    const units = stopped.reduce((sum, line) => sum + line.openQuantity, 0);
    await releaseLines(tx, {
      ...end,
      kind: 'release',
      lines: stopped.map((line): ReleasedLine => ({ ...line, orderId, effectId: line.shipmentId })),
      plan: (inner) => planRefundsOf(inner, orderId, stopped),
      events: [{ orderId, type: 'stock_restocked', data: { units } }],
    });
  });
  return existingProgress(db, orderId);
}

/** One refund for each payment: the price of the units that it paid for. Locks the order's payments. */
async function planRefundsOf(
  tx: Transaction,
  orderId: string,
  stopped: readonly StoppedLine[],
): Promise<NewEvent[]> {
  const payments = await lockRefundable(tx, orderId);
  const prices = await pricesOf(
    tx,
    orderId,
    stopped.map(({ reservationId: group, productId, openQuantity: quantity }) => ({
      group,
      productId,
      quantity,
    })),
  );
  const plans = payments.flatMap(({ paymentId, reservationId }) => {
    const lines = stopped.filter((line) => line.reservationId === reservationId);
    const [first] = lines.map(({ shipmentId }) => shipmentId).sort();
    if (first === undefined) return [];
    const hasFailed = lines.some(({ status }) => status === 'failed');
    return [
      {
        paymentId,
        amountMinor: prices.get(reservationId) ?? 0,
        origin: { kind: 'shipment' as const, id: first },
        reason: hasFailed ? 'the carrier failed' : 'the order was cancelled',
        actor: null,
      },
    ];
  });
  return planRefunds(tx, orderId, { payments, plans });
}

/** Ends the reservations that have no open line but these: as `shipped` where something of them has left. */
async function endEmptied(
  tx: Transaction,
  reservations: readonly ReservationRow[],
  released: readonly OpenLine[],
): Promise<void> {
  const releasedKeys = new Set(released.map(lineKey));
  const lines = await openLines(
    tx,
    reservations.map(({ id }) => id),
  );
  const stillOpen = new Set(
    lines.filter((line) => !releasedKeys.has(lineKey(line))).map((line) => line.reservationId),
  );
  const emptied = [...new Set(released.map((line) => line.reservationId))].filter((id) => !stillOpen.has(id));
  const shipped = await reservationsThatLeft(tx, emptied);
  await setReservationStatus(tx, [...shipped], 'shipped');
  await setReservationStatus(
    tx,
    emptied.filter((id) => !shipped.has(id)),
    'cancelled',
  );
}

function lineKey({ reservationId, productId, warehouseId }: OpenLine): string {
  return `${reservationId}:${productId}:${warehouseId}`;
}
