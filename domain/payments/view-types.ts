import type {
  CaptureStatus,
  DisputeStatus,
  RefundSettlement,
  RefundStatus,
  SHOWN_PAYMENT_STATUSES,
} from './types';
import type { NextAction } from './gateway';

/** A payment as clients see it. Money in minor units, times RFC 3339. */
export interface PaymentView {
  id: string;
  status: (typeof SHOWN_PAYMENT_STATUSES)[number];
  /** Asked for: of one that is captured apart, what was authorised. */
  amountMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  currency: string;
  declineCode?: string;
  at: string;
  /** What the customer is to do, of one that waits for that. */
  nextAction?: NextAction;
  /** What is not captured of an authorised one is being voided: nothing more is taken of it. */
  voiding?: true;
  /** Until when the gateway keeps the authorisation, of one that is captured apart. */
  captureBefore?: string;
  /** When the gateway said that nothing more of the authorisation can be captured. */
  lostAt?: string;
  /** Oldest first. */
  captures: CaptureView[];
  /** Oldest first. */
  refunds: RefundView[];
  /** When the gateway is asked next; while it is open. */
  nextTryAt?: string;
  /** Why the gateway gave no outcome yet. */
  lastError?: string;
}

/** Money taken of a payment, as clients see it. */
export interface CaptureView {
  id: string;
  /** The parcel that it pays for; absent: everything that was not captured. */
  shipmentId?: string;
  amountMinor: number;
  status: CaptureStatus;
  at: string;
  /** When the gateway is asked next; while it is open. */
  nextTryAt?: string;
  /** Why the last try did not succeed. */
  lastError?: string;
  /** Of one settled by hand: what was done, where it is found, and who recorded it. */
  settledAs?: RefundSettlement;
  settledReference?: string;
  settledBy?: string;
}

/** A refund as clients see it. */
export interface RefundView {
  id: string;
  paymentId: string;
  amountMinor: number;
  reason: string;
  status: RefundStatus;
  at: string;
  /** When the gateway is asked next; where it waits. */
  nextTryAt?: string;
  /** Why the last try did not succeed; where it did not. */
  lastError?: string;
  /** Who asked for it; absent: the order's own course. */
  actor?: string;
  /** Of one settled by hand. */
  settledAs?: RefundSettlement;
  /** Where what was done instead is found. */
  settledReference?: string;
  /** Who said so. */
  settledBy?: string;
  /** Of one settled by hand: when it was found that the gateway paid it out all the same, and the gateway's id of it. */
  foundAt?: string;
  foundReference?: string;
}

/** A dispute as clients see it. */
export interface DisputeView {
  id: string;
  paymentId: string;
  /** The gateway's id of it. */
  gatewayRef: string;
  amountMinor: number;
  currency: string;
  reason: string;
  status: DisputeStatus;
  at: string;
  /** Until when the gateway takes a response; where one is awaited. */
  dueBy?: string;
}
