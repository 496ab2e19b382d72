import { Readable } from 'node:stream';
import { countLines } from '../../domain/warehousing/counting/count';
import { approveCount, submitCount } from '../../domain/warehousing/counting/decide-lines';
import { makeSheet } from '../../domain/warehousing/counting/sheets';
import { resolveProducts } from '../../domain/product-import/resolve';
import { applyNextBatch } from '../../domain/stock/feeds/next-batch';
import { resolveFeed } from '../../domain/stock/feeds/resolve';
import { readUpload } from '../../domain/uploads/uploads';
import { stageFeed } from '../../domain/stock/feeds/stage';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { claimShipments, recordBookings } from '../../domain/fulfilment/book';
import { confirmReservation, releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { shipReservation } from '../../domain/stock/reservations/ship-reservation';
import { expireDueReservations } from '../../domain/stock/reservations/expire';
import { applyUpdates } from '../../domain/stock/adjustments/batch';
import { beginJob } from '../../domain/jobs/jobs';
import { drainAllocation } from '../../domain/ordering/backorders/drain-allocation';
import { cancelUndelivered, requestCancel } from '../../domain/ordering/cancel';
import { expireReservation } from '../../domain/ordering/expire';
import { readProgress } from '../../domain/ordering/progress';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { reSourceWarehouse } from '../../domain/ordering/promised/re-source';
import { importNextBatch } from '../../domain/product-import/next-batch';
import { lockMovedStock, setCategoryThresholds, setThresholds } from '../../domain/stock/alerts/thresholds';
import { reverseReceipt } from '../../domain/warehousing/receiving/change-receipt';
import { receiveGoods } from '../../domain/warehousing/receiving/receive';
import { createCategory } from '../../domain/catalog/edit-categories';
import { updateProduct } from '../../domain/catalog/edit-products';
import { readProduct } from '../../domain/catalog/products';
import { closeWarehouse } from '../../domain/stock/places/close';
import { openWarehouse } from '../../domain/stock/places/open';
import { setSafetyStock } from '../../domain/stock/safety-stock/safety-stock';
import { setTracking } from '../../domain/stock/tracking/set-tracking';
import { startTransfer } from '../../domain/stock/transfers/start';
import { isAppError } from '../../platform/errors';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect, shippedOrder } from '../returns/support';
import { stageProductText } from '../support/import-products';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { lockedStockIn, NEW_VERSION, OF_SKU, OF_SKU_IN, type Locker } from './locked-stock';
import { makeReservationsDue, openReservationShop, type ReservationShop } from './reservation-shop';
import { capture, CARRIER, keepForBackorders, makeDue, orderOf, PAYMENT, viewOf } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { freeWhile, freeOf, warehousesOf } = lockedStockIn(() => shop);

const COUNT = 16;

const oneOfEach = (skus: readonly string[]) => Object.fromEntries(skus.map((sku) => [sku, 1]));

async function placed(skus: readonly string[]): Promise<string> {
  const order = orderOf(oneOfEach(skus), { payment: PAYMENT });
  await shop.place(order);
  return order.orderId;
}

/** A paid order of one parcel, with all of these products in it. */
async function withParcel(skus: readonly string[]): Promise<{ orderId: string; shipmentId: string }> {
  const orderId = await placed(skus);
  await capture(shop.db, orderId);
  const [shipment] = (await viewOf(shop.db, orderId)).shipments;
  return { orderId, shipmentId: shipment!.id };
}

const updatesOf = (skus: readonly string[]) =>
  skus.map((sku) => ({ sku, location: 'AMS', delta: 1, reason: 'test' }));

/** A category whose products have a low-stock threshold. */
async function thresholdCategory(lowStock: number): Promise<string> {
  const code = newId();
  await createCategory(shop.db, code, code, { isRepeat: false, actor: 'test' });
  await setCategoryThresholds(shop.db, code, { actor: 'test', lowStock, overstock: null, clearMargin: null });
  return code;
}

