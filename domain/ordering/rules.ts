import { WAITING_SHIPMENT_STATUSES } from '../fulfilment/types';
import { hasEnded } from '../orders/rules';
import type { GatewayAsk, OrderProgress, ReservationProgress } from './types';

/** What the saga does next. */
export type NextStep =
  /** The order has ended and nothing is left to do for it. */
  | { do: 'finish' }
  /** End whatever has not left. */
  | { do: 'cancel' }
  /** Nothing more of it can be ended: say what became of the request to cancel. */
  | { do: 'conclude-cancel' }
  /** Stop shipments that carry again what has left. */
  | { do: 'stop-doubled' }
  /** Take units out of it that somebody asked to. */
  | { do: 'cut' }
  /** Go on with amending it. */
  | { do: 'amend' }
  /** Shipments will not leave: plan their refunds and put their stock back on sale. */
  | { do: 'release-stopped' }
  /** Nobody has decided about the order in time. */
  | { do: 'decide-review' }
  /** By our clock the reservation is due. */
  | { do: 'expire'; reservationId: string }
  /** The order's units have waited for stock for long enough. */
  | { do: 'give-up-backorders' }
  /** A part that was allocated later is charged to the stored payment method. */
  | { do: 'begin-charge'; reservationId: string }
  /** Money of authorised payments is to be taken or voided: plan it. */
  | { do: 'settle-authorizations' }
  /** The gateway is about to drop an authorisation. */
  | { do: 'act-on-lapse' }
  /** Ask the carrier to stop a shipment, once. */
  | { do: 'stop'; shipmentId: string }
  /** Ask the gateway about a charge, a capture, a void or a refund, once. */
  | { do: 'ask'; ask: GatewayAsk }
  /** Nothing to do before a message arrives or `ms` have passed; null: only a message. */
  | { do: 'wait'; for: WaitFor; ms: number | null };

export type WaitFor = 'carrier-stop' | 'gateway' | 'payment' | 'retry' | 'review' | 'shipment' | 'stock';

/** A call that is under way: the id of a payment, a capture, a refund, or a shipment that is to be stopped. */
export type Call = string;
/** Stands for all shipments of an order that are being stopped. */
export const ALL_SHIPMENTS = 'stop';

/**
 * Chooses the saga's next step from the order's rows alone, and from the calls that are under way, which are not made again
 * meanwhile.
 *
 * The order of the checks is the order of urgency: what frees stock or stops a parcel first, money after it, and only then
 * waiting. No step waits for another: what failed is due again at a time of its own.
 */
export function nextStep(progress: OrderProgress, underWay: ReadonlySet<Call> = new Set()): NextStep {
  const isOver = hasEnded(progress.status);
  if (progress.cancel === 'open' && isEndable(progress)) return { do: 'cancel' };
  if (progress.unreleasedShipments > 0) return { do: 'release-stopped' };
  if (progress.cancel === 'open' && progress.stopMsLeft === null) return { do: 'conclude-cancel' };
  if (progress.doubledShipments > 0) return { do: 'stop-doubled' };
  if (progress.mayCut) return { do: 'cut' };
  if (progress.mayAmend) return { do: 'amend' };
  if (!isOver) {
    if (isDue(progress.reviewMsLeft)) return { do: 'decide-review' };
    const due = nextOfReservations(progress);
    if (due) return due;
  }
  if (progress.mayCapture) return { do: 'settle-authorizations' };
  if (!isOver && isDue(progress.lapseMsLeft)) return { do: 'act-on-lapse' };
  const call = nextCall(progress, underWay);
  if (call) return call;
  const isUnfinished = progress.asks.length > 0 || progress.stopMsLeft !== null || underWay.size > 0;
  if (isOver && !isUnfinished) return { do: 'finish' };
  return { do: 'wait', for: waitsFor(progress), ms: untilDue(progress, underWay) };
}

/** The next call of a carrier or gateway that is due; null: none is. */
export function nextCall(progress: OrderProgress, underWay: ReadonlySet<Call>): NextStep | null {
  const stop = stopsOf(progress).find(({ shipmentId, msLeft }) => isDue(msLeft) && !underWay.has(shipmentId));
  if (stop) return { do: 'stop', shipmentId: stop.shipmentId };
  const ask = progress.asks.find(({ id, msLeft }) => isDue(msLeft) && !underWay.has(id));
  return ask ? { do: 'ask', ask } : null;
}

