import { MockActivityEnvironment } from '@temporalio/testing';
import { createWarehousingActivities } from '../../activities/warehousing';
import { recordFailure, retryFailedWork } from '../../domain/stock/alerts/failed-work';
import { withStock } from '../support/stock';
import { listAlerts } from '../../domain/stock/alerts/list';
import { applyNextBatch } from '../../domain/stock/feeds/next-batch';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import { resolveFeed } from '../../domain/stock/feeds/resolve';
import { readUpload } from '../../domain/uploads/uploads';
import { stageFeed } from '../../domain/stock/feeds/stage';
import type { FeedMode } from '../../domain/stock/feeds/types';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { claimShipments, recordBookings, shipmentsAreOverdue } from '../../domain/fulfilment/book';
import { applyUpdates } from '../../domain/stock/adjustments/batch';
import { beginJob } from '../../domain/jobs/jobs';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import {
  addBookedOrder,
  addShippingOrder,
  bookedAs,
  CARRIER,
  statuses,
  update,
  type ShippingOrder,
} from '../fulfilment/shipping';
import { refuseRows } from '../support/bad-subject';
import { expectInvariants } from '../support/invariants';
import { deliver, inDays, trackedProduct } from '../tracking/support';
import { levelsOf, openOrderShop, type OrderShop } from './support';

let shop: OrderShop;
beforeEach(async () => {
  shop = await openOrderShop();
});
afterEach(async () => {
  await expectInvariants(shop.db).finally(() => shop.close());
});

const refuse = (table: string, condition: string) => refuseRows(shop.db, table, condition);

async function productId(sku: string): Promise<number> {
  const found = await shop.db.pool.query<{ id: number }>('select id from products where sku = $1', [sku]);
  return found.rows[0]!.id;
}

/** A feed of numbers in AMS, ready to be applied by its one lane. */
async function feed(
  rows: readonly (readonly [string, number])[],
  mode: FeedMode = 'set',
): Promise<{ jobId: string; lane: number }> {
  const jobId = newId();
  const text = ['sku,location,quantity', ...rows.map(([sku, onHand]) => `${sku},AMS,${onHand}`)].join('\n');
  async function* source() {
    await Promise.resolve();
    yield Buffer.from(text);
  }
  await stageFeed(shop.db, {
    jobId,
    actor: 'test',
    mode,
    format: 'csv',
    location: null,
    source: source(),
  });
  await beginJob(shop.db, jobId);
  await resolveFeed(shop.db, jobId, 1);
  const [lane] = (await readUpload(shop.db, jobId)).openLanes;
  return { jobId, lane: lane! };
}

async function alerts() {
  const { items } = await listAlerts(shop.db, { kind: 'work_failed', limit: 50, offset: 0 });
  return items.map(({ status, details }) => [details['work'], details['id'], status]);
}

const letRetry = () => shop.db.pool.query('update failed_work set retry_at = clock_timestamp()');

test('a batch of updates applies all but the one that fails, and returns the same again', async () => {
  const skus = [
    await shop.product({ AMS: 1 }),
    await shop.product({ AMS: 1 }),
    await shop.product({ AMS: 1 }),
  ];
  await refuse('stock', `product_id <> ${await productId(skus[1]!)}`);
  const request = {
    batchId: newId(),
    atomic: false,
    actor: 'tester',
    updates: [...skus, skus[0]!].map((sku) => ({ sku, location: 'AMS', delta: 2, reason: 'test' })),
  };
  const first = await applyUpdates(withStock(shop.db), request);
  expect(first).toMatchObject({ applied: 3, rejected: 1 });
  expect(first.outcomes[1]).toMatchObject({ status: 'rejected', code: 'UPDATE_FAILED' });
  expect(await applyUpdates(withStock(shop.db), request)).toEqual(first);
  expect(await Promise.all(skus.map((sku) => levelsOf(shop.db, sku)))).toEqual([
    { AMS: [5, 0] },
    { AMS: [1, 0] },
    { AMS: [3, 0] },
  ]);
  await expect(
    applyUpdates(withStock(shop.db), { ...request, batchId: newId(), atomic: true }),
  ).rejects.toMatchObject({
    code: 'BATCH_REJECTED',
    details: { rejected: [{ index: 1, code: 'UPDATE_FAILED' }] },
  });
});

