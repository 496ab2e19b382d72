import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { askToStop, beginStops } from '../../domain/fulfilment/stop';
import { lockStock } from '../../domain/stock/ledger/stock-ledger';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { recordBookings } from '../../domain/fulfilment/book';
import type { Carrier, CarrierEventType } from '../../domain/fulfilment/types';
import { cancelUndelivered, concludeCancel, requestCancel } from '../../domain/ordering/cancel';
import { beginCharge, recordChargeOutcome, type BeginChargeResult } from '../../domain/ordering/pay';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { existingProgress } from '../../domain/ordering/progress';
import { nextStep } from '../../domain/ordering/rules';
import { orderPaymentId } from '../../domain/orders/ids';
import {
  createOrderReserver,
  type OrderReserver,
  type OrderReserverOptions,
} from '../../domain/ordering/order-reserver';
import type { OrderProgress, OrderView, ReserveOutcome } from '../../domain/ordering/types';
import type { OrderInput } from '../../domain/orders/types';
import { readOrder } from '../../domain/ordering/views';
import { lockRefundable, planRefunds } from '../../domain/payments/refund';
import { appendEvents } from '../../domain/orders/events';
import { execute, many, type Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { CHARGE_TERMS, addStock, openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import { withStock } from '../support/stock';

/** Nearest first from `AMSTERDAM`: AMS, BER, NYC. */
export const AMSTERDAM = { latitude: 52.37, longitude: 4.9 };

const WAREHOUSES = [
  ['AMS', 52.3, 4.76, 'eu-west'],
  ['BER', 52.52, 13.4, 'eu-central'],
  ['NYC', 40.71, -74, 'us-east'],
] as const;

export const PAYMENT = { method: 'card', token: 'tok_ok' };
export const CARRIER = 'sandbox';

export interface OrderShop extends TestShop {
  reserver: OrderReserver;
  place(order: OrderInput): Promise<ReserveOutcome>;
  /** Stock of a product of one's own, whose SKU is answered. */
  product(levels: Partial<Record<'AMS' | 'BER' | 'NYC', number>>): Promise<string>;
}

/** A migrated database with three warehouses, and the reservation path on it. */
export async function openOrderShop(options: Partial<OrderReserverOptions> = {}): Promise<OrderShop> {
  const shop = await openTestShop();
  const { db } = shop;
  for (const [code, latitude, longitude, region] of WAREHOUSES) {
    await db.pool.query(
      'insert into warehouses (code, name, latitude, longitude, region) values ($1, $1, $2, $3, $4)',
      [code, latitude, longitude, region],
    );
  }
  const reserver = openReserver(db, options);
  return {
    ...shop,
    reserver,
    place: (order) => reserver.submit(order),
    async product(levels) {
      const sku = `SKU-${newId()}`;
      await addProduct(db, sku);
      for (const [warehouse, onHand] of Object.entries(levels)) await addStock(db, sku, warehouse, onHand);
      return sku;
    },
    async close() {
      await reserver.close();
      await shop.close();
    },
  };
}

export function openReserver(db: Database, options: Partial<OrderReserverOptions> = {}): OrderReserver {
  return createOrderReserver({
    db,
    warehouses: createWarehouseDirectory(db),
    gateway: { name: 'sandbox', amountProblem: () => null },
    strategy: 'nearest',
    backorderLimits: { product: 1_000_000, customer: 100_000 },
    unpaidLimits: { orders: 20, units: 1_000 },
    backorderSeconds: 86_400,
    lanes: 2,
    maxBatch: 256,
    log: testLogger(),
    ...options,
  });
}

export async function addProduct(db: Database, sku: string, currency = 'USD'): Promise<void> {
  await db.pool.query('insert into products (sku, name, price_minor, currency) values ($1, $1, 1000, $2)', [
    sku,
    currency,
  ]);
}

/** An order of these SKUs, unpaid and all or nothing unless told otherwise. */
export function orderOf(items: Readonly<Record<string, number>>, rest: Partial<OrderInput> = {}): OrderInput {
  return {
    orderId: newId(),
    customerId: 'c-test',
    items: Object.entries(items).map(([sku, quantity]) => ({ sku, quantity })),
    shipTo: AMSTERDAM,
    fulfilment: 'complete',
    holdSeconds: 900,
    payment: null,
    fingerprint: null,
    ...rest,
  };
}

/** `[on hand, reserved]` by warehouse, where there is any. */
export async function levelsOf(db: Database, sku: string): Promise<Record<string, [number, number]>> {
  const found = await db.pool.query<{ code: string; onHand: number; reserved: number }>(
    `select w.code, s.on_hand as "onHand", s.reserved from stock s join products p on p.id = s.product_id
     join warehouses w on w.id = s.warehouse_id where p.sku = $1 and s.on_hand > 0 order by w.code`,
    [sku],
  );
  return Object.fromEntries(found.rows.map((row) => [row.code, [row.onHand, row.reserved]]));
}

export async function viewOf(db: Database, orderId: string): Promise<OrderView> {
  const record = await readOrder(db, orderId);
  if (!record) throw new Error('There is no such order.');
  return record.view;
}

/** Lets an order's unpaid reservations fall due now. */
export async function makeDue(db: Database, orderId: string): Promise<void> {
  await db.pool.query(
    `update reservations set expires_at = clock_timestamp() where order_id = $1 and status in ('pending', 'charging')`,
    [orderId],
  );
}

/** Lets the gateway and the carriers be asked about an order again now. */
export async function makeAsksDue(db: Database, orderId: string): Promise<void> {
  for (const table of ['payments', 'captures', 'refunds', 'shipments']) {
    await db.pool.query(
      `update ${table} set next_try_at = null where order_id = $1 and next_try_at is not null`,
      [orderId],
    );
  }
}

/** Customers have had their time to authenticate. */
export async function makeActionsDue(db: Database, orderId: string): Promise<void> {
  await db.pool.query(
    `update payments set action_until = clock_timestamp() where order_id = $1 and status = 'requires_action'`,
    [orderId],
  );
}

/** Nobody has decided about an order in time. */
export async function makeReviewDue(db: Database, orderId: string): Promise<void> {
  await db.pool.query(
    `update orders set review_until = clock_timestamp() where id = $1 and review_until is not null`,
    [orderId],
  );
}

/** Lets what an order waits for be given up now. */
export async function makeBackordersDue(db: Database, orderId: string): Promise<void> {
  await db.pool.query(
    'update orders set backorder_until = clock_timestamp() where id = $1 and backorder_until is not null',
    [orderId],
  );
}

export function pay(
  db: Database,
  orderId: string,
  rest: { updateId?: string; token?: string } = {},
): Promise<BeginChargeResult> {
  return beginCharge(db, {
    orderId,
    updateId: rest.updateId ?? newId(),
    payment: { method: 'card', token: rest.token ?? 'tok_ok' },
    reservationId: null,
    gateway: 'sandbox',
    attemptLimit: 10,
  });
}

/** What the gateway says of a charge is recorded, as `askGateway` does; the order since. */
export async function settleCharge(
  db: Database,
  { paymentId, outcome }: Pick<Parameters<typeof recordChargeOutcome>[1], 'paymentId' | 'outcome'>,
): Promise<OrderProgress> {
  return existingProgress(
    db,
    await recordChargeOutcome(db, { paymentId, outcome, carrier: CARRIER, ...CHARGE_TERMS }),
  );
}

export function capture(db: Database, orderId: string, attempt = 1): Promise<OrderProgress> {
  const paymentId = orderPaymentId(orderId, attempt);
  const outcome = { status: 'captured', gatewayRef: `ref-${paymentId}` } as const;
  return settleCharge(db, { paymentId, outcome });
}

export function decline(db: Database, orderId: string, attempt = 1): Promise<OrderProgress> {
  const outcome = { status: 'declined', gatewayRef: null, declineCode: 'card_declined' } as const;
  return settleCharge(db, { paymentId: orderPaymentId(orderId, attempt), outcome });
}

/** Books an order's shipment from `warehouse` at the carrier, and tells what then happens to it. */
export async function ship(db: Database, orderId: string, warehouse: string, type: CarrierEventType) {
  const shipment = (await viewOf(db, orderId)).shipments.find((s) => s.warehouse === warehouse);
  if (!shipment) throw new Error(`There is no shipment from ${warehouse}.`);
  await carry(db, shipment.id, type);
}

/** The same for a shipment by its id. */
export async function carry(db: Database, shipmentId: string, type: CarrierEventType) {
  await db.pool.query(
    `update shipments set status = 'booking', lease_until = clock_timestamp() where id = $1 and status = 'pending'`,
    [shipmentId],
  );
  const label = { trackingNumber: shipmentId, labelUrl: 'https://labels.example/1' };
  await recordBookings(db, [{ shipmentId, status: 'booked', ...label }]);
  await applyCarrierEvents(withStock(db), CARRIER, [{ eventId: newId(), shipmentId, type }]);
}

export function receive(db: Database, sku: string, location: string, delta: number, effectId = newId()) {
  return adjustStock(withStock(db), {
    sku,
    location,
    change: { delta },
    reason: 'receipt',
    actor: 'test',
    effectId,
  });
}

/** A unit of each product arrives in a warehouse and is kept for backorders that one transaction could not serve. Answers the id. */
export async function keepForBackorders(
  db: Database,
  skus: readonly string[],
  warehouse: string,
): Promise<string> {
  const id = newId();
  await db.transaction(async (tx) => {
    await execute(
      tx,
      'test.insert_allocation',
      `insert into reservations (id, kind, status) values ($1, 'allocation', 'pending')`,
      [id],
    );
    await execute(
      tx,
      'test.insert_stock',
      `insert into stock (product_id, warehouse_id)
       select p.id, w.id from products p, warehouses w where p.sku = any ($1) and w.code = $2 on conflict do nothing`,
      [skus, warehouse],
    );
    const lines = await many<{ productId: number; warehouseId: number }>(
      tx,
      'test.insert_allocation_lines',
      `insert into reservation_lines (reservation_id, product_id, warehouse_id, quantity, open_quantity)
       select $1, p.id, w.id, 1, 1 from products p, warehouses w where p.sku = any ($2) and w.code = $3
       returning product_id as "productId", warehouse_id as "warehouseId"`,
      [id, skus, warehouse],
    );
    await lockStock(tx, lines);
    // Arrived and kept at once: nobody can take it in between.
    await withStock(db).stock.change(
      tx,
      lines.map((line) => ({
        ...line,
        kind: 'receipt' as const,
        onHandDelta: 1,
        reservedDelta: 1,
        effectId: id,
        reservationId: id,
      })),
    );
  });
  return id;
}

/** A carrier that takes back whatever it is asked to. */
export const obligingCarrier: Carrier = {
  name: CARRIER,
  book: () => Promise.resolve([]),
  void: () => Promise.resolve('voided'),
};

/** The steps of a compensation, each twice, in their order; the money itself is the gateway's. */
export async function compensate(db: Database, orderId: string, which: 'all' | 'failed-only') {
  const endAs = which === 'all' ? 'cancelled' : 'failed';
  if (which === 'all') await twice(db, () => db.transaction((tx) => beginStops(tx, orderId)));
  await twice(db, () => askToStop({ db, carriers: [obligingCarrier] }, orderId));
  return (await twice(db, () => releaseStoppedShipments(db, { orderId, endAs })))[0];
}

/** Asks for an order to be cancelled, and takes the steps of its saga that end what has not left. */
export async function cancelOrder(
  db: Database,
  orderId: string,
  by: Carrier = obligingCarrier,
): Promise<OrderProgress> {
  let progress = await requestCancel(db, { orderId, reason: 'changed my mind' });
  for (let steps = 0; steps < 10; steps++) {
    const next = nextStep(progress).do;
    if (next === 'cancel') progress = await cancelUndelivered(db, orderId);
    else if (next === 'release-stopped')
      progress = await releaseStoppedShipments(db, { orderId, endAs: 'cancelled' });
    else if (next === 'conclude-cancel') progress = await concludeCancel(db, orderId);
    else if (next === 'stop') {
      await askToStop({ db, carriers: [by] }, orderId);
      progress = await existingProgress(db, orderId);
    } else return progress;
  }
  throw new Error(`The request to cancel does not end: ${JSON.stringify(progress)}`);
}

/** An operator gives money back of an order's payments, of each so much, minor units, or what is left of it. */
export async function giveBack(db: Database, orderId: string, amountMinor: number): Promise<void> {
  await db.retrying(async (tx) => {
    const payments = await lockRefundable(tx, orderId);
    const plans = payments.map(({ paymentId }) => {
      const origin = { kind: 'operator', id: newId() } as const;
      return { paymentId, amountMinor, origin, reason: 'goodwill', actor: 'test' };
    });
    await appendEvents(tx, await planRefunds(tx, orderId, { payments, plans }));
  });
}

/** A paid order of a unit from AMS and a unit from BER. */
export async function placePaid(shop: OrderShop): Promise<{ orderId: string; sku: string }> {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  const order = orderOf({ [sku]: 2 }, { payment: PAYMENT });
  await shop.place(order);
  await capture(shop.db, order.orderId);
  return { orderId: order.orderId, sku };
}

/** Every table of the product and of the sandboxes, with schema, but what tells which migrations have run. */
async function tablesOf(db: Database): Promise<string[]> {
  const { rows } = await db.pool.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition
       and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
       and c.relname not like 'knex\\_%' order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Everything that is stored, folded into a few characters per table. */
export async function fingerprintOf(db: Database): Promise<Record<string, string>> {
  const columns = (await tablesOf(db)).map(
    (table) =>
      `(select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from ${table} t) as "${table}"`,
  );
  const found = await db.pool.query<Record<string, string>>(`select ${columns.join(', ')}`);
  return found.rows[0] ?? {};
}

/** Runs a step twice and fails if the second run changes any row. Returns both results. */
export async function twice<T>(db: Database, step: () => Promise<T>): Promise<[T, T]> {
  const first = await step();
  const before = await fingerprintOf(db);
  const second = await step();
  expect(await fingerprintOf(db)).toEqual(before);
  return [first, second];
}
