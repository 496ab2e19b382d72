import { NO_CURRENCY } from '../catalog/currencies';
import type { NewItem, NewOrder } from '../orders/create';
import { orderPaymentId } from '../orders/ids';
import { isCapturedLater, isReviewed, ownerOf, priceOf } from '../orders/rules';
import type { NewEvent, OrderInput } from '../orders/types';
import type { NewPayment } from '../payments/types';
import type { ReservationPlan, ReservationRequest } from '../stock/reservations/plan-reservation';
import type { NewBackorder } from './backorders/backorders';

/** A reservation that is asked for by an order. */
export interface OrderReservationRequest extends ReservationRequest {
  orderId: string;
  order: OrderInput;
}

/** What is to be written for an order that is placed. */
type OrderPlan = ReservationPlan<OrderReservationRequest>;

/**
 * The order's row.
 *
 * @param backorderSeconds how long units wait for stock where the order does not say
 */
export function orderOf(plan: OrderPlan, backorderSeconds: number): NewOrder {
  const { order } = plan.request;
  return {
    id: order.orderId,
    customerId: order.customerId,
    owner: ownerOf(order),
    status: plan.outcome === 'reserved' ? 'reserved' : plan.outcome === 'short' ? 'rejected' : 'failed',
    fulfilment: order.fulfilment,
    currency: currencyOf(plan),
    totalMinor: totalOf(plan),
    shipTo: order.shipTo,
    holdSeconds: order.holdSeconds,
    backorderSeconds: order.fulfilment === 'backorder' ? (order.backorderSeconds ?? backorderSeconds) : null,
    isReviewed: isReviewedOrder(plan),
    failureCode: plan.refusal?.code ?? null,
    failureDetail: plan.refusal?.detail ?? null,
    failureDetails: plan.refusal?.details ?? {},
    paymentMethod: order.payment,
    capture: order.capture ?? 'now',
    input: order,
    sourcing: plan.decisions,
    shortages: plan.shortages,
  };
}

function totalOf(plan: OrderPlan): number {
  return priceOf(
    itemsOf(plan).map((item) => ({ ...item, quantity: item.quantity - cancelledOfReserved(plan, item) })),
  );
}

/** Somebody is to decide about it before it ships. */
function isReviewedOrder(plan: OrderPlan): boolean {
  const total = { currency: currencyOf(plan), totalMinor: totalOf(plan) };
  return plan.outcome === 'reserved' && isReviewed(plan.request.order.review, total);
}

/** None is known where products are not. */
function currencyOf({ refusal, products }: OrderPlan): string {
  const [product] = products.values();
  return refusal ? NO_CURRENCY : (product?.currency ?? NO_CURRENCY);
}

/** What a partial order does not get is not part of its total; a rejected order keeps the total that was asked for. */
function cancelledOfReserved(plan: OrderPlan, item: NewItem): number {
  return plan.outcome === 'reserved' ? item.cancelled : 0;
}

/** The rows of its items; a refused order has none. */
export function itemsOf(plan: OrderPlan): NewItem[] {
  const { request, products, missing, outcome } = plan;
  if (outcome === 'refused') return [];
  return request.lines.flatMap(({ sku, quantity }, index) => {
    const product = products.get(sku);
    if (!product) return [];
    const lacking = outcome === 'short' ? quantity : (missing.get(product.productId) ?? 0);
    const waits = outcome === 'reserved' && request.mode === 'backorder';
    return [
      {
        orderId: request.orderId,
        line: index + 1,
        productId: product.productId,
        sku,
        quantity,
        unitPriceMinor: product.priceMinor,
        reserved: quantity - lacking,
        backordered: waits ? lacking : 0,
        cancelled: waits ? 0 : lacking,
      },
    ];
  });
}

export function backordersOf(plan: OrderPlan): NewBackorder[] {
  return itemsOf(plan)
    .filter((item) => item.backordered > 0)
    .map(({ orderId, productId, backordered }) => ({ orderId, productId, quantity: backordered }));
}

/** A reservation that is paid with the order starts in `charging`, with its charge already written. */
export function firstChargeOf(plan: OrderPlan, gateway: string): NewPayment[] {
  const { orderId, order, reservationId } = plan.request;
  if (!order.payment || plan.allocations.length === 0) return [];
  return [
    {
      id: orderPaymentId(orderId, 1),
      orderId,
      reservationId,
      attempt: 1,
      updateId: 'order',
      amountMinor: priceOf(itemsOf(plan).map((item) => ({ ...item, quantity: item.reserved }))),
      currency: currencyOf(plan),
      method: order.payment.method,
      token: order.payment.token,
      gateway,
      captureLater: isCapturedLater({ capture: order.capture, isReviewOpen: isReviewedOrder(plan) }),
      offSession: false,
      returnUrl: order.payment.returnUrl ?? null,
    },
  ];
}

export function eventsOf(plan: OrderPlan): NewEvent[] {
  const { orderId, lines, order, reservationId } = plan.request;
  const events: NewEvent[] = [
    {
      orderId,
      type: 'order_placed',
      actor: order.owner,
      requestId: order.httpRequestId,
      data: { items: lines, fulfilment: order.fulfilment, customerId: order.customerId },
    },
  ];
  if (plan.outcome === 'short') {
    return [...events, { orderId, type: 'order_rejected', data: { shortages: plan.shortages } }];
  }
  if (plan.refusal) return [...events, { orderId, type: 'order_failed', data: { ...plan.refusal } }];
  if (plan.allocations.length > 0) {
    const allocations = plan.decisions.flatMap(({ sku, candidates }) =>
      candidates
        .filter((c) => c.taken > 0)
        .map(({ warehouse, taken }) => ({ sku, warehouse, quantity: taken })),
    );
    events.push({ orderId, type: 'stock_reserved', data: { reservationId, allocations } });
  }
  if (plan.shortages.length > 0) {
    const type = order.fulfilment === 'backorder' ? 'items_backordered' : 'items_cut';
    events.push({ orderId, type, data: { shortages: plan.shortages } });
  }
  const [charge] = firstChargeOf(plan, '');
  if (charge) {
    events.push({
      orderId,
      type: 'payment_started',
      data: { paymentId: charge.id, amountMinor: charge.amountMinor },
    });
  }
  return events;
}
