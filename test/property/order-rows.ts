import type { ShipmentStatus } from '../../domain/fulfilment/types';
import type { CaptureMode, ReviewOutcome } from '../../domain/orders/types';
import { REFUNDABLE_PAYMENT_STATUSES } from '../../domain/payments/types';
import type { CaptureStatus, PaymentStatus, RefundStatus } from '../../domain/payments/types';
import type { ReservationStatus } from '../../domain/stock/reservations/types';

/** Defects that can be planted into the model's transactions, to see that the properties notice them. */
export type Defect =
  /** Units are released, and their refund planned, once the carrier is asked to stop them. */
  | 'release-before-final'
  /** A stopped shipment is planned to go back each time it is looked at. */
  | 'refund-planned-twice'
  /** A refund without an outcome is tried again under the next number of its key. */
  | 'new-key-without-outcome'
  /** A refund that failed for good is no longer planned. */
  | 'failed-refund-unplanned'
  /** A failure that is recorded late fails the refund whatever happened since. */
  | 'late-failure-wins'
  /** Money that comes in for a reservation given up is kept. */
  | 'unwanted-charge-kept'
  /** What is stopped is released, and its refund forgotten. */
  | 'refund-forgotten'
  /** An ask does not say when the next is due. */
  | 'ask-stays-due'
  /** A carrier that refused to stop a shipment is asked again at once. */
  | 'refusal-forgotten'
  /** A charge that was abandoned is sent all the same. */
  | 'unwanted-charge-sent'
  /** A capture is final although another one of its payment is not made. */
  | 'final-while-another-is-open'
  /** What is left of an authorisation is voided although a capture of it is not made. */
  | 'void-while-capture-is-open'
  /** Each parcel that left is captured each time that it is looked at. */
  | 'parcel-captured-twice'
  /** Captures of one payment are asked for at the same time. */
  | 'captures-at-once'
  /** A capture without an outcome is tried again under the next number of its key. */
  | 'new-capture-key-without-outcome'
  /** A capture fails by what is said of a key that it no longer uses. */
  | 'superseded-key-wins'
  /** A refund does not wait for the capture of what it gives back. */
  | 'refund-before-capture'
  /** Of what is cut money goes back although it was not to be captured. */
  | 'refund-of-what-is-not-captured'
  /** What is left of an authorisation is not voided when nothing more ships. */
  | 'void-forgotten'
  /** Money that is set aside for a reservation given up stays so. */
  | 'unwanted-authorization-kept'
  /** A payment whose place another one took counts as the reservation's all the same. */
  | 'replaced-payment-serves'
  /** A customer who does not authenticate is waited for without end. */
  | 'customer-awaited-for-ever'
  /** What the gateway captured besides what is known of is kept. */
  | 'surplus-kept'
  /** What was captured of an order that is rejected in its review is kept. */
  | 'rejected-money-kept'
  /** An approved order whose money is to be taken with it is captured as its parcels leave only. */
  | 'approved-not-captured'
  /** Refunds are made while their charge is disputed. */
  | 'dispute-ignored'
  /** What a lost dispute has taken goes back once more. */
  | 'lost-money-refunded'
  /** Of what a lost dispute leaves each of two refunds is made that are asked for at the same time. */
  | 'unanswered-refund-not-counted'
  /** A refund that the gateway may have made is ended since a lost dispute has taken its money. */
  | 'unanswered-refund-ended'
  /** What is told of a dispute counts, however late it comes. */
  | 'late-dispute-wins'
  /** Refunds that a dispute held back are not looked at when it is decided. */
  | 'dispute-closes-unseen';

export interface Line {
  warehouse: number;
  priceMinor: number;
  units: number;
  open: number;
  shipped: number;
}

export interface Reservation {
  id: string;
  seq: number;
  status: ReservationStatus;
  attempt: number;
  dueAt: number;
  lines: Line[];
}

export interface Shipment {
  id: string;
  reservation: Reservation;
  line: Line;
  status: ShipmentStatus;
  isStopRefused: boolean;
  tries: number;
  dueAt: number;
}