test('a feed applies all rows but the one that fails, which is rejected with its line', async () => {
  const skus = await Promise.all(Array.from({ length: 9 }, () => shop.product({ AMS: 1 })));
  await refuse('stock', `product_id <> ${await productId(skus[4]!)}`);
  const { jobId, lane } = await feed(skus.map((sku) => [sku, 7]));
  const done = await applyNextBatch(withStock(shop.db), { jobId, lane, size: 20, makeStock: false });
  expect(done).toMatchObject({ applied: 8, rejected: 1, left: 0 });
  let rejects = '';
  for await (const part of feedRejectsCsv(shop.db, jobId)) rejects += part;
  expect(rejects).toContain(`6,${skus[4]},AMS,7,ROW_FAILED,`);
  expect(await readUpload(shop.db, jobId)).toMatchObject({ applied: 8, rejected: 1, openLanes: [] });
  expect(await levelsOf(shop.db, skus[8]!)).toEqual({ AMS: [7, 0] });
});

test('of two attempts at one batch of a feed, the slower one rejects no row of the other', async () => {
  // One after the other: a batch takes products as they are numbered, and the first is to be the one that fails.
  const skus: string[] = [];
  for (let n = 0; n < 3; n++) skus.push(await shop.product({ AMS: 1 }));
  await refuse('stock', `product_id <> ${await productId(skus[0]!)}`);
  const { jobId, lane } = await feed(skus.map((sku) => [sku, 7]));
  const request = { jobId, lane, size: 1, makeStock: false };
  let failures = 0;
  const slow: Database = {
    ...shop.db,
    async retrying(work, limits) {
      try {
        return await shop.db.retrying(work, limits);
      } catch (error) {
        failures += 1;
        // The row has failed alone, and before it is rejected another attempt does so.
        if (failures === 2) await applyNextBatch(withStock(shop.db), request);
        throw error;
      }
    },
  };
  await applyNextBatch(withStock(slow), request);
  expect(failures).toBe(2);
  while ((await applyNextBatch(withStock(shop.db), request)).left > 0);
  expect(await readUpload(shop.db, jobId)).toMatchObject({ applied: 2, rejected: 1, openLanes: [] });
});

/** A lot-tracked product with 5 on hand in AMS, of which the lots know 2 less. */
async function withMissingLots() {
  const sku = await trackedProduct(shop, { lots: true });
  await deliver(shop.db, [{ sku, quantity: 5, lot: { code: 'L1', expiresOn: inDays(30) } }]);
  const add = (units: number) =>
    shop.db.pool.query(
      `update lots set quantity = quantity + $2 where product_id = (select id from products where sku = $1) and code = 'L1'`,
      [sku, units],
    );
  await add(-2);
  return { sku, mend: () => add(2) };
}

test('a product whose lots are short of what is on hand stops no other row of a feed', async () => {
  const { sku, mend } = await withMissingLots();
  const [before, after] = [await shop.product({ AMS: 1 }), await shop.product({ AMS: 1 })];
  const { jobId, lane } = await feed(
    [
      [before, 6],
      [sku, -4],
      [after, 6],
    ],
    'delta',
  );
  const done = await applyNextBatch(withStock(shop.db), { jobId, lane, size: 20, makeStock: false });
  expect(done).toMatchObject({ applied: 2, rejected: 1, left: 0 });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 0] });
  await mend();
});

test('a product whose lots are short of what is on hand stops no other update of a carrier', async () => {
  const { sku, mend } = await withMissingLots();
  const other = await shop.product({ AMS: 10 });
  const orders = [
    await addBookedOrder(shop.db, [{ sku, warehouse: 'AMS', quantity: 4 }]),
    await addBookedOrder(shop.db, [{ sku: other, warehouse: 'AMS', quantity: 4 }]),
  ];
  const events = orders.map(({ shipmentIds: [id] }) => update(id!, 'picked_up'));
  expect(await applyCarrierEvents(withStock(shop.db), CARRIER, events)).toMatchObject([
    { result: 'failed' },
    { result: 'applied' },
  ]);
  const { items } = await listAlerts(shop.db, { kind: 'work_failed', limit: 50, offset: 0 });
  expect(items).toMatchObject([{ details: { constraint: 'lots_cover_on_hand' } }]);
  expect(await Promise.all(orders.map(({ orderId }) => statuses(shop.db, orderId)))).toEqual([
    ['booked'],
    ['picked_up'],
  ]);
  await mend();
  await retryFailedWork(shop.db, { work: 'apply_carrier_update' });
  expect(await applyCarrierEvents(withStock(shop.db), CARRIER, events)).toMatchObject([
    { result: 'applied' },
    { result: 'duplicate' },
  ]);
});

