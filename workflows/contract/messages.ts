import { defineSearchAttributeKey } from '@temporalio/common';
import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { OrderInput, PaymentMethod } from '../../domain/orders/types';

/** Limits the saga works with; they come in with its input, so that a replay sees the ones it ran with. */
export interface SagaTimeouts {
  /** One call to the payment gateway, start to close. */
  paymentCallMs: number;
  /** How long a charge without a final outcome may keep stock reserved. */
  paymentUnknownSeconds: number;
  /** First wait before a charge without an outcome is looked up again; doubles up to five minutes. */
  resolveInitialMs: number;
}

export interface OrderSagaInput {
  order: OrderInput;
  timeouts: SagaTimeouts;
  /** Of the saga's code when the order was started (`SAGA_EDITION`); absent before there were editions. */
  edition?: number;
}

export interface PayRequest extends PaymentMethod {
  /** Binds the attempt: the same id is the same charge, also across a restart of the saga. */
  updateId: string;
}

export type PayResult =
  | { outcome: 'captured' | 'declined' | 'unknown'; paymentId: string }
  | {
      outcome: 'refused';
      code: 'HOLD_EXPIRED' | 'ORDER_NOT_PAYABLE' | 'PAYMENT_IN_PROGRESS';
      paymentId: null;
    };

export interface CancelRequest {
  reason: string | null;
}

export type CancelResult =
  | { outcome: 'cancelled' }
  /** A shipment left before it could be stopped; what had not left was cancelled and refunded. */
  | { outcome: 'refused'; code: 'NOT_CANCELLABLE' };

export const payUpdate = defineUpdate<PayResult, [PayRequest]>('pay');
export const cancelUpdate = defineUpdate<CancelResult, [CancelRequest]>('cancel');
/** A saga, or the workflow of a transfer or return, reads its rows again. */
export const wakeSignal = defineSignal('wake');

export interface DispatcherInput {
  /** Bookings asked of the carrier in one call. */
  batchSize: number;
  /** Rounds until it continues as new, at the latest. */
  roundsPerRun?: number;
}

/** Of the workflow of a job: what it is to do stands in the job's row. */
export interface JobWorkflowInput {
  jobId: string;
}

export interface ReservationExpiryInput {
  /** Reservations that one transaction frees at most. */
  batchSize: number;
  /** Least time between two looks, milliseconds. */
  pauseMs: number;
  /** The longest that one round takes, milliseconds. */
  roundMs: number;
  /** Rounds until it continues as new, at the latest. */
  roundsPerRun?: number;
}

/** A reservation falls due before the expiry looks again. */
export const reservationsDueSignal = defineSignal('reservationsDue');

/** Of the workflow of a transfer: how far it has come stands in its row. */
export interface TransferInput {
  transferId: string;
}

/** Of the workflow of a customer's return: how far it has come stands in its rows. */
export interface ReturnInput {
  returnId: string;
}

/** There are shipments to book. */
export const shipmentsReadySignal = defineSignal('shipmentsReady');

export const ORDER_STATUS = defineSearchAttributeKey('OrderStatus', 'KEYWORD');
export const CUSTOMER_ID = defineSearchAttributeKey('CustomerId', 'KEYWORD');
export const COMPENSATION_STUCK = defineSearchAttributeKey('CompensationStuck', 'BOOL');