/** Money in minor units. */
export interface Payment {
  id: string;
  reservation: Reservation;
  status: PaymentStatus;
  amountMinor: number;
  capturePlannedMinor: number;
  capturedMinor: number;
  /** Planned to go back. */
  plannedMinor: number;
  refundedMinor: number;
  /** Its money is for its reservation; false: another payment took its place. */
  serves: boolean;
  /** Nobody is there who could authenticate. */
  offSession: boolean;
  /** It is authorised first. */
  captureLater: boolean;
  /** One capture takes everything that is not cut. */
  isWhole: boolean;
  /** Until when its customer is waited for; null: there was nothing to wait for. */
  actionUntil: number | null;
  /** When the gateway drops the authorisation, and when something is to be done before; null: never, nothing. */
  captureBefore: number | null;
  lapseAt: number | null;
  tries: number;
  firstAskedAt: number | null;
  dueAt: number;
}

export interface Capture {
  id: string;
  payment: Payment;
  /** The parcel that it pays for; null: everything that is not captured. */
  shipmentId: string | null;
  amountMinor: number;
  status: CaptureStatus;
  /** A person has given its money up. */
  isWaived: boolean;
  /** Decided once for each key; null: not yet. */
  isFinal: boolean | null;
  keyNumber: number;
  tries: number;
  dueAt: number;
}

export interface Refund {
  id: string;
  payment: Payment;
  origin: string;
  amountMinor: number;
  status: RefundStatus;
  keyNumber: number;
  gatewayRef: string | null;
  /** The gateway was asked for it under its key, and may have made it. */
  isAsked: boolean;
  tries: number;
  dueAt: number;
}

/** A call to a third party that was begun and whose outcome is not recorded. */
export type OpenCall =
  | { kind: 'charge'; payment: Payment; wanted: boolean }
  | { kind: 'capture'; capture: Capture; keyNumber: number; isFinal: boolean }
  | { kind: 'void'; payment: Payment }
  | { kind: 'refund'; refund: Refund; keyNumber: number }
  | { kind: 'stop'; shipment: Shipment };

/**
 * What the world answers to a call. `held`: it has taken it and is not finished, or will never do it under this key; `customer`: the
 * customer is to authenticate first.
 */
export type Reply = 'yes' | 'no' | 'away' | 'lost' | 'held' | 'customer';

export interface Seed {
  /** Units and price, minor units, by warehouse. */
  lines: { units: number; priceMinor: number }[];
  waiting: number;
  waitingPriceMinor: number;
  isPaidWithOrder: boolean;
  waitsForEver: boolean;
  capture: CaptureMode;
  /** It is reviewed, and this is decided when nobody does; null: it is not reviewed. */
  review: ReviewOutcome | null;
  /** Of what is authorised first. */
  authorized: {
    multicapture: boolean;
    /** How long the gateway keeps it. */
    keptMs: number;
    /** What is done before the gateway drops it. */
    onLapse: 'capture' | 'cancel';
  };
  /** Customers who are to authenticate never do by themselves. */
  isAbandoned: boolean;
}

/** True while the gateway has not finished the refund. */
export function isOpen({ status }: { status: RefundStatus }): boolean {
  return status === 'planned' || status === 'pending';
}

/** True of a capture whose money is still to be taken, perhaps after a person said so. */
export function isUnfinished({ status }: { status: CaptureStatus }): boolean {
  return status === 'planned' || status === 'failed';
}

/** True while money of the payment may go back: it came in, or is set aside. */
export function isPaid({ status }: { status: PaymentStatus }): boolean {
  return (REFUNDABLE_PAYMENT_STATUSES as readonly PaymentStatus[]).includes(status);
}

/** Of which nothing was charged yet, each line from a warehouse of its own. */
export function pendingReservation(
  id: string,
  { seq, dueAt, lines }: Pick<Reservation, 'seq' | 'dueAt'> & Pick<Seed, 'lines'>,
): Reservation {
  return {
    id,
    seq,
    status: 'pending',
    attempt: 0,
    dueAt,
    lines: lines.map(({ units, priceMinor }, warehouse) => {
      return { warehouse, priceMinor, units, open: units, shipped: 0 };
    }),
  };
}

/** What units of these lines cost, minor units. */
export function worth(lines: readonly Line[], unitsOf: (line: Line) => number): number {
  return lines.reduce((sum, line) => sum + unitsOf(line) * line.priceMinor, 0);
}

export function sum(amounts: readonly { amountMinor: number }[]): number {
  return amounts.reduce((total, { amountMinor }) => total + amountMinor, 0);
}

/** What persons have given up of these captures. */
export function waivedMinor(captures: readonly Capture[]): number {
  return sum(captures.filter(({ isWaived }) => isWaived));
}
