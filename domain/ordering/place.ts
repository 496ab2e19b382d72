import { createRequestBatcher, type RequestBatcher } from '../../platform/request-batcher';
import type { Database, Transaction } from '../../platform/database/database';
import type { Logger } from '../../platform/telemetry/log';
import type { ReservationPlan, ReservationRequest } from '../stock/reservations/plan-reservation';
import { createReserver } from '../stock/reservations/reserve';
import type { SourcingStrategy } from '../stock/sourcing/types';
import type { WarehouseDirectory } from '../catalog/warehouses';
import { insertPayments, type NewPayment } from '../payments/charge-queries';
import { appendEvents } from '../orders/events';
import { insertBackorders, type NewBackorder } from './backorders/backorders';
import { reclaimExpired } from './expire';
import { orderPaymentId, orderReservationId } from '../orders/ids';
import {
  insertItems,
  insertOrders,
  selectOutcomes,
  type NewItem,
  type NewOrder,
  type OutcomeRow,
} from '../orders/place-queries';
import { readProgresses } from './progress';
import { NO_CURRENCY } from '../orders/rules';
import type { NewEvent } from '../orders/effects';
import type { OrderInput, OrderProgress, ReserveOutcome } from '../orders/types';

interface OrderReservationRequest extends ReservationRequest {
  orderId: string;
  order: OrderInput;
}

/** Reserves orders; concurrent ones share transactions. */
export type OrderReserver = RequestBatcher<OrderInput, ReserveOutcome>;

export interface OrderReserverOptions {
  db: Database;
  warehouses: WarehouseDirectory;
  /** Name of the payment gateway that charges are recorded for. */
  gateway: string;
  strategy: SourcingStrategy;
  lanes: number;
  maxBatch: number;
  log: Logger;
}

/**
 * Places orders: order, items with their price, sourcing decision, hold, ledger, first charge and events in one transaction.
 * An order that is placed again gets its first verdict and its present progress.
 */
export function createOrderReserver(options: OrderReserverOptions): OrderReserver {
  const { db, gateway } = options;
  const reserver = createReserver<OrderReservationRequest, ReserveOutcome>({
    db,
    warehouses: options.warehouses,
    strategy: options.strategy,
    reclaim: (productIds) => reclaimExpired(db, productIds),
    book: { decided, record: (tx, plans) => record(tx, plans, gateway) },
  });
  return createRequestBatcher<OrderInput, ReserveOutcome>({
    lanes: options.lanes,
    maxBatch: options.maxBatch,
    log: options.log,
    idOf: (order) => order.orderId,
    laneKey: (order) => order.items[0]?.sku ?? '',
    run: async (orders) => {
      const verdicts = await reserver.reserve(orders.map(asReservationRequest));
      return new Map(orders.flatMap((order) => answerFor(order, verdicts)));
    },
    busy: async (orders) => {
      const busy = await reserver.busy(orders.map(asReservationRequest));
      return new Set(orders.filter((o) => busy.has(orderReservationId(o.orderId, 1))).map((o) => o.orderId));
    },
  });
}

function answerFor(
  order: OrderInput,
  verdicts: ReadonlyMap<string, ReserveOutcome>,
): [string, ReserveOutcome][] {
  const verdict = verdicts.get(orderReservationId(order.orderId, 1));
  return verdict ? [[order.orderId, verdict]] : [];
}

function asReservationRequest(order: OrderInput): OrderReservationRequest {
  return {
    reservationId: orderReservationId(order.orderId, 1),
    kind: 'order',
    orderId: order.orderId,
    order,
    lines: order.items,
    shipTo: order.shipTo,
    mode: order.fulfilment,
    holdSeconds: order.holdSeconds,
    status: order.payment ? 'charging' : 'pending',
  };
}

async function decided(
  tx: Transaction,
  requests: readonly OrderReservationRequest[],
): Promise<Map<string, ReserveOutcome>> {
  const known = await selectOutcomes(
    tx,
    requests.map((request) => request.orderId),
  );
  return outcomesOf(tx, known);
}

async function outcomesOf(
  tx: Transaction,
  found: readonly OutcomeRow[],
): Promise<Map<string, ReserveOutcome>> {
  const progress = await readProgresses(
    tx,
    found.map((row) => row.orderId),
  );
  return new Map(
    found.map((row) => [
      orderReservationId(row.orderId, 1),
      asOutcome(row, progress.get(row.orderId) ?? null),
    ]),
  );
}

