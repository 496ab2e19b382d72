import { defineSearchAttributeKey } from '@temporalio/common';
import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { AmendRefusalCode, AmendRequest } from '../../domain/ordering/amendments/types';
import type { PayRefusal } from '../../domain/ordering/types';
import type { OrderInput, PaymentMethod } from '../../domain/orders/types';

/** What the saga works with; it comes in with its input, so that a replay sees what it ran with. */
export interface SagaSettings {
  /** Task queue of calls to the payment gateway. */
  paymentsQueue: string;
  /** One call to the payment gateway, milliseconds. */
  paymentCallMs: number;
  /** How long a charge without a final outcome may keep stock reserved, since the gateway was first asked. */
  paymentUnknownSeconds: number;
  /** First wait before a charge without an outcome is looked up again; doubles up to an hour. */
  firstRetryMs: number;
  /** The gateway responds within milliseconds, so that it may first be asked within a workflow task. */
  gatewayIsFast: boolean;
  /** Events of one run, roughly, after which it goes on in a new one. Absent: when Temporal suggests it. */
  eventsPerRun?: number;
}

export interface OrderSagaInput {
  order: OrderInput;
  saga: SagaSettings;
  /** Of the saga's code when the order was started (`SAGA_EDITION`); absent before there were editions. */
  edition?: number;
  /** Why it is to be cancelled, where an earlier run could not write that to its rows. */
  cancelReason?: string;
  /** Who asked for that. */
  cancelActor?: string;
  /** The HTTP request by which they asked. */
  cancelRequestId?: string;
}

/** Who asks for something, and by which request. */
export interface Asked {
  /** The caller; absent: nobody in particular, or a build of before asked. */
  actor?: string | undefined;
  /** Id of their HTTP request, for the audit log; absent: there is none, or a build of before asked. */
  httpRequestId?: string | undefined;
}

export interface PayRequest extends PaymentMethod, Asked {
  /** Binds the attempt: the same id is the same charge, also across a restart of the saga. */
  updateId: string;
}

export type PayResult =
  | { outcome: 'captured' | 'authorized' | 'requires_action' | 'declined' | 'unknown'; paymentId: string }
  | {
      outcome: 'refused';
      code: PayRefusal;
      paymentId: null;
    };

export interface CancelRequest extends Asked {
  reason: string | null;
}

export type CancelResult =
  /** What had not left was ended; that may be a part of the order. */
  | { outcome: 'cancelled' }
  /** A carrier has not said yet whether a shipment is stopped. */
  | { outcome: 'pending' }
  /** Nothing could be ended. */
  | { outcome: 'refused'; code: 'NOT_CANCELLABLE' };

export interface CutItemsRequest extends Asked {
  /** The same request again is the same cut. */
  requestId: string;
  items: { sku: string; quantity: number }[];
  reason: string | null;
}

export type CutItemsResult =
  /** As many units as had not left were taken out: the rows say how many. */
  | { outcome: 'cut' }
  /** A carrier has not said yet whether a shipment is stopped, or a charge is unresolved. */
  | { outcome: 'pending' }
  /** None could be. */
  | { outcome: 'refused'; code: 'NOT_CANCELLABLE' };

export type AmendOrderRequest = Omit<AmendRequest, 'orderId'> & Asked;

export type AmendResult =
  | { outcome: 'amended' }
  /** What is added is being charged. */
  | { outcome: 'pending' }
  /** The order is as before. */
  | { outcome: 'refused'; code: AmendRefusalCode };

export const amendUpdate = defineUpdate<AmendResult, [AmendOrderRequest]>('amend');
export const cutItemsUpdate = defineUpdate<CutItemsResult, [CutItemsRequest]>('cutItems');
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

export interface WebhookDispatcherInput {
  /** Rounds until it continues as new, at the latest. */
  roundsPerRun?: number;
}

/** There may be something to deliver to webhooks. */
export const webhooksReadySignal = defineSignal('webhooksReady');

export interface MailDispatcherInput {
  /** Rounds until it continues as new, at the latest. */
  roundsPerRun?: number;
}

/** There may be mails to send. */
export const mailsReadySignal = defineSignal('mailsReady');

export const ORDER_STATUS = defineSearchAttributeKey('OrderStatus', 'KEYWORD');
export const CUSTOMER_ID = defineSearchAttributeKey('CustomerId', 'KEYWORD');
/** For what an order needs a person. */
export const ATTENTION = defineSearchAttributeKey('Attention', 'KEYWORD_LIST');
