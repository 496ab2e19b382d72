import { LEFT_SHIPMENT_STATUSES } from '../fulfilment/types';
import { hasEnded } from '../orders/rules';
import type { OrderProgress, ReservationProgress } from './types';

/** What the saga does next. */
export type NextStep =
  | { do: 'finish' }
  /** Undo everything that has not left: somebody asked for it. */
  | { do: 'cancel' }
  /** Void, refund and release what failed or was cancelled. */
  | { do: 'compensate' }
  /** Find out how the charge in flight ended, or make it. */
  | { do: 'charge'; paymentId: string; unresolved: boolean }
  /** Charge an allocated part with the order's stored payment method. */
  | { do: 'begin-charge'; reservationId: string }
  /** Ask PostgreSQL whether the reservation is due. */
  | { do: 'expire'; reservationId: string }
  /** Nothing to do before a message arrives or, where a reservation is waited on, before it falls due. */
  | { do: 'wait'; for: 'payment'; reservation: ReservationProgress }
  | { do: 'wait'; for: 'shipment' | 'stock' };

/**
 * Chooses the saga's next step from the order's rows alone.
 *
 * The order of the checks is the order of urgency: money in flight first, since its outcome decides what there is to undo,
 * then what must be undone, then due reservations, and only then waiting.
 */
export function nextStep(progress: OrderProgress): NextStep {
  const { charge, reservations } = progress;
  if (charge) {
    return { do: 'charge', paymentId: charge.paymentId, unresolved: charge.status === 'unknown' };
  }
  if (progress.cancelRequested) return { do: 'cancel' };
  if (progress.unreleasedShipments > 0 || progress.pendingRefunds > 0) return { do: 'compensate' };
  if (hasEnded(progress.status)) return { do: 'finish' };

  const pending = reservations.filter((reservation) => reservation.status === 'pending');
  const uncharged = progress.hasPaymentMethod
    ? pending.find(({ attempt, msLeft }) => attempt === 0 && msLeft > 0)
    : undefined;
  if (uncharged) return { do: 'begin-charge', reservationId: uncharged.reservationId };
  const due = pending.find(({ msLeft }) => msLeft <= 0);
  if (due) return { do: 'expire', reservationId: due.reservationId };
  const soonest = earliest(pending);
  if (soonest) return { do: 'wait', for: 'payment', reservation: soonest };
  return { do: 'wait', for: unitsUnderWay(progress) ? 'shipment' : 'stock' };
}

function earliest(pending: readonly ReservationProgress[]): ReservationProgress | undefined {
  return pending.reduce<ReservationProgress | undefined>(
    (soonest, next) => (soonest === undefined || next.msLeft < soonest.msLeft ? next : soonest),
    undefined,
  );
}

function unitsUnderWay(progress: OrderProgress): boolean {
  return progress.reservations.some(({ status }) => status === 'confirmed');
}

/** True while nothing of an order has left: only then may it be cancelled. */
export function mayCancel(progress: OrderProgress): boolean {
  const left = LEFT_SHIPMENT_STATUSES.some((status) => (progress.shipments[status] ?? 0) > 0);
  return !left && !hasEnded(progress.status);
}
