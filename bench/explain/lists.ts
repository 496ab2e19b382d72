import { CHECK_IDS } from '../../domain/assurance/types';
import { selectWaiting } from '../../domain/administration/attention-queries';
import { selectLowPlaces } from '../../domain/administration/low-stock-queries';
import { selectNotes, selectStaffRows } from '../../domain/administration/note-queries';
import { selectUserPage } from '../../domain/identity/accounts/queries';
import { selectCategories } from '../../domain/catalog/category-queries';
import { selectProducts } from '../../domain/catalog/product-queries';
import { selectFindings } from '../../domain/assurance/queries';
import { selectJobs } from '../../domain/jobs/queries';
import { selectOrderEvents } from '../../domain/orders/view-queries';
import { selectOrderPage } from '../../domain/ordering/view-queries';
import { selectAffected, selectAlerts } from '../../domain/stock/alerts/queries';
import { listLedger } from '../../domain/stock/ledger/history';
import { selectReservationPage } from '../../domain/stock/reservations/view-queries';
import { selectLotMovements, selectLots, selectSerialPage } from '../../domain/stock/tracking/view-queries';
import { selectTransferPage } from '../../domain/stock/transfers/view-queries';
import { selectValuedProducts } from '../../domain/warehousing/costing/queries';
import { selectSold } from '../../domain/warehousing/costing/sold-queries';
import { selectSheetPage } from '../../domain/warehousing/counting/queries';
import { selectQualityHoldPage } from '../../domain/warehousing/quality/queries';
import { selectReceiptPage } from '../../domain/warehousing/receiving/queries';
import { selectReturnPage } from '../../domain/warehousing/returns/queries';
import type { Database, Transaction } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { LOT, QUIET_LOCATION, RARE_REASON, RARE_TAG } from './fill-documents';
import type { Samples } from './queries';

/** What a client, or a schedule, may ask for, of which the document shows what it reads and not the plan. */
export interface ReadCase {
  what: string;
  /** Why it reads more than its page, where it does. */
  readsOn?: string;
  run(on: Database & Transaction, some: Samples): Promise<unknown>;
}

const page = { limit: 20, offset: 0 };
/** The farthest that a client may ask for. */
const farthest = { limit: 20, offset: 100_000 };
const DAY_MS = 86_400_000;
const SKIPS = 'so many rows are skipped, by their ids; a client should go on with `cursor`';
const OF_ONE_PRODUCT = 'the ledger of this product: an index of kinds or references would cost every entry';
const SOLD_PRODUCTS =
  'the ledger of the products of the page, from a kept balance before the first units to the last ones: what they cost is followed';
const CATALOGUE = 'products, of which there are as many as are sold, not as were ever sold';
const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS);

const ORDERS: readonly ReadCase[] = [
  { what: '`/orders`', run: (on) => selectOrderPage(on, page) },
  { what: '`/orders?offset=100000`', readsOn: SKIPS, run: (on) => selectOrderPage(on, farthest) },
  ...(['reserved', 'fulfilling', 'fulfilled', 'cancelled', 'failed', 'rejected'] as const).map((status) => ({
    what: `\`/orders?status=${status}\``,
    run: (on: Database) => selectOrderPage(on, { ...page, status }),
  })),
  ...(['open', 'approved', 'rejected'] as const).map((review) => ({
    what: `\`/orders?review=${review}\``,
    run: (on: Database) => selectOrderPage(on, { ...page, review }),
  })),
  {
    what: '`/orders?customerId=`',
    run: (on, { customerId }) => selectOrderPage(on, { ...page, customerId }),
  },
  {
    what: '`/orders?customerId=&status=failed`',
    run: (on, { customerId }) => selectOrderPage(on, { ...page, customerId, status: 'failed' }),
  },
  {
    what: '`/orders?sku=`, much sold',
    run: (on, { hotSku }) => selectOrderPage(on, { ...page, sku: hotSku }),
  },
  {
    what: '`/orders?sku=`, hardly sold',
    run: (on, { coldSku }) => selectOrderPage(on, { ...page, sku: coldSku }),
  },
  {
    what: '`/orders?from=&to=`, half a year ago',
    run: (on) => selectOrderPage(on, { ...page, from: daysAgo(181), to: daysAgo(180) }),
  },
  {
    what: '`/orders/{id}/events?offset=100000`',
    run: (on, { orderId }) => selectOrderEvents(on, orderId, { after: 0, ...farthest }),
  },
];