/** A staged import of products of these columns, up to its one lane. */
async function stagedProducts(columns: string, lines: readonly string[]): Promise<Locker> {
  const jobId = await stageProductText(shop.db, [columns, ...lines].join('\n'));
  await resolveProducts(shop.db, jobId);
  return () => importNextBatch(shop.db, { jobId, lane: 1, size: COUNT });
}

/**
 * Whoever takes the locks of many stock rows, in the order of (product, warehouse). Each is brought to where the locks are
 * taken, and returns what takes them.
 */
const LOCKERS: Record<string, (skus: readonly string[]) => Promise<Locker>> = {
  'a batch of updates': (skus) =>
    Promise.resolve(() =>
      applyUpdates(withStock(shop.db), {
        batchId: newId(),
        atomic: true,
        actor: 'tester',
        updates: updatesOf(skus),
      }),
    ),
  'a reservation of an order': (skus) => Promise.resolve(() => placed(skus)),
  'a reservation without an order': (skus) => Promise.resolve(() => shop.reserve(oneOfEach(skus))),
  async 'the release of a reservation'(skus) {
    const id = await shop.reserve(oneOfEach(skus));
    return () => releaseReservation(withStock(shop.db), id);
  },
  async 'the shipping of a reservation'(skus) {
    const id = await shop.reserve(oneOfEach(skus));
    await confirmReservation({ db: shop.db, actor: 'test' }, id);
    return () => shipReservation(withStock(shop.db), id);
  },
  async 'the expiry of reservations'(skus) {
    const ids: string[] = [];
    for (const sku of skus) ids.push(await shop.reserve({ [sku]: 1 }));
    await makeReservationsDue(shop.db, ids);
    const look = { batchSize: 500, pauseMs: 200, roundMs: 0 };
    return () => expireDueReservations(withStock(shop.db), look, new AbortController().signal);
  },
  async 'the cancelling of an unpaid order'(skus) {
    const order = orderOf(oneOfEach(skus));
    await shop.place(order);
    await requestCancel(shop.db, { orderId: order.orderId, reason: 'test' });
    return () => cancelUndelivered(shop.db, order.orderId);
  },
  async 'the expiry of an unpaid order'(skus) {
    const { orderId } = orderOf({});
    await shop.place(orderOf(oneOfEach(skus), { orderId }));
    await makeDue(shop.db, orderId);
    const [hold] = (await readProgress(shop.db, orderId))!.reservations;
    return () => expireReservation(shop.db, { orderId, reservationId: hold!.reservationId });
  },
  async 'the release of a parcel that failed'(skus) {
    const { orderId, shipmentId } = await withParcel(skus);
    await shop.db.pool.query(`update shipments set status = 'failed' where id = $1`, [shipmentId]);
    return () => releaseStoppedShipments(shop.db, { orderId, endAs: 'failed' });
  },
  async 'the handing on of units that were kept for backorders'(skus) {
    const id = await keepForBackorders(shop.db, skus, 'AMS');
    return () => drainAllocation(shop.db, id);
  },
  async 'a carrier that picks a parcel up'(skus) {
    const { shipmentId } = await withParcel(skus);
    await claimShipments(shop.db, { carrier: CARRIER, limit: 500, leaseSeconds: 30 });
    const label = { trackingNumber: shipmentId, labelUrl: 'https://labels.example/1' };
    await recordBookings(shop.db, [{ shipmentId, status: 'booked', ...label }]);
    return () =>
      applyCarrierEvents(withStock(shop.db), CARRIER, [{ eventId: newId(), shipmentId, type: 'picked_up' }]);
  },
  'a delivery': (skus) => {
    const lines = skus.map((sku) => ({ sku, quantity: 1 }));
    const [receiptId, supplierReference] = [newId(), newId()];
    const receipt = { receiptId, supplierReference, supplier: 'ACME', location: 'AMS', actor: 'tester' };
    return Promise.resolve(() => receiveGoods(withStock(shop.db), { ...receipt, lines }));
  },
  async 'a delivery that is taken back'(skus) {
    const lines = skus.map((sku) => ({ sku, quantity: 1 }));
    const receiptId = newId();
    const receipt = { receiptId, supplierReference: newId(), supplier: 'ACME', location: 'AMS' };
    await receiveGoods(withStock(shop.db), { ...receipt, actor: 'tester', lines });
    const change = { receiptId, changeId: newId(), reason: 'test', actor: 'tester' };
    return () => reverseReceipt(withStock(shop.db), change);
  },
  async 'products that are imported into a category with thresholds'(skus) {
    const code = await thresholdCategory(3);
    return stagedProducts(
      'sku,category',
      skus.map((sku) => `${sku},${code}`),
    );
  },
  'products whose tracking an import changes': (skus) =>
    stagedProducts(
      'sku,tracking',
      skus.map((sku) => `${sku},lots`),
    ),
  async 'the thresholds of a category'(skus) {
    const code = await thresholdCategory(3);
    const imported = await stagedProducts(
      'sku,category',
      skus.map((sku) => `${sku},${code}`),
    );
    await imported();
    return () =>
      setCategoryThresholds(shop.db, code, {
        actor: 'test',
        lowStock: 4,
        overstock: null,
        clearMargin: null,
      });
  },
  async 'the opening of a warehouse'(skus) {
    const change = { code: 'AMS', actor: 'tester', reason: null, withinMs: 20_000 };
    await closeWarehouse(shop.db, change);
    for (const sku of skus) await shop.place(orderOf({ [sku]: 1 }, { fulfilment: 'backorder' }));
    return () => openWarehouse(withStock(shop.db), change);
  },
  async 'an approved count'(skus) {
    const { id } = await makeSheet(shop.db, {
      sheetId: newId(),
      location: 'AMS',
      skus: [...skus],
      blind: false,
      tolerance: 0,
      actor: 'planner',
    });
    const counts = skus.map((sku) => ({ sku, counted: 8 }));
    await countLines(shop.db, { sheetId: id, counts, actor: 'counter', countId: newId() });
    await submitCount(withStock(shop.db), { sheetId: id, actor: 'test' });
    return () => approveCount(withStock(shop.db), { sheetId: id, skus: undefined, actor: 'boss' });
  },
  async 'an inspected return'(skus) {
    const orderId = await shippedOrder(shop, oneOfEach(skus));
    const { id } = await authorise(shop.db, orderId, oneOfEach(skus));
    await comesIn(shop.db, id, oneOfEach(skus));
    const results = skus.map((sku) => ({ sku, restock: 1, writeOff: 0 }));
    return () => inspect(shop.db, id, results);
  },
  async 'a batch of a feed'(skus) {
    const jobId = newId();
    const text = ['sku,location,quantity', ...skus.map((sku) => `${sku},AMS,1`)].join('\n');
    await stageFeed(shop.db, {
      jobId,
      actor: 'test',
      mode: 'delta',
      format: 'csv',
      location: null,
      source: Readable.from([Buffer.from(text)]),
    });
    await beginJob(shop.db, jobId);
    await resolveFeed(shop.db, jobId, 1);
    const [lane] = (await readUpload(shop.db, jobId)).openLanes;
    return () => applyNextBatch(withStock(shop.db), { jobId, lane: lane!, size: COUNT, makeStock: false });
  },
};

