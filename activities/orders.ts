import { Context } from '@temporalio/activity';
import {
  abandonReservation,
  cancelUnpaid,
  refuseCancel,
  releaseStoppedShipments,
  requestCancel,
} from '../domain/ordering/cancel';
import {
  beginCharge,
  settleCharge,
  type BeginChargeRequest,
  type BeginChargeResult,
} from '../domain/ordering/pay';
import { expireReservation } from '../domain/ordering/expire';
import type { OrderReserver } from '../domain/ordering/order-reserver';
import { existingProgress } from '../domain/ordering/progress';
import type { OrderProgress, ReserveOutcome } from '../domain/ordering/types';
import type { OrderInput } from '../domain/orders/types';
import { undoReserve } from '../domain/ordering/undo-reserve';
import { markUnknown } from '../domain/payments/charge';
import type { ChargeOutcome } from '../domain/payments/types';
import type { Database } from '../platform/database/database';
import { withFailures } from './failure';
import { heartbeating } from './heartbeat';

export interface OrderActivityDeps {
  db: Database;
  reserver: OrderReserver;
  /** Names under which new charges and shipments are written. */
  gateway: string;
  carrier: string;
}

/**
 * The saga's steps in PostgreSQL. Every one is a transaction that may be repeated: the second time it changes nothing and
 * returns the order's progress. All but the last are short enough to be local activities.
 */
export interface OrderActivities {
  reserveOrder(order: OrderInput): Promise<ReserveOutcome>;
  readOrder(orderId: string): Promise<OrderProgress>;
  beginCharge(request: Omit<BeginChargeRequest, 'gateway'>): Promise<BeginChargeResult>;
  settleCharge(request: {
    paymentId: string;
    outcome: Exclude<ChargeOutcome, { status: 'unknown' }>;
  }): Promise<OrderProgress>;
  recordUnknownCharge(request: { orderId: string; paymentId: string }): Promise<OrderProgress>;
  abandonReservation(request: { orderId: string; reservationId: string }): Promise<OrderProgress>;
  expireReservation(request: { orderId: string; reservationId: string }): Promise<OrderProgress>;
  requestCancel(request: { orderId: string; reason: string }): Promise<OrderProgress>;
  refuseCancel(orderId: string): Promise<OrderProgress>;
  cancelUnpaid(orderId: string): Promise<OrderProgress>;
  releaseStoppedShipments(request: Parameters<typeof releaseStoppedShipments>[1]): Promise<OrderProgress>;
  undoReserve(request: { order: OrderInput; code: string; detail: string }): Promise<OrderProgress>;
}

const PERMANENT = new Set(['ORDER_NOT_FOUND', 'PAYMENT_NOT_FOUND']);

export function createOrderActivities({
  db,
  reserver,
  gateway,
  carrier,
}: OrderActivityDeps): OrderActivities {
  return withFailures<OrderActivities>(
    {
      reserveOrder: (order) => reserver.submit(order, Context.current().cancellationSignal),
      readOrder: (orderId) => existingProgress(db, orderId),
      beginCharge: (request) => beginCharge(db, { ...request, gateway }),
      settleCharge: (request) => settleCharge(db, { ...request, carrier }),
      async recordUnknownCharge({ orderId, paymentId }) {
        await markUnknown(db, paymentId);
        return existingProgress(db, orderId);
      },
      abandonReservation: (request) => abandonReservation(db, request),
      expireReservation: (request) => expireReservation(db, request),
      requestCancel: (request) => requestCancel(db, request),
      refuseCancel: (orderId) => refuseCancel(db, orderId),
      cancelUnpaid: (orderId) => cancelUnpaid(db, orderId),
      releaseStoppedShipments: (request) => heartbeating(() => releaseStoppedShipments(db, request)),
      undoReserve: (request) => heartbeating(() => undoReserve(db, request)),
    },
    PERMANENT,
  );
}