const ADMINISTRATION: readonly ReadCase[] = [
  ...([RARE_TAG, 'vip'] as const).map((tag) => ({
    what: `\`/admin/orders?tag=\`, ${tag === 'vip' ? 'all of them' : 'hardly any'}`,
    run: (on: Database) => selectOrderPage(on, { ...page, tag }),
  })),
  {
    what: '`/admin/orders?text=`, a word of one note',
    run: (on) => selectOrderPage(on, { ...page, text: 'n77' }),
  },
  {
    what: '`/admin/orders?text=`, words of one note',
    run: (on) => selectOrderPage(on, { ...page, text: 'rang n77' }),
  },
  {
    what: '`/admin/orders?text=`, an id',
    run: (on, { orderId }) => selectOrderPage(on, { ...page, text: orderId }),
  },
  ...(['any', RARE_REASON, 'refund_failed'] as const).map((attention) => ({
    what: `\`/admin/orders?attention=${attention}\``,
    run: (on: Database) => selectOrderPage(on, { ...page, attention }),
  })),
  { what: '`/admin/orders`, what staff noted', run: (on, { orderId }) => selectStaffRows(on, [orderId]) },
  { what: '`/admin/orders/{id}/notes`', run: (on, { orderId }) => selectNotes(on, { ...page, orderId }) },
  { what: '`/admin/attention`', run: (on) => selectWaiting(on, { limit: 20, checks: CHECK_IDS }) },
  {
    what: '`/admin/attention?kind=job_failed`',
    run: (on) => selectWaiting(on, { limit: 20, kind: 'job_failed', checks: CHECK_IDS }),
  },
  {
    what: '`/admin/attention?cursor=`',
    run: (on) =>
      selectWaiting(on, {
        limit: 20,
        checks: CHECK_IDS,
        after: { sinceMicros: daysAgo(1).toISOString(), key: 'job:' },
      }),
  },
  { what: '`/admin/inventory/low-stock`', run: (on) => selectLowPlaces(on, page) },
  {
    what: '`/admin/inventory/low-stock?sku=`',
    run: (on, { hotSku }) => selectLowPlaces(on, { ...page, sku: hotSku }),
  },
  { what: '`/users`', run: (on) => selectUserPage(on, page) },
  { what: '`/users?role=operator`', run: (on) => selectUserPage(on, { ...page, role: 'operator' }) },
  { what: '`/users?status=disabled`', run: (on) => selectUserPage(on, { ...page, status: 'disabled' }) },
  { what: '`/users?text=`', run: (on) => selectUserPage(on, { ...page, text: 'u77' }) },
];

const RESERVATIONS: readonly ReadCase[] = [
  { what: '`/reservations`', run: (on) => selectReservationPage(on, page) },
  { what: '`/reservations?offset=100000`', readsOn: SKIPS, run: (on) => selectReservationPage(on, farthest) },
  ...(['pending', 'confirmed', 'shipped', 'cancelled', 'expired'] as const).map((status) => ({
    what: `\`/reservations?status=${status}\``,
    run: (on: Database) => selectReservationPage(on, { ...page, status }),
  })),
  {
    what: '`/reservations?sku=`, much reserved',
    run: (on, { hotSku }) => selectReservationPage(on, { ...page, sku: hotSku }),
  },
  {
    what: '`/reservations?sku=`, hardly reserved',
    run: (on, { coldSku }) => selectReservationPage(on, { ...page, sku: coldSku }),
  },
];

const LEDGER: readonly ReadCase[] = [
  {
    what: '`/inventory/{sku}/transactions`, much sold',
    run: (on, { hotSku }) => listLedger(on, hotSku, page),
  },
  {
    what: '`/inventory/{sku}/transactions?offset=100000`',
    readsOn: SKIPS,
    run: (on, { hotSku }) => listLedger(on, hotSku, farthest),
  },
  {
    what: '`/inventory/{sku}/transactions?kind=write_off`, of which there is none',
    readsOn: OF_ONE_PRODUCT,
    run: (on, { hotSku }) => listLedger(on, hotSku, { ...page, kind: 'write_off' }),
  },
  {
    what: '`/inventory/{sku}/transactions?reference=`, of which there is none',
    readsOn: OF_ONE_PRODUCT,
    run: (on, { hotSku }) => listLedger(on, hotSku, { ...page, reference: 'none' }),
  },
  {
    what: '`/inventory/{sku}/transactions?location=`',
    run: (on, { hotSku }) => listLedger(on, hotSku, { ...page, location: 'W001' }),
  },
];

