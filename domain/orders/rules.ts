import type { ReservationProgress, ItemStatus, OrderProgress, OrderStatus } from './types';

/** Every change of an order's status that may happen. */
export const ORDER_TRANSITIONS: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  reserved: ['paid', 'expired', 'cancelled', 'failed'],
  paid: ['fulfilling', 'fulfilled', 'cancelled', 'failed'],
  fulfilling: ['fulfilled', 'cancelled', 'failed'],
  fulfilled: [],
  rejected: [],
  expired: [],
  cancelled: [],
  failed: [],
};

export function mayBecome(from: OrderStatus, to: OrderStatus): boolean {
  return ORDER_TRANSITIONS[from].includes(to);
}

export function hasEnded(status: OrderStatus): boolean {
  return ORDER_TRANSITIONS[status].length === 0;
}

/** Units of one item, by what became of them. They always add up to `quantity`. */
export interface ItemUnits {
  quantity: number;
  reserved: number;
  backordered: number;
  fulfilled: number;
  cancelled: number;
}

/** An item's status is that of its units that still have the furthest to go. */
export function itemStatus(units: ItemUnits): ItemStatus {
  if (units.backordered > 0) return 'backordered';
  if (units.reserved > 0) return 'reserved';
  return units.fulfilled > 0 ? 'fulfilled' : 'cancelled';
}

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
  /** Ask PostgreSQL whether the hold is due. */
  | { do: 'expire'; reservationId: string }
  /** Nothing to do before a message arrives or, where a hold is waited on, before that hold falls due. */
  | { do: 'wait'; for: 'payment'; hold: ReservationProgress }
  | { do: 'wait'; for: 'shipment' | 'stock' };

/**
 * Chooses the saga's next step from the order's rows alone.
 *
 * The order of the checks is the order of urgency: money in flight first, since its outcome decides what there is to undo,
 * then what must be undone, then due holds, and only then waiting.
 */
export function nextStep(progress: OrderProgress): NextStep {
  const { charge, holds } = progress;
  if (charge) {
    return { do: 'charge', paymentId: charge.paymentId, unresolved: charge.status === 'unknown' };
  }
  if (progress.cancelRequested) return { do: 'cancel' };
  if (progress.uncutShipments > 0 || progress.pendingRefunds > 0) return { do: 'compensate' };
  if (hasEnded(progress.status)) return { do: 'finish' };

  const pending = holds.filter((hold) => hold.status === 'pending');
  const uncharged = progress.hasPaymentMethod
    ? pending.find((hold) => hold.attempt === 0 && hold.msLeft > 0)
    : undefined;
  if (uncharged) return { do: 'begin-charge', reservationId: uncharged.reservationId };
  const due = pending.find((hold) => hold.msLeft <= 0);
  if (due) return { do: 'expire', reservationId: due.reservationId };
  const soonest = earliest(pending);
  if (soonest) return { do: 'wait', for: 'payment', hold: soonest };
  return { do: 'wait', for: unitsUnderWay(progress) ? 'shipment' : 'stock' };
}

function earliest(holds: readonly ReservationProgress[]): ReservationProgress | undefined {
  return holds.reduce<ReservationProgress | undefined>(
    (soonest, hold) => (soonest === undefined || hold.msLeft < soonest.msLeft ? hold : soonest),
    undefined,
  );
}

function unitsUnderWay(progress: OrderProgress): boolean {
  return progress.holds.some((hold) => hold.status === 'confirmed');
}

/** True while nothing of an order has left: only then may it be cancelled. */
export function mayCancel(progress: OrderProgress): boolean {
  const { picked_up: pickedUp = 0, delivered = 0 } = progress.shipments;
  return !hasEnded(progress.status) && pickedUp + delivered === 0;
}

/** ISO 4217 for "no currency": what an order has whose products are not known. */
export const NO_CURRENCY = 'XXX';
