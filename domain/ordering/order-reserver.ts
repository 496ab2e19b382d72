import type { Database, Transaction } from '../../platform/database/database';
import {
  createRequestBatcher,
  type BatchObserver,
  type RequestBatcher,
} from '../../platform/request-batcher';
import type { Logger } from '../../platform/telemetry/log';
import type { WarehouseDirectory } from '../catalog/warehouses';
import { createOrders, readPlaced, type PlacedOrder } from '../orders/create';
import { checkBackorderLimits, type BackorderLimits } from './backorders/limits';
import { appendEvents } from '../orders/events';
import { orderReservationId } from '../orders/ids';
import { isTellable, priceOf, TOO_DEAR } from '../orders/rules';
import type { OrderInput } from '../orders/types';
import { createPayments } from '../payments/payments';
import type { PaymentGateway } from '../payments/gateway';
import type { SourcingStrategy } from '../stock/sourcing/types';
import type { ReservationPlan, Refusal } from '../stock/reservations/plan-reservation';
import { createReserver, type PlanLimit } from '../stock/reservations/reserve';
import { openBackorders } from './backorders/backorders';
import { reclaimExpired } from './expire';
import {
  backordersOf,
  eventsOf,
  firstChargeOf,
  itemsOf,
  orderOf,
  type OrderReservationRequest,
} from './placed-rows';
import { readProgresses } from './progress';
import { checkUnpaidLimits, limitedCustomer, type UnpaidLimits } from './unpaid-limits';
import type { OrderProgress, ReserveOutcome } from './types';

/** Reserves orders; concurrent ones share transactions. */
export type OrderReserver = RequestBatcher<OrderInput, ReserveOutcome>;

export interface OrderReserverOptions {
  db: Database;
  warehouses: WarehouseDirectory;
  /** The payment gateway that charges are recorded for. */
  gateway: Pick<PaymentGateway, 'name' | 'amountProblem'>;
  strategy: SourcingStrategy;
  backorderLimits: BackorderLimits;
  /** Of customers who place orders themselves. */
  unpaidLimits: UnpaidLimits;
  /** How long units wait for stock where the order does not say. */
  backorderSeconds: number;
  lanes: number;
  maxBatch: number;
  log: Logger;
  observer?: BatchObserver;
}

/**
 * Places orders: order, items with their price, sourcing decision, reservation, ledger, first charge and events in one
 * transaction. An order that is placed again gets its first outcome and its present progress.
 */
export function createOrderReserver(options: OrderReserverOptions): OrderReserver {
  const { db, gateway } = options;
  const reserver = createReserver<OrderReservationRequest, ReserveOutcome>({
    db,
    warehouses: options.warehouses,
    strategy: options.strategy,
    reclaim: (productIds) => reclaimExpired(db, productIds),
    recorder: {
      decided,
      limit: (tx, requests, productIdOf) => limitOf(tx, requests, productIdOf, options.backorderLimits),
      bound: (tx, requests) => boundOf(tx, requests, options.unpaidLimits),
      refuse: (plan) => priceRefusal(plan, gateway),
      record: (tx, plans) => record(tx, plans, { ...options, gateway: gateway.name }),
    },
  });
  return createRequestBatcher<OrderInput, ReserveOutcome>({
    name: 'orders',
    ...(options.observer ? { observer: options.observer } : {}),
    lanes: options.lanes,
    maxBatch: options.maxBatch,
    log: options.log,
    idOf: ({ orderId }) => orderReservationId(orderId, 1),
    laneKey: (order) => order.items[0]?.sku ?? '',
    run: (orders) => reserver.reserve(orders.map(asReservationRequest)),
    busy: (orders) => reserver.busy(orders.map(asReservationRequest)),
  });
}

function asReservationRequest(order: OrderInput): OrderReservationRequest {
  return {
    reservationId: orderReservationId(order.orderId, 1),
    kind: 'order',
    orderId: order.orderId,
    order,
    owner: order.owner,
    lines: order.items,
    shipTo: order.shipTo,
    sourcing: order.sourcing,
    mode: order.fulfilment,
    holdSeconds: order.holdSeconds,
    status: order.payment ? 'charging' : 'pending',
  };
}

async function decided(
  tx: Transaction,
  requests: readonly OrderReservationRequest[],
): Promise<Map<string, ReserveOutcome>> {
  const known = await readPlaced(
    tx,
    requests.map((request) => request.orderId),
  );
  return outcomesOf(tx, known);
}