/** Rows that match, locked by somebody else until the returned function is called. */
async function lockElsewhere(statement: string, values: unknown[]): Promise<() => Promise<void>> {
  const client = await shop.db.pool.connect();
  await client.query('begin');
  const { rowCount } = await client.query(statement, values);
  expect(rowCount).toBe(1);
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

test('an order that somebody keeps locked holds up the updates of no other parcel, and has no alert', async () => {
  const sku = await shop.product({ AMS: 100 });
  const orders = [];
  for (let n = 0; n < 9; n++)
    orders.push(await addBookedOrder(shop.db, [{ sku, warehouse: 'AMS', quantity: 1 }]));
  const events = orders.map(({ shipmentIds: [id] }) => update(id!, 'picked_up'));
  const unlock = await lockElsewhere('select from orders where id = $1 for update', [orders[4]!.orderId]);
  const results = await applyCarrierEvents(withStock(shop.db), CARRIER, events).finally(unlock);
  expect(results.map(({ result }) => result)).toEqual(orders.map((_, n) => (n === 4 ? 'failed' : 'applied')));
  expect(await listAlerts(shop.db, { kind: 'work_failed', limit: 50, offset: 0 })).toMatchObject({
    items: [],
  });
  const again = await applyCarrierEvents(withStock(shop.db), CARRIER, events);
  expect(again.map(({ result }) => result)).toEqual(
    orders.map((_, n) => (n === 4 ? 'applied' : 'duplicate')),
  );
});

test('an order that somebody keeps locked holds up the booking of no other parcel', async () => {
  const sku = await shop.product({ AMS: 100 });
  const orders = [];
  for (let n = 0; n < 3; n++)
    orders.push(await addShippingOrder(shop.db, [{ sku, warehouse: 'AMS', quantity: 1 }]));
  await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 0 });
  const outcomes = orders.map(({ shipmentIds: [id] }) => bookedAs(id!));
  const unlock = await lockElsewhere('select from shipments where id = $1 for update', [
    outcomes[0]!.shipmentId,
  ]);
  expect(await recordBookings(shop.db, outcomes).finally(unlock)).toEqual({ booked: 2, refused: 0 });
  expect(await listAlerts(shop.db, { kind: 'work_failed', limit: 50, offset: 0 })).toMatchObject({
    items: [],
  });
  expect(await recordBookings(shop.db, outcomes)).toEqual({ booked: 1, refused: 0 });
});

test('an update that fails only because of an earlier one of its batch is found, and the others are applied', async () => {
  const { sku, mend } = await withMissingLots();
  const other = await shop.product({ AMS: 1 });
  // Alone, the third would be refused as more than there is; after the first it takes units that no lot has.
  const deltas: [string, number][] = [
    [sku, 2],
    [other, 1],
    [sku, -7],
    [other, 1],
    [sku, -1],
  ];
  const request = {
    batchId: newId(),
    atomic: false,
    actor: 'tester',
    updates: deltas.map(([of, delta]) => ({ sku: of, location: 'AMS', delta, reason: 'test' })),
  };
  const result = await applyUpdates(withStock(shop.db), request);
  expect(result.outcomes.map((outcome) => ('code' in outcome ? outcome.code : outcome.status))).toEqual([
    'applied',
    'applied',
    'UPDATE_FAILED',
    'applied',
    'applied',
  ]);
  expect(await applyUpdates(withStock(shop.db), request)).toEqual(result);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 0] });
  expect(await levelsOf(shop.db, other)).toEqual({ AMS: [3, 0] });
  await mend();
});

test('a ledger without a partition for now is no failure of one subject', async () => {
  const sku = await shop.product({ AMS: 1 });
  const { rows } = await shop.db.pool.query<{ partition: string; bounds: string }>(
    `select partition::text, pg_get_expr(c.relpartbound, c.oid) as bounds
     from ledger_partitions p join pg_class c on c.oid = p.partition where upper_bound > now() - interval '1 day'`,
  );
  for (const { partition } of rows) {
    await shop.db.pool.query(`alter table inventory_transactions detach partition ${partition}`);
  }
  const request = {
    batchId: newId(),
    atomic: false,
    actor: 'tester',
    updates: [{ sku, location: 'AMS', delta: 2, reason: 'test' }],
  };
  const { jobId, lane } = await feed([[sku, 7]]);
  const next = { jobId, lane, size: 20, makeStock: false };
  await expect(applyUpdates(withStock(shop.db), request)).rejects.toMatchObject({ code: '23514' });
  await expect(applyNextBatch(withStock(shop.db), next)).rejects.toMatchObject({ code: '23514' });
  for (const { partition, bounds } of rows) {
    await shop.db.pool.query(`alter table inventory_transactions attach partition ${partition} ${bounds}`);
  }
  expect(await applyUpdates(withStock(shop.db), request)).toMatchObject({ applied: 1, rejected: 0 });
  expect(await applyNextBatch(withStock(shop.db), next)).toMatchObject({ applied: 1, rejected: 0 });
});

