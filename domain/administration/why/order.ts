import type { Queryable } from '../../../platform/database/database';
import { request, shell } from '../../../platform/told-commands';
import { money } from '../../../platform/money';
import { LEFT_SHIPMENT_STATUSES, type ShipmentStatus, type ShipmentView } from '../../fulfilment/types';
import { hasEnded } from '../../orders/rules';
import { nextStep } from '../../ordering/rules';
import { readProgress } from '../../ordering/progress';
import type { OrderItemView, OrderView } from '../../ordering/types';
import { readOrder } from '../../ordering/views';
import { stepInWords } from '../../ordering/words/rules';
import type { PaymentView, RefundView } from '../../payments/view-types';
import { waitingAbout } from '../attention';
import { readStaffViews } from '../notes';
import { allowedByHand } from '../rules';
import { selectLatestEvents } from './queries';
import { TOLD, type Explanation } from './types';

/** Why an order is as it is. Null: there is none. */
export async function explainOrder(on: Queryable, orderId: string): Promise<Explanation | null> {
  const record = await readOrder(on, orderId);
  const progress = record && (await readProgress(on, orderId));
  if (!progress) return null;
  const { view, failureDetail } = record;
  const step = nextStep(progress);
  const waiting = await waitingAbout(on, { orderId });
  const staff = (await readStaffViews(on, [orderId])).get(orderId);
  return {
    subject: { type: 'order', id: orderId },
    state: stateOf(view, step.do === 'finish' ? null : stepInWords(step, progress), failureDetail),
    because: [
      `Placed at ${view.createdAt} by ${staff?.owner ?? 'nobody known'} for the customer ${view.customerId}: ${money(view.totalMinor, view.currency)}, ${view.fulfilment}.`,
      ...(staff && staff.tags.length + staff.noteCount > 0
        ? [`Staff noted: ${[...staff.tags.map((tag) => `#${tag}`), `${staff.noteCount} notes`].join(', ')}.`]
        : []),
      ...view.items.map(itemInWords),
      ...view.reservations.map(({ id, status, expiresAt }) =>
        status === 'pending'
          ? `The reservation ${id} is pending: nobody has paid for it. It expires at ${expiresAt}.`
          : `The reservation ${id} is ${status}.`,
      ),
      ...view.payments.map(paymentInWords),
      ...view.refunds.map((refund) => refundInWords(refund, view.currency)),
      ...view.shipments.map(shipmentInWords),
      ...requestsInWords(view),
    ],
    history: await selectLatestEvents(on, orderId, TOLD),
    currency: view.currency,
    waiting,
    next: nextOf(view),
    workflow: { of: 'order', id: orderId, mustRun: step.do !== 'finish' },
  };
}

function stateOf(
  { status, failureCode, cancelReason }: OrderView,
  step: string | null,
  detail: string | null,
): string {
  const reasons = [failureCode, detail, cancelReason && `reason given: ${cancelReason}`].filter(
    (reason) => typeof reason === 'string' && reason !== '',
  );
  const why = reasons.length > 0 ? ` (${reasons.join('; ')})` : '';
  const then = step ?? 'Nothing is left to do for it.';
  return `The order is ${status}${why}. ${then}`;
}

function itemInWords(item: OrderItemView): string {
  const states = [
    [item.reservedQuantity, 'reserved'],
    [item.backorderedQuantity, 'waiting for stock'],
    [item.fulfilledQuantity, 'left'],
    [item.cancelledQuantity, 'cancelled'],
  ] as const;
  const units = states.filter(([count]) => count > 0).map(([count, state]) => `${count} ${state}`);
  const from = item.allocations.map(({ warehouse, quantity }) => `${quantity} at ${warehouse}`);
  const where = from.length > 0 ? ` (${from.join(', ')})` : '';
  return `${item.quantity} × ${item.sku}: ${units.join(', ')}${where}.`;
}

/** A payment with its captures in one line. */
export function paymentInWords(payment: PaymentView): string {
  const { id, status, amountMinor, capturedMinor, refundedMinor, currency } = payment;
  const told = [
    payment.declineCode && `declined as ${payment.declineCode}`,
    capturedMinor > 0 && `${money(capturedMinor, currency)} captured`,
    refundedMinor > 0 && `${money(refundedMinor, currency)} back with the customer`,
    payment.voiding && 'the rest is being voided',
    payment.lostAt && `the gateway keeps it no longer since ${payment.lostAt}`,
    payment.nextAction && 'its customer is to authenticate',
    payment.captureBefore && `can be captured until ${payment.captureBefore}`,
    payment.lastError && `the last answer: ${payment.lastError}`,
    payment.nextTryAt && `asked again at ${payment.nextTryAt}`,
    ...payment.captures
      .filter((capture) => capture.status !== 'succeeded')
      .map(
        (capture) =>
          `capture ${capture.id} of ${money(capture.amountMinor, currency)} is ${capture.status}${capture.lastError ? `: ${capture.lastError}` : ''}`,
      ),
  ].filter((text) => typeof text === 'string');
  return `The payment ${id} of ${money(amountMinor, currency)} is ${status}${told.length > 0 ? `; ${told.join('; ')}` : ''}.`;
}

/** A refund in one line. */
export function refundInWords(refund: RefundView, currency: string): string {
  const told = [
    refund.reason,
    refund.settledAs && `settled by hand as ${refund.settledAs} by ${refund.settledBy ?? 'somebody'}`,
    refund.lastError && `the last answer: ${refund.lastError}`,
    refund.nextTryAt && `tried again at ${refund.nextTryAt}`,
  ].filter((text) => typeof text === 'string');
  return `The refund ${refund.id} of ${money(refund.amountMinor, currency)} is ${refund.status}; ${told.join('; ')}.`;
}

const SHIPMENT_WORDS: Readonly<Record<ShipmentStatus, string>> = {
  pending: 'waits to be booked',
  booking: 'is being booked',
  booked: 'waits for the carrier to pick it up',
  picked_up: 'is on its way to the customer',
  delivered: 'is delivered',
  voiding: 'is being stopped: the carrier has not said whether it is',
  voided: 'was stopped',
  failed: 'failed: the carrier does not deliver it',
};

function shipmentInWords(shipment: ShipmentView): string {
  const items = shipment.items.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ');
  const tracking = shipment.trackingNumber === null ? '' : `, tracking number ${shipment.trackingNumber}`;
  const left =
    shipment.leftAfterStopAt === null
      ? ''
      : ` It left at ${shipment.leftAfterStopAt} although it was stopped.`;
  return `The parcel ${shipment.id} from ${shipment.warehouse} (${items}${tracking}) ${SHIPMENT_WORDS[shipment.status]}.${left}`;
}

function requestsInWords({ review, openCuts, openAmendments, disputes }: OrderView): string[] {
  return [
    ...(review === null
      ? []
      : [
          `Its review is ${review.status}${review.status === 'open' && review.deadline ? ` until ${review.deadline}` : ''}.`,
        ]),
    ...openCuts.map(
      ({ items, since, reason }) =>
        `Since ${since} units are to be taken out: ${items.map((item) => `${item.quantity} × ${item.sku}`).join(', ')}${reason ? ` (${reason})` : ''}.`,
    ),
    ...openAmendments.map(
      ({ requestId, since, why }) => `The amendment ${requestId} is under way since ${since}: ${why}`,
    ),
    ...disputes.map(({ id, status, reason }) => `The dispute ${id} (${reason}) is ${status}.`),
  ];
}

function nextOf(view: OrderView): string[] {
  const { id, status, reservations, shipments } = view;
  const allowed = allowedByHand(status);
  const isLeaving = shipments.some((one) => LEFT_SHIPMENT_STATUSES.some((left) => left === one.status));
  return [
    ...allowed.map(
      (to) =>
        `${request`PUT /api/v1/admin/orders/${id}/status`} {"status": "${to}"${to === 'paid' ? ', "payment": …' : ''}}`,
    ),
    ...(hasEnded(status) && !isLeaving ? [] : [request`POST /api/v1/admin/orders/${id}/retry`]),
    ...reservations.slice(-1).map((one) => shell`holdfast why reservation ${one.id}`),
    ...view.payments.slice(-1).map((one) => shell`holdfast why payment ${one.id}`),
    request`GET /api/v1/orders/${id}/sourcing`,
    request`GET /api/v1/orders/${id}/events`,
  ];
}
