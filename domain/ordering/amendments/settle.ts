import type { Transaction } from '../../../platform/database/database';
import { releaseHeldShipments } from '../../fulfilment/hold';
import { amendOrder, readAmendable, readAmendableItems, unamendOrder } from '../../orders/amend';
import { hasEnded } from '../../orders/rules';
import { readOrderPayments } from '../../payments/payments';
import { openLines, setReservationStatus, type ReservationRow } from '../../stock/reservations/reservations';
import { readCut, readCutPrice } from '../cuts/request';
import { releaseLines, type ReleasedLine } from '../release';
import { beginCuts } from './begin-cuts';
import { conclude, refuse } from './conclude';
import { changesOf, notAmendable } from './rules';
import type { AmendRefusal, OpenAmendment } from './types';

/** What was added is paid for: now what is to be taken out is cut. */
export async function afterCharge(tx: Transaction, amendment: OpenAmendment): Promise<void> {
  const items = await readAmendableItems(tx, amendment.orderId);
  const changes = changesOf(items, amendment.items);
  if (changes.reductions.length > 0 && amendment.undo)
    await beginCuts(tx, amendment, { changes, undo: amendment.undo });
  else await finish(tx, amendment);
}

/**
 * What was added is paid for, and what was to be taken out was cut as far as that was possible: what was not is said. Where nothing was
 * added, and nothing could be taken out, the order is as before. Locks the order's shipments, then its row.
 */
export async function finish(tx: Transaction, amendment: OpenAmendment): Promise<void> {
  const { orderId, requestId } = amendment;
  await releaseHeldShipments(tx, orderId);
  const cutMinor = await readCutPrice(tx, requestId);
  await amendOrder(tx, orderId, { added: [], totalMinor: -cutMinor });
  const order = await readAmendable(tx, orderId);
  if (!order) return;
  if (hasEnded(order.status)) {
    await refuse(tx, amendment, notAmendable(`The order is ${order.status}.`));
    return;
  }
  const items = (await readAmendableItems(tx, orderId)).filter(({ quantity }) => quantity > 0);
  const notTakenOut = changesOf(items, amendment.items).reductions.map(({ sku, quantity }) => ({
    sku,
    quantity,
  }));
  const added = amendment.undo?.added ?? [];
  if (notTakenOut.length > 0 && added.length === 0 && (await readCut(tx, requestId))?.units === 0) {
    const { shipTo } = amendment.undo ?? {};
    await unamendOrder(tx, orderId, { added, totalMinor: 0, ...(shipTo === undefined ? {} : { shipTo }) });
    await refuse(tx, amendment, { ...notAmendable(NOTHING_CUT), details: { notTakenOut } });
    return;
  }
  await conclude(tx, amendment, {
    items: items.map(({ sku, quantity }) => ({ sku, quantity })),
    totalMinor: order.totalMinor,
    notTakenOut,
  });
}

const NOTHING_CUT = 'None of the units could be taken out: their parcels have left or cannot be stopped.';

/**
 * What was added was not paid for: it is given up, and the order is as before. Locks stock, shipments and the order's row.
 *
 * @param own its reservation, which the caller has locked
 */
export async function undo(
  tx: Transaction,
  amendment: OpenAmendment,
  own: ReservationRow | undefined,
): Promise<void> {
  const { orderId, undo: before } = amendment;
  const refusal = await whyNotPaid(tx, amendment, own);
  if (own?.status === 'pending') {
    const lines = await openLines(tx, [own.id]);
    await setReservationStatus(tx, [own.id], 'cancelled');
    await releaseLines(tx, {
      kind: 'release',
      endAs: 'cancelled',
      lines: lines.map((line): ReleasedLine => ({ ...line, orderId, effectId: line.reservationId })),
      async plan(inner) {
        await releaseHeldShipments(inner, orderId);
        return [];
      },
      events: [{ orderId, type: 'hold_released', data: { reservationId: own.id } }],
    });
  } else await releaseHeldShipments(tx, orderId);
  if (before) {
    const { added, totalMinor, ...rest } = before;
    await unamendOrder(tx, orderId, { added, totalMinor: -totalMinor, ...rest });
  }
  await refuse(tx, amendment, refusal);
}

async function whyNotPaid(
  tx: Transaction,
  { orderId, reservationId }: OpenAmendment,
  own: ReservationRow | undefined,
): Promise<AmendRefusal> {
  if (own?.status === 'expired') return notAmendable('What was to be added was not paid for in time.');
  if (own?.status !== 'pending')
    return notAmendable(
      'What was to be added was given up: with the order, or since the gateway did not say in time whether it is paid for. Money that came in for it goes back.',
    );
  const payments = await readOrderPayments(tx, orderId);
  const payment = payments.filter((one) => one.reservationId === reservationId).at(-1);
  return {
    code: 'PAYMENT_DECLINED',
    detail: 'What was to be added could not be charged. The order stays as it was.',
    details: { declineCode: payment?.declineCode ?? null, paymentId: payment?.id ?? null },
  };
}