/** Parcels that are being stopped; a progress that an older build has recorded tells of all of them together. */
function stopsOf({ stops, stopMsLeft }: OrderProgress): { shipmentId: string; msLeft: number }[] {
  return stops ?? (stopMsLeft === null ? [] : [{ shipmentId: ALL_SHIPMENTS, msLeft: stopMsLeft }]);
}

/** Milliseconds until a call falls due that is not under way; null: none will. */
export function untilCallDue(progress: OrderProgress, underWay: ReadonlySet<Call>): number | null {
  const times = [
    ...progress.asks.filter(({ id }) => !underWay.has(id)),
    ...stopsOf(progress).filter(({ shipmentId }) => !underWay.has(shipmentId)),
  ].map(({ msLeft }) => msLeft);
  return times.length === 0 ? null : Math.min(...times);
}

/** The same where calls are due later than their rows say: not before as many milliseconds have passed. */
export function putOff(progress: OrderProgress, pauseLeft: (call: Call) => number): OrderProgress {
  return {
    ...progress,
    asks: progress.asks.map((ask) => ({ ...ask, msLeft: Math.max(ask.msLeft, pauseLeft(ask.id)) })),
    stops: stopsOf(progress).map(({ shipmentId, msLeft }) => ({
      shipmentId,
      msLeft: Math.max(msLeft, pauseLeft(shipmentId)),
    })),
  };
}

/** True for what is done in PostgreSQL alone. */
export function isInRows(step: NextStep): boolean {
  return !['stop', 'ask', 'wait', 'finish'].includes(step.do);
}

function nextOfReservations(progress: OrderProgress): NextStep | null {
  const pending = unpaid(progress);
  const due = pending.find(({ msLeft }) => msLeft <= 0);
  if (due) return { do: 'expire', reservationId: due.reservationId };
  if (progress.waitingUnits > 0 && isDue(progress.waitingMsLeft)) return { do: 'give-up-backorders' };
  const uncharged = progress.hasPaymentMethod ? pending.find(({ attempt }) => attempt === 0) : undefined;
  return uncharged ? { do: 'begin-charge', reservationId: uncharged.reservationId } : null;
}

function unpaid({ reservations }: OrderProgress): ReservationProgress[] {
  return reservations.filter(({ status }) => status === 'pending');
}

/** Undefined, as null: a progress that an older build has recorded does not have what was added since. */
function isDue(msLeft: number | null | undefined): boolean {
  return typeof msLeft === 'number' && msLeft <= 0;
}

/** Until the earliest of what is due by itself; what is under way is not waited for by time. */
function untilDue(progress: OrderProgress, underWay: ReadonlySet<Call>): number | null {
  const isOver = hasEnded(progress.status);
  const times = [
    untilCallDue(progress, underWay),
    ...(isOver ? [] : [progress.reviewMsLeft]),
    ...(isOver ? [] : unpaid(progress).map(({ msLeft }) => msLeft)),
    ...(isOver || progress.waitingUnits === 0 ? [] : [progress.waitingMsLeft]),
    ...(isOver ? [] : [progress.lapseMsLeft, progress.lookMsLeft]),
  ].filter((ms) => typeof ms === 'number');
  return times.length === 0 ? null : Math.min(...times);
}

function waitsFor(progress: OrderProgress): WaitFor {
  if (progress.stopMsLeft !== null) return 'carrier-stop';
  if (progress.asks.length > 0) return 'gateway';
  if (typeof progress.reviewMsLeft === 'number') return 'review';
  if (unpaid(progress).length > 0) return 'payment';
  return progress.reservations.some(({ status }) => status === 'confirmed') ? 'shipment' : 'stock';
}

/** True while anything of an order has not left and the request to cancel has not tried to end it. */
function isEndable({ status, reservations, waitingUnits, stoppableShipments }: OrderProgress): boolean {
  if (hasEnded(status)) return false;
  const isReserved = reservations.some(
    ({ status: is, isUnshipped }) => is === 'pending' || is === 'charging' || isUnshipped === true,
  );
  return isReserved || waitingUnits > 0 || stoppableShipments > 0;
}

/** True while anything of an order has not left, also what a carrier has refused to stop before: only then can it be cancelled. */
export function mayCancel(progress: OrderProgress): boolean {
  const waits = WAITING_SHIPMENT_STATUSES.some((status) => (progress.shipments[status] ?? 0) > 0);
  // What was stopped to cut a part of it would be shipped anew.
  const isStopped = progress.unreleasedShipments > 0;
  return isEndable(progress) || ((waits || isStopped) && !hasEnded(progress.status));
}
