import { selectAlertCounts, selectAlerts } from '../../domain/stock/alerts/queries';
import { selectProducts } from '../../domain/catalog/product-queries';
import { claimToBook } from '../../domain/fulfilment/queries';
import { statementOf, SQL_CHECKS } from '../../domain/assurance/checks/checks';
import { prepareLongReading } from '../../domain/stock/ledger/long-reading';
import type { CheckMode, Share, TransactionPosition } from '../../domain/assurance/types';
import { selectDueForUpdate } from '../../domain/stock/reservations/expiry-queries';
import { selectReservationTotals, selectStockTotals, selectUpkeep } from '../../domain/stock/metrics/queries';
import {
  selectShort,
  selectStock,
  selectStockAsOf,
  selectStockOfMany,
} from '../../domain/stock/availability/queries';
import { listLedger } from '../../domain/stock/ledger/history';
import {
  effectIsApplied,
  insertLedger,
  selectStockForUpdate,
  updateStock,
} from '../../domain/stock/ledger/entry-queries';
import { selectCandidates } from '../../domain/stock/reservations/queries';
import { reserve } from '../../domain/stock/ledger/stock-ledger';
import { selectReclaimableProducts } from '../../domain/stock/reservations/queries';
import type { LedgerEntry, StockKey } from '../../domain/stock/ledger/types';
import { selectQueueForUpdate } from '../../domain/ordering/backorders/queries';
import { selectSuspectsForUpdate } from '../../domain/ordering/reconcile-queries';
import { selectOrderEvents } from '../../domain/orders/view-queries';
import { selectOrderPage, selectOrders } from '../../domain/ordering/view-queries';
import { selectTransferPage } from '../../domain/stock/transfers/view-queries';
import type { Database, Transaction } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { claim } from '../../platform/database/outbox';

/** A query of the product, as `docs/queries.md` shows it. */
export interface ExplainedQuery {
  title: string;
  usedBy: string;
  /** Which index serves it, and why that one. */
  index: string;
  /** Settings of its transaction. */
  prepare?(tx: Transaction): Promise<void>;
  run(on: Database & Transaction, some: Samples): Promise<unknown>;
}

/** Keys of rows in the database. */
export interface Samples {
  /** A product that sells much, and one that hardly does. */
  hotSku: string;
  coldSku: string;
  /** 64 SKUs all over the table. */
  skus: string[];
  /** 100 stock rows all over the table. */
  keys: StockKey[];
  orderId: string;
  customerId: string;
  /** Of the ledger, where the last 100,000 entries begin. */
  recent: TransactionPosition;
  /** What the next incremental check looks at, whoever has touched it. */
  share: Share;
}

const page = { limit: 20, offset: 0 };
const DAY_MS = 86_400_000;
const sixMonthsAgo = () => new Date(Date.now() - 180 * DAY_MS);

const entry = (key: StockKey): LedgerEntry => ({
  ...key,
  kind: 'adjust',
  onHandDelta: 1,
  reservedDelta: 0,
  effectId: newId(),
});

