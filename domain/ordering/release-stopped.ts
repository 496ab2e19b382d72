import type { Database, Transaction } from '../../platform/database/database';
import { createShipments } from '../fulfilment/create';
import {
  reservationsThatLeft,
  stoppedLines,
  stoppedShipments,
  type StoppedLine,
} from '../fulfilment/shipments-of-order';
import { markReleased } from '../fulfilment/stop';
import { pricesOfProducts, sumOf } from '../orders/payment-terms';
import type { NewEvent } from '../orders/types';
import { lockRefundable, planRefunds } from '../payments/refund';
import type { RefundPlan } from '../payments/types';
import {
  lockOrderReservations,
  openLines,
  setReservationStatus,
  type OpenLine,
  type ReservationRow,
} from '../stock/reservations/reservations';
import { openUnits } from '../stock/reservations/rules';
import { countAsCut, lockOpenCuts, unitsCut, type OpenCut } from './cuts/cut';
import { shareToCuts } from './cuts/share';
import { emptiedBy } from './emptied';
import { existingProgress } from './progress';
import { releaseLines, type EndOfOrder, type ReleasedLine } from './release';
import type { OrderProgress } from './types';

/**
 * Gives up what is reserved for shipments that failed or were voided: in one transaction its price is planned to go back, of
 * the payment that paid for it, and its units are put back on sale. Neither waits for the gateway. Of a shipment that was stopped to cut
 * a part of it only that part is given up; the rest goes into a new shipment. What has left or may still leave is kept. A
 * second call finds nothing to do.
 */
export async function releaseStoppedShipments(
  db: Database,
  { orderId, ...end }: EndOfOrder & { orderId: string },
): Promise<OrderProgress> {
  await db.retrying(async (tx) => {
    const reservations = await lockOrderReservations(tx, orderId);
    const cuts = await lockOpenCuts(tx, orderId);
    const stopped = await stoppedLines(tx, orderId);
    const shipmentIds = await stoppedShipments(tx, orderId);
    if (stopped.length === 0) {
      await markReleased(tx, shipmentIds);
      return;
    }
    const released = releasedOf(stopped, cuts);
    const cut = await countAsCut(
      tx,
      cuts,
      released.map(({ productId, shipmentId, openQuantity: quantity }) => ({
        productId,
        shipmentId,
        quantity,
      })),
    );
    await endEmptied(tx, reservations, released);
    const units = openUnits(released);
    await releaseLines(tx, {
      ...end,
      kind: 'release',
      lines: released.map((line): ReleasedLine => ({ ...line, orderId, effectId: line.shipmentId })),
      async plan(inner) {
        await markReleased(inner, shipmentIds);
        return planRefundsOf(inner, orderId, released);
      },
      events: [
        ...(units > 0 ? [{ orderId, type: 'stock_restocked', data: { units } }] : []),
        ...(cut.length > 0 ? [unitsCut(orderId, cut)] : []),
      ],
    });
    await shipAgain(tx, orderId, stopped);
  });
  return existingProgress(db, orderId);
}

/**
 * What is given up: all of a shipment, or of one that was stopped for a cut what the open cuts want and do not get from what is given up
 * as a whole.
 */
function releasedOf(stopped: readonly StoppedLine[], cuts: readonly OpenCut[]): StoppedLine[] {
  const whole = stopped.filter(({ isForCut }) => !isForCut);
  const inParts = stopped.filter(({ isForCut }) => isForCut);
  const { taken } = shareToCuts(
    cuts,
    [...whole, ...inParts].map((line) => ({ ...line, quantity: line.openQuantity })),
  );
  const cut = taken
    .filter(({ isForCut }) => isForCut)
    .map(({ quantity, ...line }) => ({ ...line, openQuantity: quantity }));
  return [...whole, ...cut];
}

/** What remains of shipments that were stopped for a cut. */
async function shipAgain(tx: Transaction, orderId: string, stopped: readonly StoppedLine[]): Promise<void> {
  const again = new Map(stopped.filter(({ isForCut }) => isForCut).map((line) => [line.shipmentId, line]));
  await createShipments(
    tx,
    [...again.values()].map(({ reservationId, warehouseId, carrier, generation }) => ({
      orderId,
      reservationId,
      carrier,
      again: { warehouseId, generation: generation + 1 },
    })),
  );
}

/** One refund for each payment: the price of the units that it paid for. Locks the order's payments. */
async function planRefundsOf(
  tx: Transaction,
  orderId: string,
  stopped: readonly StoppedLine[],
): Promise<NewEvent[]> {
  const payments = await lockRefundable(tx, orderId);
  const plans: RefundPlan[] = [];
  // Of a payment that is captured parcel by parcel less is captured.
  for (const { paymentId, reservationId } of payments.filter(({ isWhole }) => isWhole)) {
    const lines = stopped.filter((line) => line.reservationId === reservationId);
    const [first] = lines.map(({ shipmentId }) => shipmentId).sort();
    if (first === undefined) continue;
    const products = await pricesOfProducts(tx, orderId, lines);
    const hasFailed = lines.some(({ status }) => status === 'failed');
    const isCut = lines.some(({ isForCut }) => isForCut);
    plans.push({
      paymentId,
      amountMinor: sumOf(products),
      products,
      origin: { kind: 'shipment', id: first },
      reason: hasFailed ? 'the carrier failed' : isCut ? 'a part was cancelled' : 'the order was cancelled',
      actor: null,
    });
  }
  return planRefunds(tx, orderId, { payments, plans });
}

/** Ends the reservations that keep nothing but these units: as `shipped` where something of them has left. */
async function endEmptied(
  tx: Transaction,
  reservations: readonly ReservationRow[],
  released: readonly OpenLine[],
): Promise<void> {
  const lines = await openLines(
    tx,
    reservations.map(({ id }) => id),
  );
  const emptied = emptiedBy(released, lines);
  const shipped = await reservationsThatLeft(tx, emptied);
  await setReservationStatus(tx, [...shipped], 'shipped');
  await setReservationStatus(
    tx,
    emptied.filter((id) => !shipped.has(id)),
    'cancelled',
  );
}