function asOutcome(row: OutcomeRow, progress: OrderProgress | null): ReserveOutcome {
  const { shortages, failureCode: code, failureDetail: detail } = row;
  // An order that was held and failed later was held: only one that never had an item was refused.
  const verdict =
    row.status === 'rejected' ? 'rejected' : row.status === 'failed' && !row.hasItems ? 'refused' : 'held';
  return { verdict, shortages, code, detail, progress };
}

async function record(
  tx: Transaction,
  plans: readonly ReservationPlan<OrderReservationRequest>[],
  gateway: string,
): Promise<Map<string, ReserveOutcome>> {
  if (plans.length === 0) return new Map();
  const orders = plans.map((plan) => ({ ...orderOf(plan), hasItems: plan.outcome !== 'refused' }));
  const charges = plans.flatMap((plan) => firstChargeOf(plan, gateway));
  // Sent together, and run by the server in this order.
  const written = [
    insertOrders(tx, orders),
    insertItems(tx, plans.flatMap(itemsOf)),
    insertBackorders(tx, plans.flatMap(backordersOf)),
    insertPayments(tx, charges),
    appendEvents(tx, plans.flatMap(eventsOf)),
  ];
  const verdicts = outcomesOf(
    tx,
    orders.map((order) => ({ ...order, orderId: order.id })),
  );
  const [answered] = await Promise.all([verdicts, ...written]);
  return answered;
}

function orderOf(plan: ReservationPlan<OrderReservationRequest>): NewOrder {
  const { order } = plan.request;
  const [product] = plan.products.values();
  return {
    id: order.orderId,
    customerId: order.customerId,
    status: plan.outcome === 'held' ? 'reserved' : plan.outcome === 'short' ? 'rejected' : 'failed',
    fulfilment: order.fulfilment,
    currency: plan.refusal ? NO_CURRENCY : (product?.currency ?? NO_CURRENCY),
    totalMinor: total(
      itemsOf(plan).map((item) => ({ ...item, quantity: item.quantity - cutFromHeld(plan, item) })),
    ),
    shipTo: order.shipTo,
    holdSeconds: order.holdSeconds,
    failureCode: plan.refusal?.code ?? null,
    failureDetail: plan.refusal?.detail ?? null,
    paymentMethod: order.payment,
    input: order,
    sourcing: plan.decisions,
    shortages: plan.shortages,
  };
}

/** What a partial order does not get is not part of its total; a rejected order keeps the total that was asked for. */
function cutFromHeld(plan: ReservationPlan<OrderReservationRequest>, item: NewItem): number {
  return plan.outcome === 'held' ? item.cancelled : 0;
}

function total(items: readonly { quantity: number; unitPriceMinor: number }[]): number {
  return items.reduce((sum, item) => sum + item.quantity * item.unitPriceMinor, 0);
}

function itemsOf(plan: ReservationPlan<OrderReservationRequest>): NewItem[] {
  const { request, products, missing, outcome } = plan;
  if (outcome === 'refused') return [];
  return request.lines.flatMap(({ sku, quantity }, index) => {
    const product = products.get(sku);
    if (!product) return [];
    const lacking = outcome === 'short' ? quantity : (missing.get(product.productId) ?? 0);
    const waits = outcome === 'held' && request.mode === 'backorder';
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

function backordersOf(plan: ReservationPlan<OrderReservationRequest>): NewBackorder[] {
  return itemsOf(plan)
    .filter((item) => item.backordered > 0)
    .map(({ orderId, productId, backordered }) => ({ orderId, productId, quantity: backordered }));
}

/** A hold that is paid with the order starts in `charging`, with its charge already written. */
function firstChargeOf(plan: ReservationPlan<OrderReservationRequest>, gateway: string): NewPayment[] {
  const { orderId, order, reservationId } = plan.request;
  if (!order.payment || plan.allocations.length === 0) return [];
  return [
    {
      id: orderPaymentId(orderId, 1),
      orderId,
      reservationId,
      attempt: 1,
      updateId: 'order',
      amountMinor: total(itemsOf(plan).map((item) => ({ ...item, quantity: item.reserved }))),
      currency: orderOf(plan).currency,
      method: order.payment.method,
      token: order.payment.token,
      gateway,
    },
  ];
}

function eventsOf(plan: ReservationPlan<OrderReservationRequest>): NewEvent[] {
  const { orderId, lines, order, reservationId } = plan.request;
  const events: NewEvent[] = [
    {
      orderId,
      type: 'order_placed',
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
