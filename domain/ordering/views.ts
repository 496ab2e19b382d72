import type { Database, Queryable } from '../../platform/database/database';
import { pageIn, type Page } from '../../platform/database/pages';
import { createSharedReads } from '../../platform/shared-reads';
import { itemStatus } from '../orders/rules';
import type { Shortage } from '../stock/sourcing/types';
import { openAmendment } from './amendments/views';
import type { OrderView, ReservationView } from './types';
import { selectOrderPage, selectOrders, type OrderFilter, type OrderRow } from './view-queries';

/** An order as clients see it, with what is told of one that was refused. */
export interface OrderRecord {
  view: OrderView;
  shortages: Shortage[];
  failureDetail: string | null;
  /** Figures that belong to the failure's code. */
  failureDetails: Readonly<Record<string, unknown>>;
}

/** Those of these orders that exist, by id, in one statement. */
export async function readOrders(
  on: Queryable,
  orderIds: readonly string[],
): Promise<Map<string, OrderRecord>> {
  const found = orderIds.length === 0 ? [] : await selectOrders(on, orderIds);
  return new Map(found.map((row) => [row.id, asRecord(row)]));
}

/** Orders of one statement at most: each is read from a dozen tables. */
const SHARED = { lanes: 2, maxBatch: 32 };

/** Reads orders for many callers, who share statements. Each is read after it was asked for; null: no such order. */
export function createOrderReader(db: Database): (orderId: string) => Promise<OrderRecord | null> {
  return createSharedReads({ ...SHARED, read: (orderIds) => readOrders(db, orderIds) });
}

/** Null: no such order. */
export async function readOrder(on: Queryable, orderId: string): Promise<OrderRecord | null> {
  return (await readOrders(on, [orderId])).get(orderId) ?? null;
}

/** A page of orders, newest first. `next` is where the next page begins, or null at the end. */
export async function listOrders(db: Database, filter: OrderFilter): Promise<Page<OrderView>> {
  return pageIn(await selectOrderPage(db, filter), filter.limit, (row) => asRecord(row).view);
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
      shipTo: row.shipTo,
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
      disputes: row.disputes,
      review: row.review,
      shipments: row.shipments,
      openCuts: row.openCuts,
      openAmendments: row.openAmendments.map(openAmendment),
      attention: row.attention,
      createdAt: row.createdAt,
      updatedAt: row.updatedAt,
    },
    shortages: row.shortages,
    failureDetail: row.failureDetail,
    failureDetails: row.failureDetails,
  };
}

/** `charging` is ours; a client sees a reservation that is not paid yet. */
function asReservation({ id, status, expiresAt }: OrderRow['reservations'][number]): ReservationView {
  return { id, status: status === 'charging' ? 'pending' : status, expiresAt };
}
