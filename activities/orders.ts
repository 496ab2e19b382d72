import { Context } from '@temporalio/activity';
import type { OrderAmender } from '../domain/ordering/amendments/amend';
import { requestAmend } from '../domain/ordering/amendments/request';
import type { AmendRequest } from '../domain/ordering/amendments/types';
import { actOnLapse, settleAuthorizations, type LapseAction } from '../domain/ordering/capture';
import { cancelUndelivered, concludeCancel, requestCancel } from '../domain/ordering/cancel';
import { cutUnits, stopDoubledShipments } from '../domain/ordering/cuts/cut';
import { requestCut, type CutRequest } from '../domain/ordering/cuts/request';
import { tellOfFailingSteps, type FailingSteps } from '../domain/ordering/failing-steps';
import { beginCharge, type BeginChargeRequest, type BeginChargeResult } from '../domain/ordering/pay';
import { expireReservation, giveUpBackorders } from '../domain/ordering/expire';
import { decideReviewByDeadline } from '../domain/ordering/review';
import { settlePromisedOfOrder } from '../domain/ordering/promised/settle-promised';
import { releaseStoppedShipments } from '../domain/ordering/release-stopped';
import type { OrderReserver } from '../domain/ordering/order-reserver';
import { existingProgress } from '../domain/ordering/progress';
import { AMENDMENTS_EXCEEDED, type OrderProgress, type ReserveOutcome } from '../domain/ordering/types';
import type { OrderInput } from '../domain/orders/types';
import { undoReserve } from '../domain/ordering/undo-reserve';
import type { Database } from '../platform/database/database';
import { asReserving, asSteps } from './failure';

export interface OrderActivityDeps {
  db: Database;
  reserver: OrderReserver;
  amender: OrderAmender;
  /** Name under which new charges are written. */
  gateway: string;
  /** How often a reservation may be charged. */
  attemptLimit: number;
  /** Amendments of one order. */
  amendmentLimit: number;
  /** Name of the carrier that takes new shipments. */
  carrier: string;
  /** What is done about an authorisation before the gateway drops it. */
  lapseAction: LapseAction;
}

/** What an HTTP request asks for, with its id for the audit log; absent: there is none, or a build of before asked. */
type Asking<Request> = Request & { httpRequestId?: string | undefined };

/**
 * The saga's steps in PostgreSQL. Every one is a transaction that may be repeated: the second time it changes nothing and
 * returns the order's progress. All are short enough to be local activities.
 */
export interface OrderActivities {
  reserveOrder(order: OrderInput): Promise<ReserveOutcome>;
  readOrder(orderId: string): Promise<OrderProgress>;
  beginCharge(
    request: Asking<Omit<BeginChargeRequest, 'gateway' | 'attemptLimit'>>,
  ): Promise<BeginChargeResult>;
  expireReservation(request: { orderId: string; reservationId: string }): Promise<OrderProgress>;
  requestCancel(request: Asking<Parameters<typeof requestCancel>[1]>): Promise<OrderProgress>;
  cancelUndelivered(orderId: string): Promise<OrderProgress>;
  concludeCancel(orderId: string): Promise<OrderProgress>;
  requestCut(request: Asking<CutRequest>): Promise<OrderProgress>;
  cutUnits(orderId: string): Promise<OrderProgress>;
  stopDoubledShipments(orderId: string): Promise<OrderProgress>;
  requestAmend(request: Asking<AmendRequest>): Promise<OrderProgress>;
  amendOrder(orderId: string): Promise<OrderProgress>;
  giveUpBackorders(orderId: string): Promise<OrderProgress>;
  decideReviewByDeadline(orderId: string): Promise<OrderProgress>;
  settleAuthorizations(orderId: string): Promise<OrderProgress>;
  actOnLapse(orderId: string): Promise<OrderProgress>;
  releaseStoppedShipments(request: Parameters<typeof releaseStoppedShipments>[1]): Promise<OrderProgress>;
  undoReserve(request: { order: OrderInput; code: string; detail: string }): Promise<OrderProgress>;
  /** Says which steps of an order fail each time, so that a person looks. */
  tellOfFailingSteps(request: FailingSteps): Promise<OrderProgress>;
}

type Reserving = Pick<OrderActivities, 'reserveOrder' | 'undoReserve'>;

const PERMANENT = new Set(['ORDER_NOT_FOUND', AMENDMENTS_EXCEEDED]);

export function createOrderActivities({
  db,
  reserver,
  amender,
  gateway,
  attemptLimit,
  amendmentLimit,
  carrier,
  lapseAction,
}: OrderActivityDeps): OrderActivities {
  const reserving = asReserving<Reserving>({
    reserveOrder: (order) => reserver.submit(order, Context.current().cancellationSignal),
    undoReserve: (request) => undoReserve(db, request),
  });
  const steps = asSteps<Omit<OrderActivities, keyof Reserving>>(
    {
      readOrder: (orderId) => existingProgress(db, orderId),
      beginCharge: ({ httpRequestId, ...request }) =>
        askedBy(httpRequestId, () => beginCharge(db, { ...request, gateway, attemptLimit })),
      expireReservation: (request) => expireReservation(db, request),
      requestCancel: ({ httpRequestId, ...request }) =>
        askedBy(httpRequestId, () => requestCancel(db, request)),
      cancelUndelivered: (orderId) => cancelUndelivered(db, orderId),
      concludeCancel: (orderId) => concludeCancel(db, orderId),
      requestCut: ({ httpRequestId, ...request }) => askedBy(httpRequestId, () => requestCut(db, request)),
      cutUnits: (orderId) => cutUnits(db, orderId),
      stopDoubledShipments: (orderId) => stopDoubledShipments(db, orderId),
      requestAmend: ({ httpRequestId, ...request }) =>
        askedBy(httpRequestId, () => requestAmend(db, request, amendmentLimit)),
      amendOrder: (orderId) => amender(orderId),
      giveUpBackorders: (orderId) => giveUpBackorders(db, orderId),
      decideReviewByDeadline: (orderId) => decideReviewByDeadline(db, { orderId, carrier }),
      settleAuthorizations: (orderId) => settleAuthorizations(db, orderId),
      actOnLapse: (orderId) => actOnLapse(db, { orderId, action: lapseAction }),
      async releaseStoppedShipments(request) {
        const progress = await releaseStoppedShipments(db, request);
        // What was stopped since its units are blocked can be moved or cut now.
        const isSettled = await settlePromisedOfOrder(db, request.orderId);
        return isSettled ? existingProgress(db, request.orderId) : progress;
      },
      tellOfFailingSteps: (request) => tellOfFailingSteps(db, request),
    },
    PERMANENT,
  );
  return { ...reserving, ...steps };

  /** Runs `work` as part of an HTTP request: what it changes has that in the audit log. From where it came is kept by its id (`keepOrigin`). */
  function askedBy<T>(requestId: string | undefined, work: () => Promise<T>): Promise<T> {
    return requestId === undefined ? work() : db.runFor({ requestId, address: null }, work);
  }
}
