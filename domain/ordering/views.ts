import type { Database, Queryable } from '../../platform/database/database';
import type { Shortage, SourcingDecision } from '../stock/sourcing/types';
import { hasEnded, itemStatus } from '../orders/rules';
import type {
  OrderEvent,
  OrderInput,
  OrderStatus,
  OrderView,
  PaymentView,
  ReservationView,
} from '../orders/types';
import {
  selectInput,
  selectOrderEvents,
  selectOrderPage,
  selectOrders,
  selectOrderStatus,
  selectPaymentOfUpdate,
  selectSourcing,
  type OrderFilter,
  type OrderPosition,
  type OrderRow,
  type StatusRow,
} from './view-queries';

export type { OrderFilter, OrderPosition, StatusRow };

/** An order as clients see it, with what an answer about a refused one is made of. */
export interface OrderRecord {
  view: OrderView;
  shortages: Shortage[];
  failureDetail: string | null;
}

/** Those of these orders that exist, by id, in one statement. */
export async function readOrders(
  on: Queryable,
  orderIds: readonly string[],
): Promise<Map<string, OrderRecord>> {
  const found = orderIds.length === 0 ? [] : await selectOrders(on, orderIds);
  return new Map(found.map((row) => [row.id, asRecord(row)]));
}

/** Null: no such order. */
export async function readOrder(on: Queryable, orderId: string): Promise<OrderRecord | null> {
  return (await readOrders(on, [orderId])).get(orderId) ?? null;
}

/** A page of orders, newest first. `next` is where the next page begins, or null at the end. */
export async function listOrders(
  db: Database,
  filter: OrderFilter,
): Promise<{ items: OrderView[]; next: OrderPosition | null }> {
  const found = await selectOrderPage(db, filter);
  const page = found.slice(0, filter.limit);
  const last = page.at(-1);
  return {
    items: page.map((row) => asRecord(row).view),
    next: found.length > filter.limit && last ? { createdAtMicros: last.createdAtMicros, id: last.id } : null,
  };
}

/** Null: no such order. */
export async function readOrderStatus(on: Queryable, orderId: string): Promise<StatusRow | null> {
  return (await selectOrderStatus(on, orderId)) ?? null;
}

/** Events numbered above `after`, and whether the order has ended, as of the same moment. Null: no such order. */
export async function readOrderEvents(
  on: Queryable,
  orderId: string,
  page: { after: number; limit: number; offset?: number },
): Promise<{ items: OrderEvent[]; ended: boolean } | null> {
  const row = await selectOrderEvents(on, orderId, { offset: 0, ...page });
  return row ? { items: row.items, ended: hasEnded(row.status) } : null;
}

/** Why these warehouses: the decisions as they were made. Null: no such order. */
export async function readSourcing(on: Queryable, orderId: string): Promise<SourcingDecision[] | null> {
  return (await selectSourcing(on, orderId))?.sourcing ?? null;
}

/** What the order's saga was started with, to start it again. Null: no such order. */
export async function readOrderInput(
  on: Queryable,
  orderId: string,
): Promise<{ status: OrderStatus; input: OrderInput } | null> {
  return (await selectInput(on, orderId)) ?? null;
}

/** The charge that an attempt to pay led to. Null: none (yet). */
export async function readPaymentOfUpdate(
  on: Queryable,
  orderId: string,
  updateId: string,
): Promise<PaymentView | null> {
  return (await selectPaymentOfUpdate(on, orderId, updateId)) ?? null;
}

function asRecord(row: OrderRow): OrderRecord {
  const reservations = row.reservations.map(asReservation);
  return {
    view: {
      id: row.id,
      status: row.status,
      customerId: row.customerId,
      fulfilment: row.fulfilment,
      currency: row.currency,
      totalMinor: row.totalMinor,
      ...(row.failureCode === null ? {} : { failureCode: row.failureCode }),
      ...(row.cancelReason === null ? {} : { cancelReason: row.cancelReason }),
      items: row.items.map((item) => ({
        ...item,
        status: itemStatus({
          quantity: item.quantity,
          reserved: item.reservedQuantity,
          backordered: item.backorderedQuantity,
          fulfilled: item.fulfilledQuantity,
          cancelled: item.cancelledQuantity,
        }),
      })),
      reservation: reservations.at(-1) ?? null,
      reservations,
      payment: row.payments.at(-1) ?? null,
      payments: row.payments,
      refunds: row.refunds,
      shipments: row.shipments,
      createdAt: row.createdAt,
      updatedAt: row.updatedAt,
    },
    shortages: row.shortages,
    failureDetail: row.failureDetail,
  };
}

/** `charging` is ours; a client sees a hold that is not decided yet. */
function asReservation({ id, status, expiresAt }: OrderRow['reservations'][number]): ReservationView {
  return { id, status: status === 'charging' ? 'pending' : status, expiresAt };
}
