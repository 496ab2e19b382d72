import { beginVoid } from '../../domain/fulfilment/rules';
import type { OrderProgress } from '../../domain/ordering/types';
import { hasEnded } from '../../domain/orders/rules';
import type { OrderModel } from './order-model';

const BACKORDER_MS = 86_400_000;

/** What the saga is told of the order. What belongs to amendments is absent, as in a history from before them. */
export function progressOf(model: OrderModel): OrderProgress {
  const { status, cancel, waiting, money, shipments, seed, now } = model;
  const live = model.reservations.filter((one) => ['pending', 'charging', 'confirmed'].includes(one.status));
  const stops = shipments
    .filter((one) => one.status === 'voiding')
    .map(({ id: shipmentId, dueAt }) => ({ shipmentId, msLeft: dueAt - now }))
    .sort((a, b) => a.msLeft - b.msLeft);
  return {
    orderId: 'o',
    status,
    failureCode: null,
    reservations: live.map((reservation) => ({
      isUnshipped: model.isUnshipped(reservation),
      reservationId: reservation.id,
      seq: reservation.seq,
      status: reservation.status,
      attempt: reservation.attempt,
      expiresAt: String(reservation.dueAt),
      msLeft: reservation.dueAt - now,
    })),
    payments: money.payments.map(({ id, status: is }) => ({ paymentId: id, status: is })),
    asks: money.asks(),
    hasPaymentMethod: model.hasMethod,
    cancel: cancel === 'open' && hasEnded(status) ? model.cancelEnd() : cancel,
    waitingUnits: waiting,
    waitingMsLeft: waiting > 0 && !seed.waitsForEver ? BACKORDER_MS - now : null,
    reviewMsLeft: model.review.msLeft,
    shipments: {},
    stoppableShipments: shipments.filter((one) => !one.isStopRefused && beginVoid(one.status)).length,
    stopMsLeft: stops[0]?.msLeft ?? null,
    stops,
    unreleasedShipments: model.shipping.releasable.length,
    attention: [],
    cuts: [],
    mayCut: false,
    mayCapture: money.mayCapture,
    lapseMsLeft: money.lapseMsLeft,
    doubledShipments: 0,
  };
}