export const STOCK_QUERIES: readonly ExplainedQuery[] = [
  {
    title: 'Stock of one product',
    usedBy: '`GET /inventory/{sku}`, a lone request',
    index:
      '`products_sku_key`, then `stock_pkey (product_id, warehouse_id)`: the rows of a product lie together. The counters are in no index, so that each sale updates one page (HOT).',
    run: (on, { hotSku }) => selectStockOfMany(on, [hotSku]),
  },
  {
    title: 'Stock of 64 products',
    usedBy: '`GET /inventory/{sku}` under load: requests that arrive together share a statement',
    index: 'The same, once a product.',
    run: (on, { skus }) => selectStockOfMany(on, skus),
  },
  {
    title: 'Stock of one product with the names of its places',
    usedBy: '`GET /inventory/{sku}/location/{code}`',
    index: '`products_sku_key`, `stock_pkey`, `transfers_on_the_way` (partial: only open transfers).',
    run: (on, { hotSku }) => selectStock(on, hotSku),
  },
  {
    title: 'Stock as it was half a year ago',
    usedBy: '`GET /inventory/{sku}?asOf=`',
    index:
      '`ledger_balances_pkey`: the last balance of each place before that time. From it on `inventory_transactions_by_stock (product_id, warehouse_id, at)`; months before it and after the time are pruned. `ledger_opening_pkey` for months that were dropped.',
    run: (on, { hotSku }) => selectStockAsOf(on, hotSku, sixMonthsAgo().toISOString()),
  },
  {
    title: 'The ledger of a product, newest first',
    usedBy: '`GET /inventory/{sku}/transactions`',
    index: '`inventory_transactions_by_stock`, one month after the other until the page is full.',
    run: (on, { hotSku }) => listLedger(on, hotSku, page),
  },
  {
    title: 'The ledger of a product at one place',
    usedBy: '`GET /inventory/{sku}/transactions?location=`',
    index: '`inventory_transactions_by_stock` with both of its first columns.',
    run: (on, { coldSku }) => listLedger(on, coldSku, { ...page, location: 'W001' }),
  },
  {
    title: 'Lock a hundred stock rows',
    usedBy: 'Everything that changes stock, in the one lock order',
    index: '`stock_pkey`, whose order is the lock order.',
    run: (on, { keys }) => selectStockForUpdate(on, keys),
  },
  {
    title: 'Change a hundred stock rows',
    usedBy: 'Batches, feeds, releases, shipments (`StockLedger.change`)',
    index: '`stock_pkey`. The triggers on alerts run only for rows that cross a threshold.',
    run: (on, { keys }) =>
      updateStock(
        on,
        keys.map((key) => ({ ...key, onHandDelta: 1, reservedDelta: 0 })),
      ),
  },
  {
    title: 'Write a hundred ledger entries',
    usedBy: 'The same',
    index:
      'Written: the month’s primary key, `inventory_transactions_by_stock`, the block range index of transaction ids, and `ledger_keys_pkey` by the trigger that refuses an effect that is there.',
    run: (on, { keys }) => insertLedger(on, keys.map(entry)),
  },
  {
    title: 'Is an effect in the ledger',
    usedBy: 'Adjustments, receipts, counts: what makes a repeated request harmless',
    index:
      '`ledger_keys_pkey`: one table for all months, since a partitioned one cannot hold a unique key across them.',
    run: (on) => effectIsApplied(on, 'adjust', newId()),
  },
  {
    title: 'Totals of all stock',
    usedBy: '`GET /inventory/metrics`, at most every ten seconds and a twentieth of the time',
    index:
      'None: it reads the whole table, in parallel where there are workers. An index on the counters would cost every sale.',
    run: (on) => selectStockTotals(on),
  },
];

export const RESERVATION_QUERIES: readonly ExplainedQuery[] = [
  {
    title: 'Candidates of a batch of reservations',
    usedBy: 'The reservation path, unlocked',
    index: '`products_sku_key`, `stock_pkey`.',
    run: (on, { skus }) => selectCandidates(on, skus),
  },
  {
    title: 'Write a batch of reservations',
    usedBy: 'The reservation path: reservations, lines, counters and ledger in one statement',
    index:
      '`stock_pkey` to update; primary keys, `reservations_due` and the indexes of the ledger are written.',
    run: (on, { keys }) =>
      reserve(on, {
        kind: 'reserve',
        reservations: keys.slice(0, 64).map((key) => ({
          id: newId(),
          kind: 'hold',
          orderId: null,
          status: 'pending',
          attempt: 0,
          holdSeconds: 900,
          expiresAt: null,
          reference: null,
          allocations: [{ ...key, quantity: 1 }],
        })),
      }),
  },
  {
    title: 'Is there enough',
    usedBy: '`POST /orders` before it starts a workflow',
    index: '`stock_pkey`; reservations past due by `reservations_due` (partial: unpaid ones).',
    run: (on, { skus }) => selectShort(on, skus.slice(0, 3), [1, 1, 1]),
  },
  {
    title: 'Products with a reservation that is past due',
    usedBy: 'A shortage, before it is decided',
    index:
      '`reservations_due (expires_at) where status = pending`: few are past due, so they are found first.',
    run: (on, { keys }) => selectReclaimableProducts(on, [...new Set(keys.map((key) => key.productId))]),
  },
  {
    title: 'Reservations without an order that are past due',
    usedBy: 'The expiry workflow',
    index: 'The partial index of reservations without an order by the time they fall due.',
    run: (on) => selectDueForUpdate(on, 500),
  },
  {
    title: 'Units in pending reservations',
    usedBy: '`GET /inventory/metrics`',
    index: '`reservations_due`, then the lines’ primary key.',
    run: (on) => selectReservationTotals(on),
  },
  {
    title: 'Backorders that wait for a product',
    usedBy: 'Whatever frees stock',
    index:
      '`backorders_queue (product_id, id) where waiting > 0`: the queue in its order, without those that were served.',
    run: (on) => selectQueueForUpdate(on, [1, 2, 3], 500),
  },
];

