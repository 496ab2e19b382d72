import { Context } from '@temporalio/activity';
import {
  abandonHold,
  cancelUnpaid,
  refuseCancel,
  releaseCutShipments,
  requestCancel,
} from '../domain/orders/cancel';
import {
  beginCharge,
  settleCharge,
  type BeginChargeRequest,
  type BeginChargeResult,
} from '../domain/orders/charge';
import { expireHold } from '../domain/orders/expire';
import type { OrderReserver } from '../domain/orders/place';
import { readProgress } from '../domain/orders/progress';
import type { OrderInput, OrderProgress, ReserveVerdict } from '../domain/orders/types';
import { undoReserve } from '../domain/orders/undo-reserve';
import { markUnknown } from '../domain/payments/charge';
import type { ChargeOutcome } from '../domain/payments/types';
import type { Database } from '../platform/database';
import { AppError } from '../platform/errors';
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
 * answers where the order stands. All but the last are short enough to be local activities.
 */
export interface OrderActivities {
  reserveOrder(order: OrderInput): Promise<ReserveVerdict>;
  readOrder(orderId: string): Promise<OrderProgress>;
  beginCharge(request: Omit<BeginChargeRequest, 'gateway'>): Promise<BeginChargeResult>;
  settleCharge(request: {
    paymentId: string;
    outcome: Exclude<ChargeOutcome, { status: 'unknown' }>;
  }): Promise<OrderProgress>;
  holdUnknownCharge(request: { orderId: string; paymentId: string }): Promise<OrderProgress>;
  abandonHold(request: { orderId: string; reservationId: string }): Promise<OrderProgress>;
  expireHold(request: { orderId: string; reservationId: string }): Promise<OrderProgress>;
  requestCancel(request: { orderId: string; reason: string }): Promise<OrderProgress>;
  refuseCancel(orderId: string): Promise<OrderProgress>;
  cancelUnpaid(orderId: string): Promise<OrderProgress>;
  releaseCutShipments(request: Parameters<typeof releaseCutShipments>[1]): Promise<OrderProgress>;
  undoReserve(request: { order: OrderInput; code: string; detail: string }): Promise<OrderProgress>;
}

const PERMANENT = new Set(['ORDER_NOT_FOUND', 'PAYMENT_NOT_FOUND']);

export function createOrderActivities({
  db,
  reserver,
  gateway,
  carrier,
}: OrderActivityDeps): OrderActivities {
  async function existing(orderId: string, read: Promise<OrderProgress | null>): Promise<OrderProgress> {
    const progress = await read;
    if (!progress) throw new AppError('ORDER_NOT_FOUND', 'There is no such order.', { orderId });
    return progress;
  }

  return withFailures<OrderActivities>(
    {
      reserveOrder: (order) => reserver.submit(order, Context.current().cancellationSignal),
      readOrder: (orderId) => existing(orderId, readProgress(db, orderId)),
      beginCharge: (request) => beginCharge(db, { ...request, gateway }),
      settleCharge: (request) => settleCharge(db, { ...request, carrier }),
      async holdUnknownCharge({ orderId, paymentId }) {
        await markUnknown(db, paymentId);
        return existing(orderId, readProgress(db, orderId));
      },
      abandonHold: (request) => abandonHold(db, request),
      expireHold: (request) => expireHold(db, request),
      requestCancel: (request) => requestCancel(db, request),
      refuseCancel: (orderId) => refuseCancel(db, orderId),
      cancelUnpaid: (orderId) => cancelUnpaid(db, orderId),
      releaseCutShipments: (request) => heartbeating(() => releaseCutShipments(db, request)),
      undoReserve: (request) => heartbeating(() => existing(request.order.orderId, undoReserve(db, request))),
    },
    PERMANENT,
  );
}