/** An order is charged in parts, refunded in units: each unit's price must be an amount that the gateway charges. */
function priceRefusal(
  { products, request }: ReservationPlan<OrderReservationRequest>,
  gateway: Pick<PaymentGateway, 'amountProblem'>,
): Refusal | null {
  for (const { sku, priceMinor, currency } of products.values()) {
    // The gateway is not asked for nothing.
    const problem = priceMinor === 0 ? null : gateway.amountProblem(priceMinor, currency);
    if (problem)
      return {
        code: 'PRICE_NOT_CHARGEABLE',
        detail: `${sku} costs ${priceMinor} minor units of ${currency}. ${problem}`,
      };
  }
  // A total is at most the sum of what is ordered, so this holds for every part of it, and for what goes back.
  const units = request.lines.map(({ sku, quantity }) => ({
    quantity,
    unitPriceMinor: products.get(sku)?.priceMinor ?? 0,
  }));
  return isTellable(priceOf(units)) ? null : { code: 'PRICE_NOT_CHARGEABLE', detail: TOO_DEAR };
}

async function limitOf(
  tx: Transaction,
  requests: readonly OrderReservationRequest[],
  productIdOf: (sku: string) => number | undefined,
  limits: BackorderLimits,
): Promise<PlanLimit<OrderReservationRequest>> {
  const waits = requests.filter(({ mode }) => mode === 'backorder');
  const waiting = await checkBackorderLimits(tx, limits, {
    productIds: [
      ...new Set(waits.flatMap(({ lines }) => lines.flatMap(({ sku }) => productIdOf(sku) ?? []))),
    ],
    customerIds: [...new Set(waits.map(({ order }) => order.customerId))],
  });
  return {
    refusalOf: (plan) =>
      plan.request.mode === 'backorder' ? waiting.refusalOf(plan.request.order.customerId, plan) : null,
    count(plan) {
      if (plan.request.mode === 'backorder') waiting.count(plan.request.order.customerId, plan);
    },
  };
}

async function boundOf(
  tx: Transaction,
  requests: readonly OrderReservationRequest[],
  limits: UnpaidLimits,
): Promise<PlanLimit<OrderReservationRequest>> {
  const customerIds = [...new Set(requests.flatMap(({ order }) => limitedCustomer(order) ?? []))];
  const unpaid = await checkUnpaidLimits(tx, limits, customerIds);
  const wantedBy = ({ allocations }: ReservationPlan<OrderReservationRequest>) => ({
    orders: 1,
    units: allocations.reduce((sum, { quantity }) => sum + quantity, 0),
  });
  return {
    refusalOf(plan) {
      const customerId = limitedCustomer(plan.request.order);
      return customerId === null ? null : unpaid.refusalOf(customerId, wantedBy(plan));
    },
    count(plan) {
      const customerId = limitedCustomer(plan.request.order);
      if (customerId !== null) unpaid.count(customerId, wantedBy(plan));
    },
  };
}

async function outcomesOf(
  tx: Transaction,
  found: readonly PlacedOrder[],
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

function asOutcome(row: PlacedOrder, progress: OrderProgress | null): ReserveOutcome {
  const { shortages, failureCode: code, failureDetail: detail } = row;
  // An order that was reserved and failed later was reserved: only one that never had an item was refused.
  const outcome =
    row.status === 'rejected'
      ? 'rejected'
      : row.status === 'failed' && !row.hasItems
        ? 'refused'
        : 'reserved';
  return { outcome, shortages, code, detail, progress };
}

async function record(
  tx: Transaction,
  plans: readonly ReservationPlan<OrderReservationRequest>[],
  { gateway, backorderSeconds }: { gateway: string; backorderSeconds: number },
): Promise<Map<string, ReserveOutcome>> {
  if (plans.length === 0) return new Map();
  const orders = plans.map((plan) => ({
    ...orderOf(plan, backorderSeconds),
    hasItems: plan.outcome !== 'refused',
  }));
  // Sent together, and run by the server in this order.
  const written = [
    createOrders(tx, orders, plans.flatMap(itemsOf)),
    openBackorders(tx, plans.flatMap(backordersOf)),
    createPayments(
      tx,
      plans.flatMap((plan) => firstChargeOf(plan, gateway)),
    ),
    appendEvents(tx, plans.flatMap(eventsOf)),
  ];
  const outcomes = outcomesOf(
    tx,
    orders.map((order) => ({ ...order, orderId: order.id })),
  );
  const [stored] = await Promise.all([outcomes, ...written]);
  return stored;
}