test.each(Object.entries(LOCKERS))(
  '%s locks its rows in the one order, whatever order they are named in',
  async (_, prepare) => {
    const skus: string[] = [];
    for (let n = 0; n < COUNT; n++) skus.push(await shop.product({ AMS: 10 }));
    // Asked for the last first.
    const locker = await prepare([...skus].reverse());
    // Each row's newest version lies before that of the row that precedes it: no scan of the table meets them in the one order.
    for (const sku of [...skus].reverse()) await shop.db.pool.query(NEW_VERSION, [sku]);
    // Somebody holds the row in the middle, so that it stops there.
    const free = await freeWhile(OF_SKU, [skus[COUNT / 2]!], locker, () => freeOf(skus));
    expect(free).toEqual(skus.slice(COUNT / 2 + 1));
  },
);

/** The same for those that lock rows of one product in several warehouses. */
const IN_WAREHOUSES: Record<string, (sku: string) => Promise<unknown>> = {
  'a transfer that arrives at once': (sku) =>
    startTransfer(withStock(shop.db), {
      transferId: newId(),
      sku,
      from: 'NYC',
      to: 'AMS',
      quantity: 1,
      mode: 'immediate',
      actor: 'tester',
      transitSeconds: 60,
    }),
  'a change of what a product keeps': (sku) =>
    setTracking(shop.db, { actor: 'test', sku, lots: true, serials: false }).catch((error: unknown) => {
      if (!isAppError(error, 'PRODUCT_HAS_STOCK')) throw error;
    }),
};