const WAREHOUSING: readonly ReadCase[] = [
  { what: '`/receipts`', run: (on) => selectReceiptPage(on, page) },
  { what: '`/receipts?offset=100000`', readsOn: SKIPS, run: (on) => selectReceiptPage(on, farthest) },
  {
    what: '`/receipts?supplier=`, hardly any',
    run: (on) => selectReceiptPage(on, { ...page, supplier: 'supplier-rare' }),
  },
  {
    what: '`/receipts?supplier=`, many',
    run: (on) => selectReceiptPage(on, { ...page, supplier: 'supplier-1' }),
  },
  {
    what: '`/receipts?supplierReference=`',
    run: (on) => selectReceiptPage(on, { ...page, supplierReference: '77' }),
  },
  {
    what: '`/receipts?location=`, hardly any',
    run: (on) => selectReceiptPage(on, { ...page, location: QUIET_LOCATION }),
  },
  { what: '`/receipts?location=`, many', run: (on) => selectReceiptPage(on, { ...page, location: 'W001' }) },
  {
    what: '`/receipts?sku=`',
    run: (on, { hotSku }) => selectReceiptPage(on, { ...page, sku: hotSku }),
  },
  { what: '`/counts`', run: (on) => selectSheetPage(on, page) },
  ...(['open', 'review', 'resolving', 'closed'] as const).map((status) => ({
    what: `\`/counts?status=${status}\``,
    run: (on: Database) => selectSheetPage(on, { ...page, status }),
  })),
  {
    what: '`/counts?location=`, hardly any',
    run: (on) => selectSheetPage(on, { ...page, location: QUIET_LOCATION }),
  },
  { what: '`/quality-holds`', run: (on) => selectQualityHoldPage(on, page) },
  {
    what: '`/quality-holds?status=open`',
    run: (on) => selectQualityHoldPage(on, { ...page, status: 'open' }),
  },
  {
    what: '`/quality-holds?status=closed`',
    run: (on) => selectQualityHoldPage(on, { ...page, status: 'closed' }),
  },
  {
    what: '`/quality-holds?sku=`',
    run: (on, { hotSku }) => selectQualityHoldPage(on, { ...page, sku: hotSku }),
  },
  {
    what: '`/quality-holds?location=`, hardly any',
    run: (on) => selectQualityHoldPage(on, { ...page, location: QUIET_LOCATION }),
  },
  { what: '`/returns`', run: (on) => selectReturnPage(on, page) },
  ...(['authorised', 'received', 'completed', 'expired', 'cancelled'] as const).map((status) => ({
    what: `\`/returns?status=${status}\``,
    run: (on: Database) => selectReturnPage(on, { ...page, status }),
  })),
  { what: '`/returns?orderId=`', run: (on, { orderId }) => selectReturnPage(on, { ...page, orderId }) },
  { what: '`/transfers`', run: (on) => selectTransferPage(on, page) },
  { what: '`/transfers?offset=100000`', readsOn: SKIPS, run: (on) => selectTransferPage(on, farthest) },
  ...(['in_transit', 'completed', 'cancelled'] as const).map((status) => ({
    what: `\`/transfers?status=${status}\``,
    run: (on: Database) => selectTransferPage(on, { ...page, status }),
  })),
  { what: '`/transfers?sku=`', run: (on, { hotSku }) => selectTransferPage(on, { ...page, sku: hotSku }) },
  {
    what: '`/transfers?location=`, hardly any',
    run: (on) => selectTransferPage(on, { ...page, location: QUIET_LOCATION }),
  },
  {
    what: '`/transfers?location=`, many',
    run: (on) => selectTransferPage(on, { ...page, location: 'W001' }),
  },
];