export const ORDER_QUERIES: readonly ExplainedQuery[] = [
  {
    title: 'An order as the API returns it',
    usedBy: '`GET /orders/{id}`, every outcome',
    index:
      '`orders_pkey` and the first column of the key of each table that belongs to it; `reservations_by_order`, `shipments_by_order`, `refunds_by_order`.',
    run: (on, { orderId }) => selectOrders(on, [orderId]),
  },
  {
    title: 'Orders, newest first',
    usedBy: '`GET /orders`',
    index: '`orders_newest (created_at desc, id desc)`',
    run: (on) => selectOrderPage(on, page),
  },
  {
    title: 'Orders of a customer',
    usedBy: '`GET /orders?customerId=`',
    index: '`orders_by_customer (customer_id, created_at desc, id desc)`',
    run: (on, { customerId }) => selectOrderPage(on, { ...page, customerId }),
  },
  {
    title: 'Orders that contain a product',
    usedBy: '`GET /orders?sku=`',
    index: '`order_items_by_product (product_id, order_id)`',
    run: (on, { coldSku }) => selectOrderPage(on, { ...page, sku: coldSku }),
  },
  {
    title: 'The history of an order',
    usedBy: '`GET /orders/{id}/events`',
    index: '`order_events_pkey (order_id, seq)`',
    run: (on, { orderId }) => selectOrderEvents(on, orderId, { after: 0, limit: 100, offset: 0 }),
  },
  {
    title: 'Open orders that have not moved',
    usedBy: 'The reconciler, every 30 seconds',
    index: '`orders_open (updated_at)`, partial: orders that ended are not in it.',
    run: (on) => selectSuspectsForUpdate(on, { graceSeconds: 30, recheckSeconds: 600, limit: 100 }),
  },
  {
    title: 'Shipments to book',
    usedBy: 'The dispatcher',
    index:
      '`shipments_booking_queue (coalesce(lease_until, created_at))`, partial: only what is pending or being booked.',
    run: (on) => claimToBook(on, 'sandbox', 200, 30),
  },
];

export const OTHER_QUERIES: readonly ExplainedQuery[] = [
  {
    title: 'Messages to deliver',
    usedBy: 'The relay',
    index: '`outbox_ready (available_at, id)`: those that were put off are not looked at.',
    run: (on) => claim(on, 32, 30),
  },
  {
    title: 'Open alerts, newest first',
    usedBy: '`GET /inventory/alerts?status=open`',
    index: '`alerts_unresolved (id) where status <> resolved`: what was resolved is not in it.',
    run: (on) => selectAlerts(on, { ...page, status: 'open' }),
  },
  {
    title: 'Alerts of a product',
    usedBy: '`GET /inventory/alerts?sku=`',
    index: '`alerts_by_product (product_id, id)`',
    run: (on, { hotSku }) => selectAlerts(on, { ...page, sku: hotSku }),
  },
  {
    title: 'Alerts by kind',
    usedBy: '`GET /inventory/metrics`, `GET /metrics`',
    index: '`alerts_unresolved` alone: it covers kind and status.',
    run: (on) => selectAlertCounts(on),
  },
  {
    title: 'State of the upkeep',
    usedBy: '`GET /inventory/health`',
    index: '`reservations_due`, `alerts_unresolved`; the outbox is short while it is delivered.',
    run: (on) => selectUpkeep(on, 30),
  },
  {
    title: 'Products of a category',
    usedBy: '`GET /products?category=`',
    index: '`products_by_category (category_id, sku)`',
    run: (on) => selectProducts(on, { ...page, category: 'cat-7' }),
  },
  {
    title: 'Transfers of a product',
    usedBy: '`GET /transfers?sku=`',
    index: '`transfers_by_product (product_id, created_at desc, id desc)`',
    run: (on, { hotSku }) => selectTransferPage(on, { ...page, sku: hotSku }),
  },
];

function onHandCheck(on: Transaction, mode: CheckMode, { recent, share }: Samples): Promise<unknown> {
  const check = SQL_CHECKS.get('on_hand_ledger');
  if (!check) throw new Error('the check is gone');
  return on.query(
    statementOf(check, { mode, limit: 10_001, graceSeconds: 300, since: null, summedUp: recent, share }),
  );
}

export const CONSISTENCY_QUERIES: readonly ExplainedQuery[] = [
  {
    title: 'On hand against the whole ledger',
    usedBy: '`holdfast verify --full`',
    index: 'None: it reads all there is, once.',
    prepare: prepareLongReading,
    run: (on, some) => onHandCheck(on, 'full', some),
  },
  {
    title: 'On hand against the ledger since the last seal',
    usedBy: '`holdfast verify`, every hour',
    index:
      '`inventory_transactions_by_xid`, a BRIN index: of the ledger only ranges of pages with later transactions are read. Of stock the rows that these name are read, and those of the share that is next, by `stock_pkey`.',
    prepare: prepareLongReading,
    run: (on, some) => onHandCheck(on, 'incremental', some),
  },
];