test('a booking that cannot be written stops no other, and is made again later', async () => {
  const sku = await shop.product({ AMS: 10 });
  const orders: ShippingOrder[] = [];
  for (let n = 0; n < 5; n++) {
    orders.push(await addShippingOrder(shop.db, [{ sku, warehouse: 'AMS', quantity: 1 }]));
  }
  const bad = orders[2]!.shipmentIds[0]!;
  const claim = () => claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 0 });
  const claimed = await claim();
  const mend = await refuse('shipments', `id <> '${bad}' or status <> 'booked'`);
  const outcomes = claimed.map(({ shipmentId }) => bookedAs(shipmentId));
  expect(await recordBookings(shop.db, outcomes)).toEqual({ booked: 4, refused: 0 });
  expect(await alerts()).toEqual([['record_booking', bad, 'open']]);
  // It is not claimed until it is tried again, so that neither the dispatcher nor its trigger loops.
  expect(await claim()).toEqual([]);
  expect(await shipmentsAreOverdue(shop.db, 0)).toBe(false);
  await mend();
  await letRetry();
  expect(await shipmentsAreOverdue(shop.db, 0)).toBe(true);
  const again = (await claim()).map(({ shipmentId }) => bookedAs(shipmentId));
  expect(await recordBookings(shop.db, again)).toEqual({ booked: 1, refused: 0 });
  expect(await alerts()).toEqual([['record_booking', bad, 'resolved']]);
});

test('a booking that is not needed any more and a message that has left the outbox have no open alert', async () => {
  const sku = await shop.product({ AMS: 10 });
  const [picked, waiting] = await Promise.all(
    [1, 2].map(() => addShippingOrder(shop.db, [{ sku, warehouse: 'AMS', quantity: 1 }])),
  );
  const ids = [picked!.shipmentIds[0]!, waiting!.shipmentIds[0]!];
  await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 0 });
  const mend = await refuse('shipments', `tracking_number is null`);
  await recordBookings(shop.db, ids.map(bookedAs));
  await mend();
  await applyCarrierEvents(withStock(shop.db), CARRIER, [update(ids[0]!, 'picked_up')]);
  await shop.db.pool.query(`insert into outbox (topic, key) values ('order.wake', 'kept')`);
  for (const key of ['kept', 'gone']) {
    const subject = `order.wake ${key}`;
    await recordFailure(shop.db, { work: 'deliver_message', subject, error: new Error('not now') });
  }
  const { forgetSettledWork } = createWarehousingActivities({ db: shop.db, expiryNearDays: 14 });
  await new MockActivityEnvironment().run(forgetSettledWork);
  expect(new Set((await alerts()).map((alert) => alert.join(' ')))).toEqual(
    new Set([
      `record_booking ${ids[0]} resolved`,
      `record_booking ${ids[1]} open`,
      'deliver_message order.wake gone resolved',
      'deliver_message order.wake kept open',
    ]),
  );
});

test('a carrier’s update that fails stops no other of its call, and is sent again until it is applied', async () => {
  const sku = await shop.product({ AMS: 10 });
  const orders: ShippingOrder[] = [];
  for (let n = 0; n < 5; n++) {
    orders.push(await addBookedOrder(shop.db, [{ sku, warehouse: 'AMS', quantity: 1 }]));
  }
  const mend = await refuse('shipments', `id <> '${orders[2]!.shipmentIds[0]!}'`);
  const events = orders.map(({ shipmentIds: [id] }) => update(id!, 'picked_up'));
  const send = async () =>
    (await applyCarrierEvents(withStock(shop.db), CARRIER, events)).map(({ result }) => result);
  expect(await send()).toEqual(['applied', 'applied', 'failed', 'applied', 'applied']);
  const bad = orders[2]!.shipmentIds[0]!;
  expect(await alerts()).toEqual([['apply_carrier_update', bad, 'open']]);
  const now = async () =>
    Promise.all(orders.map(async ({ orderId }) => (await statuses(shop.db, orderId))[0]));
  expect(await now()).toEqual(['picked_up', 'picked_up', 'booked', 'picked_up', 'picked_up']);
  await mend();
  const others = ['duplicate', 'duplicate'];
  // It is left out for a while, and is not taken for applied.
  expect(await send()).toEqual([...others, 'failed', ...others]);
  await retryFailedWork(shop.db, { work: 'apply_carrier_update', subject: bad });
  expect(await send()).toEqual([...others, 'applied', ...others]);
  expect(await alerts()).toEqual([['apply_carrier_update', bad, 'resolved']]);
  expect(await send()).toEqual([...others, 'duplicate', ...others]);
});
