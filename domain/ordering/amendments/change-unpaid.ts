import type { Transaction } from '../../../platform/database/database';
import { amendOrder } from '../../orders/amend';
import { writeOrderEffects } from '../../orders/effects';
import { isReviewed, priceOf } from '../../orders/rules';
import type { NewEvent, UnitMove } from '../../orders/types';
import type { LedgerEntry } from '../../stock/ledger/types';
import { growLines } from '../../stock/reservations/more-units';
import {
  closeLines,
  openLines,
  setReservationStatus,
  type OpenLine,
  type ReservationRow,
} from '../../stock/reservations/reservations';
import { takeWaiting } from '../backorders/backorders';
import { stock } from '../backorders/stock-with-backorders';
import { emptiedBy } from '../emptied';
import { sourcingOf, stockReserved, type Begun } from './begun';
import { conclude } from './conclude';
import { reservePart } from './reserve-part';
import type { OpenAmendment } from './types';

/**
 * Changes what an order that is not paid for keeps: more units go into its oldest pending reservation, which falls due when it did;
 * what is taken out are first units that wait for stock, then those of the latest reservations. The caller has all locks but the order's.
 */
export async function changeUnpaid(tx: Transaction, amendment: OpenAmendment, begun: Begun): Promise<void> {
  const { orderId, requestId, shipTo } = amendment;
  const { order, changes, plan, added } = begun;
  const pending = begun.reservations
    .filter(({ status }) => status === 'pending')
    .sort((a, b) => a.seq - b.seq);
  const reservationId = plan && (await addUnits(tx, amendment, { ...begun, pending }));
  const lines = await openLines(
    tx,
    pending.map(({ id }) => id),
  );
  const taken = takeOut(begun, pending, lines);
  if (taken.waiting.length > 0) await takeWaiting(tx, taken.waiting);
  await closeLines(tx, taken.lines);
  const emptied = emptiedBy(taken.lines, lines);
  await setReservationStatus(tx, emptied, 'cancelled');
  const freed = await stock.post(tx, [
    ...(plan && pending.length > 0 ? moreReserved(amendment, plan.allocations, reservationId) : []),
    ...taken.lines.map((line): LedgerEntry => {
      const { productId, warehouseId, openQuantity } = line;
      const ours = { effectId: requestId, reservationId: line.reservationId, orderId };
      return {
        productId,
        warehouseId,
        kind: 'release',
        onHandDelta: 0,
        reservedDelta: -openQuantity,
        ...ours,
      };
    }),
  ]);
  const moves = [
    ...taken.waiting.map(({ productId, quantity }) => move(orderId, productId, 'backordered', quantity)),
    ...taken.lines.map(({ productId, openQuantity }) => move(orderId, productId, 'reserved', openQuantity)),
  ];
  const events: NewEvent[] = [
    ...(plan && reservationId ? [stockReserved(orderId, reservationId, plan)] : []),
    ...emptied.map((id) => ({ orderId, type: 'hold_released', data: { reservationId: id } })),
  ];
  await writeOrderEffects(tx, [{ moves, events }, freed?.effects], [orderId]);
  const totalMinor = priceOf(added) - priceOf(changes.reductions);
  await amendOrder(tx, orderId, {
    added,
    totalMinor,
    ...(shipTo === null ? {} : { shipTo }),
    ...(plan ? { sourcing: sourcingOf(plan) } : {}),
    // One that was to be reviewed stays so.
    isReviewed:
      order.reviewStatus === null &&
      isReviewed(order.review ?? undefined, {
        currency: order.currency,
        totalMinor: order.totalMinor + totalMinor,
      }),
  });
  await conclude(tx, amendment, { items: changes.items, totalMinor: order.totalMinor + totalMinor });
}

/** Into the oldest pending reservation that is not due; a new one where all of the order waits for stock. */
async function addUnits(
  tx: Transaction,
  amendment: OpenAmendment,
  { order, plan, reservations, pending }: Begun & { pending: readonly ReservationRow[] },
): Promise<string> {
  const [oldest] = pending.filter(({ msLeft }) => (msLeft ?? 0) > 0);
  if (oldest) {
    const { id: reservationId } = oldest;
    await growLines(
      tx,
      (plan?.allocations ?? []).map((units) => ({ ...units, reservationId })),
    );
    return oldest.id;
  }
  return reservePart(tx, amendment, { order, plan, reservations });
}

function moreReserved(
  { orderId, requestId }: OpenAmendment,
  allocations: readonly { productId: number; warehouseId: number; quantity: number }[],
  reservationId: string | null,
): LedgerEntry[] {
  return allocations.map(({ productId, warehouseId, quantity }) => ({
    productId,
    warehouseId,
    kind: 'reserve',
    onHandDelta: 0,
    reservedDelta: quantity,
    effectId: requestId,
    ...(reservationId === null ? {} : { reservationId }),
    orderId,
  }));
}

interface TakenOut {
  waiting: { id: number; productId: number; quantity: number }[];
  lines: OpenLine[];
}

function takeOut(
  { changes, waiting }: Begun,
  pending: readonly ReservationRow[],
  lines: readonly OpenLine[],
): TakenOut {
  const taken: TakenOut = { waiting: [], lines: [] };
  const latestFirst = [...pending]
    .reverse()
    .flatMap(({ id }) => lines.filter((line) => line.reservationId === id));
  for (const { sku, productId, quantity } of changes.reductions) {
    let left = quantity;
    for (const row of waiting.filter((one) => one.productId === productId)) {
      const units = Math.min(left, row.waiting);
      if (units > 0) taken.waiting.push({ id: row.id, productId, quantity: units });
      left -= units;
    }
    for (const line of latestFirst.filter((one) => one.productId === productId)) {
      const openQuantity = Math.min(left, line.openQuantity);
      if (openQuantity > 0) taken.lines.push({ ...line, openQuantity });
      left -= openQuantity;
    }
    // All units of an order that is not paid for wait for stock or for their payment.
    if (left > 0) throw new Error(`${left} units of ${sku} are neither reserved nor waiting`);
  }
  return taken;
}

function move(orderId: string, productId: number, from: UnitMove['from'], quantity: number): UnitMove {
  return { orderId, productId, from, to: 'cancelled', quantity };
}