/** The same, brought there first. */
const PREPARED: Record<string, (sku: string) => Promise<Locker>> = {
  'the safety stock of a product': (sku) =>
    Promise.resolve(() =>
      setSafetyStock(withStock(shop.db), { actor: 'test', sku, location: null, units: 1 }),
    ),
  'the thresholds of a product': (sku) => {
    const thresholds = { lowStock: 2, overstock: null, clearMargin: null };
    return Promise.resolve(() => setThresholds(shop.db, { actor: 'test', sku, location: null, thresholds }));
  },
  async 'a product that goes to a category with thresholds'(sku) {
    const category = await thresholdCategory(3);
    const { name, description, priceMinor, currency } = (await readProduct(shop.db, sku))!;
    const fields = { name, description, priceMinor, currency, category };
    return () => updateProduct({ db: shop.db, lockMovedStock }, sku, fields, { seen: null, actor: 'test' });
  },
  async 'what moves reservations out of a closed warehouse'(sku) {
    await shop.reserve({ [sku]: 1 }, { warehouse: 'AMS' });
    const change = { code: 'AMS', actor: 'tester', reason: null, withinMs: 20_000 };
    await closeWarehouse(shop.db, change);
    return async () => {
      await reSourceWarehouse(shop.db, { actor: 'test', code: 'AMS', after: null, withinMs: 20_000 });
      await openWarehouse(withStock(shop.db), change);
    };
  },
};

test.each(Object.entries(PREPARED))(
  '%s locks the rows of its warehouses in the one order',
  async (_, prepare) => {
    const sku = await shop.product({ AMS: 1, BER: 1, NYC: 1 });
    const locker = await prepare(sku);
    for (const code of ['NYC', 'BER', 'AMS'])
      await shop.db.pool.query(
        `${NEW_VERSION} and warehouse_id = (select id from warehouses where code = $2)`,
        [sku, code],
      );
    const free = await freeWhile(`${OF_SKU_IN} 'AMS')`, [sku], locker, () => warehousesOf(sku));
    expect(free).toEqual(['BER', 'NYC']);
  },
);

test.each([
  LOCKERS['products that are imported into a category with thresholds']!,
  ([sku]: readonly string[]) => PREPARED['a product that goes to a category with thresholds']!(sku!),
])('a product that changes its category is locked after its stock (%#)', async (prepare) => {
  const sku = await shop.product({ AMS: 1 });
  const locker = await prepare([sku]);
  const free = await freeWhile(OF_SKU, [sku], locker, async () => {
    const { rows } = await shop.db.pool.query<{ sku: string }>(
      'select sku from products where sku = $1 for no key update skip locked',
      [sku],
    );
    return rows.map((row) => row.sku);
  });
  expect(free).toEqual([sku]);
});

test.each(Object.entries(IN_WAREHOUSES))(
  '%s locks the rows of its warehouses in the one order',
  async (_, locker) => {
    const sku = await shop.product({ AMS: 1, BER: 1, NYC: 1 });
    const free = await freeWhile(
      `${OF_SKU_IN} 'AMS')`,
      [sku],
      () => locker(sku),
      () => warehousesOf(sku),
    );
    expect(free).toEqual(['BER', 'NYC']);
  },
);