const TRACKING: readonly ReadCase[] = [
  { what: '`/inventory/{sku}/lots`', run: (on, { hotSku }) => selectLots(on, hotSku, null) },
  {
    what: '`/inventory/{sku}/lots/{lot}/movements`',
    run: (on, { hotSku }) => selectLotMovements(on, { sku: hotSku, code: LOT }, { after: 0, ...page }),
  },
  {
    what: '`/inventory/{sku}/serials`',
    run: (on, { hotSku }) => selectSerialPage(on, { ...page, sku: hotSku }),
  },
  ...(['in_stock', 'shipped', 'written_off'] as const).map((status) => ({
    what: `\`/inventory/{sku}/serials?status=${status}\``,
    run: (on: Database, { hotSku }: Samples) => selectSerialPage(on, { ...page, sku: hotSku, status }),
  })),
];

const REST: readonly ReadCase[] = [
  { what: '`/products`', run: (on) => selectProducts(on, page) },
  { what: '`/products?q=`', run: (on) => selectProducts(on, { ...page, q: 'bench 77' }) },
  { what: '`/products?archived=true`', run: (on) => selectProducts(on, { ...page, archived: true }) },
  {
    what: '`/products?available=false`',
    readsOn: CATALOGUE,
    run: (on) => selectProducts(on, { ...page, available: false }),
  },
  {
    what: '`/products?minPriceMinor=`, beyond all',
    readsOn: CATALOGUE,
    run: (on) => selectProducts(on, { ...page, minPriceMinor: 1e9 }),
  },
  {
    what: '`/products?category=&available=true`',
    run: (on) => selectProducts(on, { ...page, category: 'cat-7', available: true }),
  },
  { what: '`/categories`', run: (on) => selectCategories(on, { after: null, archived: false, ...page }) },
  { what: '`/inventory/alerts`', run: (on) => selectAlerts(on, page) },
  { what: '`/inventory/alerts?offset=100000`', readsOn: SKIPS, run: (on) => selectAlerts(on, farthest) },
  ...(['open', 'acknowledged', 'resolved'] as const).map((status) => ({
    what: `\`/inventory/alerts?status=${status}\``,
    run: (on: Database) => selectAlerts(on, { ...page, status }),
  })),
  {
    what: '`/inventory/alerts?kind=`, hardly any',
    run: (on) => selectAlerts(on, { ...page, kind: 'overstock' }),
  },
  {
    what: '`/inventory/alerts?kind=&status=open`, hardly any',
    run: (on) => selectAlerts(on, { ...page, kind: 'overstock', status: 'open' }),
  },
  {
    what: '`/inventory/alerts?reason=`, hardly any',
    run: (on) => selectAlerts(on, { ...page, reason: RARE_REASON }),
  },
  {
    what: '`/inventory/alerts?location=`, hardly any',
    run: (on) => selectAlerts(on, { ...page, location: QUIET_LOCATION }),
  },
  { what: '`/inventory/alerts?sku=`', run: (on, { hotSku }) => selectAlerts(on, { ...page, sku: hotSku }) },
  { what: '`/inventory/alerts?orderId=`', run: (on, { orderId }) => selectAlerts(on, { ...page, orderId }) },
  {
    what: '`/inventory/alerts/{id}/affected`',
    run: (on) => selectAffected(on, { alertId: newId(), limit: 20, offset: 0 }),
  },
  { what: '`/jobs`', run: (on) => selectJobs(on, page) },
  { what: '`/jobs?type=consistency`', run: (on) => selectJobs(on, { ...page, type: 'consistency' }) },
  ...(['running', 'completed', 'failed', 'cancelled'] as const).map((status) => ({
    what: `\`/jobs?status=${status}\``,
    run: (on: Database) => selectJobs(on, { ...page, status }),
  })),
  {
    what: '`/jobs/{id}/findings`',
    run: (on) => selectFindings(on, { jobId: newId(), after: 0, ...page }),
  },
  {
    what: '`/inventory/valuation/products`',
    run: (on) =>
      selectValuedProducts(
        on,
        'average',
        { warehouseId: null, categoryId: null, asOf: null },
        { after: '', ...page },
      ),
  },
  {
    what: '`/cost-of-goods-sold/shipments`, a month',
    readsOn: SOLD_PRODUCTS,
    run: (on) =>
      selectSold(
        on,
        { from: daysAgo(60).toISOString(), to: daysAgo(30).toISOString() },
        { after: undefined, ...page },
      ),
  },
];

export const LISTS: readonly ReadCase[] = [
  ...ORDERS,
  ...ADMINISTRATION,
  ...RESERVATIONS,
  ...LEDGER,
  ...WAREHOUSING,
  ...TRACKING,
  ...REST,
];
