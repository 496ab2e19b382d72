import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';
import type { SourcingDecision, Shortage } from '../stock/sourcing/types';
import type { CaptureMode, Fulfilment, OrderInput, OrderStatus, PaymentMethod } from './types';
import { listOf } from '../../platform/database/list-parameter';

export interface NewOrder {
  id: string;
  customerId: string;
  /** The caller who placed it. */
  owner: string;
  status: OrderStatus;
  fulfilment: Fulfilment;
  currency: string;
  totalMinor: number;
  shipTo: unknown;
  holdSeconds: number;
  /** How long its units may wait for stock; null: they do not, or without end. */
  backorderSeconds: number | null;
  isReviewed: boolean;
  failureCode: string | null;
  failureDetail: string | null;
  /** Figures that belong to the code. */
  failureDetails: Readonly<Record<string, unknown>>;
  paymentMethod: PaymentMethod | null;
  capture: CaptureMode;
  input: OrderInput;
  sourcing: SourcingDecision[];
  shortages: Shortage[];
}

export function insertOrders(tx: Transaction, orders: readonly NewOrder[]): Promise<number> {
  return execute(
    tx,
    'orders.insert',
    `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, ship_to, reservation_seconds,
                         failure_code, failure_detail, payment_method, input, sourcing, shortages, failure_details, backorder_until,
                         review_status, capture, owner)
     select id, customer_id, status, fulfilment, currency, total, ship_to, seconds, code, detail, method, input, sourcing, shortages,
            details, clock_timestamp() + make_interval(secs => wait), case when reviewed then 'open' end, capture, owner
     from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::jsonb[], $8::int[],
                 $9::text[], $10::text[], $11::jsonb[], $12::jsonb[], $13::jsonb[], $14::jsonb[], $15::jsonb[], $16::int[], $17::bool[],
                 $18::text[], $19::text[])
       as o (id, customer_id, status, fulfilment, currency, total, ship_to, seconds, code, detail, method, input, sourcing, shortages,
             details, wait, reviewed, capture, owner)`,
    [
      orders.map((o) => o.id),
      orders.map((o) => o.customerId),
      orders.map((o) => o.status),
      orders.map((o) => o.fulfilment),
      orders.map((o) => o.currency),
      orders.map((o) => o.totalMinor),
      orders.map((o) => (o.shipTo === null ? null : JSON.stringify(o.shipTo))),
      orders.map((o) => o.holdSeconds),
      orders.map((o) => o.failureCode),
      orders.map((o) => o.failureDetail),
      orders.map(({ paymentMethod: kept }) =>
        kept === null ? null : JSON.stringify({ method: kept.method, token: kept.token }),
      ),
      orders.map((o) => JSON.stringify(o.input)),
      orders.map((o) => JSON.stringify(o.sourcing)),
      orders.map((o) => JSON.stringify(o.shortages)),
      orders.map((o) => JSON.stringify(o.failureDetails)),
      orders.map((o) => o.backorderSeconds),
      orders.map((o) => o.isReviewed),
      orders.map((o) => o.capture),
      orders.map((o) => o.owner),
    ],
  );
}

/** Writes an order without items unless there is one with its id; returns whether it was written. */
export async function insertTombstone(tx: Transaction, order: NewOrder): Promise<boolean> {
  const made = await execute(
    tx,
    'orders.insert_tombstone',
    `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, ship_to, reservation_seconds,
                         failure_code, failure_detail, input, owner)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
     on conflict (id) do nothing`,
    [
      order.id,
      order.customerId,
      order.status,
      order.fulfilment,
      order.currency,
      order.totalMinor,
      order.shipTo === null ? null : JSON.stringify(order.shipTo),
      order.holdSeconds,
      order.failureCode,
      order.failureDetail,
      JSON.stringify(order.input),
      order.owner,
    ],
  );
  return made > 0;
}

export interface NewItem {
  orderId: string;
  line: number;
  productId: number;
  sku: string;
  quantity: number;
  unitPriceMinor: number;
  reserved: number;
  backordered: number;
  cancelled: number;
}

export function insertItems(tx: Transaction, items: readonly NewItem[]): Promise<number> {
  return execute(
    tx,
    'orders.insert_items',
    `insert into order_items (order_id, line, product_id, sku, quantity, unit_price_minor,
                              reserved_quantity, backordered_quantity, cancelled_quantity, merchant_id)
     select i.*, p.merchant_id
     from unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::int[], $6::bigint[], $7::int[], $8::int[], $9::int[])
       as i (order_id, line, product_id, sku, quantity, price, reserved, backordered, cancelled)
     left join products p on p.id = i.product_id`,
    [
      items.map((i) => i.orderId),
      items.map((i) => i.line),
      items.map((i) => i.productId),
      items.map((i) => i.sku),
      items.map((i) => i.quantity),
      items.map((i) => i.unitPriceMinor),
      items.map((i) => i.reserved),
      items.map((i) => i.backordered),
      items.map((i) => i.cancelled),
    ],
  );
}

/** What became of an order when it was placed. */
export interface PlacedOrder {
  orderId: string;
  status: OrderStatus;
  failureCode: string | null;
  failureDetail: string | null;
  shortages: Shortage[];
  hasItems: boolean;
}

export function selectPlaced(on: Queryable, orderIds: readonly string[]): Promise<PlacedOrder[]> {
  return many<PlacedOrder>(
    on,
    'orders.placed',
    `select id as "orderId", status, failure_code as "failureCode", failure_detail as "failureDetail", shortages,
            exists (select 1 from order_items i where i.order_id = o.id) as "hasItems"
     from orders o where id = any (${listOf(1, 'uuid')})`,
    [orderIds],
  );
}
