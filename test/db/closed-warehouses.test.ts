import { Client } from 'pg';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { createOrderAmender } from '../../domain/ordering/amendments/amend';
import { readAmendment, requestAmend } from '../../domain/ordering/amendments/request';
import {
  forgetSettledMoves,
  reSourceWarehouse,
  type ReSourced,
} from '../../domain/ordering/promised/re-source';
import type { PromisedPosition } from '../../domain/ordering/promised/queries';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { listAlerts } from '../../domain/stock/alerts/list';
import { readStock } from '../../domain/stock/availability/availability';
import { createStockReader } from '../../domain/stock/availability/stock-reader';
import { closeWarehouse } from '../../domain/stock/places/close';
import { finishOpenings, openWarehouse } from '../../domain/stock/places/open';
import { waitForStockWriters } from '../../domain/stock/places/wait-for-writers';
import { confirmReservation, releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { shipReservation } from '../../domain/stock/reservations/ship-reservation';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { waitFor } from '../support/wait';
import { eventTypes } from '../support/fixtures';
import {
  openReservationShop,
  reservationOf,
  viewOfReservation,
  type ReservationShop,
} from './reservation-shop';
import { capture, levelsOf, openReserver, orderOf, PAYMENT, receive, viewOf } from './support';
import { transferSteps, type TransferSteps } from './transfer-steps';

let shop: ReservationShop;
let transfers: TransferSteps;

beforeAll(async () => {
  shop = await openReservationShop();
  transfers = transferSteps(shop);
});
beforeEach(() => Promise.all(['AMS', 'BER', 'NYC'].map(open)));
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const change = { actor: 'user:clerk', reason: 'flood', withinMs: 20_000 };
const close = (code: string) => closeWarehouse(shop.db, { ...change, code });
function open(code: string) {
  return openWarehouse(withStock(shop.db), { ...change, code, reason: null });
}
const reSource = (after: PromisedPosition | null = null) =>
  reSourceWarehouse(shop.db, {
    actor: 'test',
    code: 'AMS',
    after,
    withinMs: after === null ? 0 : 20_000,
    page: 2,
  });
const backorderOf = (sku: string, quantity: number) =>
  orderOf({ [sku]: quantity }, { fulfilment: 'backorder' });

/** Units of an order's items: `[reserved, waiting]`. */
async function unitsOf(orderId: string): Promise<[number, number]> {
  const [item] = (await viewOf(shop.db, orderId)).items;
  return [item?.reservedQuantity ?? 0, item?.backorderedQuantity ?? 0];
}

describe('a closed warehouse', () => {
  test('gives nothing to an order, a reservation or an addition, and shows nothing as available', async () => {
    const sku = await shop.product({ AMS: 5 });
    const before = orderOf({ [sku]: 1 });
    await shop.place(before);
    // As what another process has read of it a moment ago.
    const directory = createWarehouseDirectory(shop.db);
    await directory.all();
    expect(await close('AMS')).toMatchObject({
      settled: true,
      state: { code: 'AMS', status: 'closed', actor: 'user:clerk', reason: 'flood' },
    });
    expect(await shop.place(orderOf({ [sku]: 1 }))).toMatchObject({
      outcome: 'rejected',
      shortages: [{ requested: 1, available: 0 }],
    });
    for (const warehouse of [null, 'AMS'])
      expect(await shop.standalone.submit(reservationOf({ [sku]: 1 }, { warehouse }))).toMatchObject({
        outcome: 'short',
      });
    const late = openReserver(shop.db, { warehouses: directory });
    expect((await late.submit(orderOf({ [sku]: 1 }))).outcome).toBe('rejected');
    await late.close();
    const requestId = newId();
    const more = { orderId: before.orderId, requestId, items: [{ sku, quantity: 2 }], shipTo: null };
    await requestAmend(shop.db, more, 10);
    await createOrderAmender({
      db: shop.db,
      warehouses: directory,
      gateway: { amountProblem: () => null },
      strategy: 'nearest',
      attemptLimit: 10,
      unpaidLimits: { orders: 20, units: 1_000 },
    })(before.orderId);
    expect(JSON.stringify(await readAmendment(shop.db, requestId))).toContain('OUT_OF_STOCK');

    const shown = { onHand: 5, reserved: 1, available: 0 };
    const location = { ...shown, warehouse: 'AMS', open: false, incoming: 0, status: 'out_of_stock' };
    expect(await readStock(shop.db, sku)).toMatchObject({ ...shown, locations: [location] });
    const reader = createStockReader({ db: shop.db, warehouses: directory });
    expect(JSON.parse((await reader.readJson(sku)) ?? '')).toMatchObject({ ...shown, locations: [location] });
  });

  test('can be ordered from at once when it has opened, also by who knew it as closed', async () => {
    const sku = await shop.product({ AMS: 2 });
    await close('AMS');
    const directory = createWarehouseDirectory(shop.db);
    await directory.all();
    const late = openReserver(shop.db, { warehouses: directory });
    expect(await open('AMS')).toMatchObject({ settled: true, state: { status: 'open' } });
    expect(await readStock(shop.db, sku)).toMatchObject({ available: 2 });
    expect((await late.submit(orderOf({ [sku]: 2 }))).outcome).toBe('reserved');
    await late.close();
  });

  test('keeps what is reserved there, which ships', async () => {
    const sku = await shop.product({ AMS: 3 });
    const id = await shop.reserve({ [sku]: 2 });
    await close('AMS');
    await confirmReservation({ db: shop.db, actor: 'test' }, id);
    await shipReservation(withStock(shop.db), id);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  });

  test('gives what is reserved there to others on request, as far as they have it, and never cuts', async () => {
    const [sku, alone] = [await shop.product({ AMS: 4, BER: 2 }), await shop.product({ AMS: 2 })];
    const held = await shop.reserve({ [sku]: 1 });
    const [order, only] = [orderOf({ [sku]: 3 }, { payment: PAYMENT }), orderOf({ [alone]: 2 })];
    for (const one of [order, only]) await shop.place(one);
    await capture(shop.db, order.orderId);
    await expect(reSource()).rejects.toMatchObject({ code: 'WAREHOUSE_NOT_CLOSED' });
    await close('AMS');
    // In as many calls as there is something to look at.
    const moved: [number, number][] = [];
    let after: PromisedPosition | null = null;
    do {
      const done: ReSourced = await reSource(after);
      moved.push([done.reservations, done.units]);
      after = done.after;
    } while (after !== null);
    expect(moved.reduce((sum, [, units]) => sum + units, 0)).toBe(2);
    expect((await viewOfReservation(shop.db, held)).items).toMatchObject([
      {
        openQuantity: 1,
        allocations: expect.arrayContaining([{ warehouse: 'BER', quantity: 1 }]) as unknown,
      },
    ]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 2], BER: [2, 2] });
    expect(await unitsOf(order.orderId)).toEqual([3, 0]);
    expect(await unitsOf(only.orderId)).toEqual([2, 0]);
    expect(await eventTypes(shop.db, order.orderId)).toContain('units_re_sourced');
    const view = await viewOf(shop.db, order.orderId);
    const parcels = view.shipments.filter(({ status }) => status === 'pending');
    expect(parcels.map(({ warehouse, items }) => `${warehouse} ${items[0]?.quantity}`)).toEqual(['BER 1']);
    // What stays is shipped anew from where it is, once its parcel of before is released.
    await releaseStoppedShipments(shop.db, { orderId: order.orderId, endAs: 'cancelled' });
    const after2 = (await viewOf(shop.db, order.orderId)).shipments.filter(
      ({ status }) => status === 'pending',
    );
    expect(after2.map(({ warehouse, items }) => `${warehouse} ${items[0]?.quantity}`).sort()).toEqual([
      'AMS 2',
      'BER 1',
    ]);
    expect(await unitsOf(order.orderId)).toEqual([3, 0]);
    const again = await reSource([0, 0, '-9'.padEnd(18, '9'), newId(), 0]);
    expect(again).toMatchObject({ units: 0, after: null });
  });

  test('moves all but the reservation with which it fails, which stays and is told of until it is moved', async () => {
    const sku = await shop.product({ AMS: 3, BER: 3 });
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push(await shop.reserve({ [sku]: 1 }, { warehouse: 'AMS' }));
    await close('AMS');
    await shop.db.pool.query(
      `alter table reservation_lines add constraint bad_subject check (reservation_id <> '${ids[1]}') not valid`,
    );
    const all = { actor: 'test', code: 'AMS', after: null, withinMs: 20_000 };
    const states = async () => {
      const { items } = await listAlerts(shop.db, { kind: 'work_failed', limit: 10, offset: 0 });
      return items.map(({ status, details }) => [status, details['work'], details['id']]);
    };
    const about = ['re_source_reservation', `${ids[1]} AMS ${sku}`];
    expect(await reSourceWarehouse(shop.db, all)).toMatchObject({ reservations: 2, units: 2, failed: 1 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 1], BER: [3, 2] });
    expect(await states()).toEqual([['open', ...about]]);
    await forgetSettledMoves(shop.db);
    expect(await states()).toEqual([['open', ...about]]);
    await shop.db.pool.query('alter table reservation_lines drop constraint bad_subject');
    expect(await reSourceWarehouse(shop.db, all)).toMatchObject({ reservations: 1, units: 1, failed: 0 });
    expect(await states()).toEqual([['resolved', ...about]]);
  });

  test('lets transfers leave, whose units serve who waits where they arrive', async () => {
    const sku = await shop.product({ AMS: 3 });
    await close('AMS');
    const waiting = backorderOf(sku, 2);
    await shop.place(waiting);
    await transfers.receive(await transfers.start(sku, 3));
    expect(await unitsOf(waiting.orderId)).toEqual([2, 0]);
    expect(await levelsOf(shop.db, sku)).toEqual({ BER: [3, 2] });
  });

  test('serves nobody with what comes free there, by whatever way, until it opens: then the queue in its order', async () => {
    const sku = await shop.product({ AMS: 1, BER: 2 });
    const held = await shop.reserve({ [sku]: 1 });
    const kept = await shop.reserve({ [sku]: 2 });
    await close('AMS');
    const [first, second] = [backorderOf(sku, 3), backorderOf(sku, 2)];
    await shop.place(first);
    await shop.place(second);
    await releaseReservation(withStock(shop.db), held);
    await receive(shop.db, sku, 'AMS', 1);
    const transfer = await transfers.start(await shop.product({ BER: 1 }), 1, { from: 'BER', to: 'AMS' });
    await transfers.receive(transfer);
    expect(await unitsOf(first.orderId)).toEqual([0, 3]);
    // Where it is open they are served as ever.
    await releaseReservation(withStock(shop.db), kept);
    expect(await unitsOf(first.orderId)).toEqual([2, 1]);
    await open('AMS');
    expect(await unitsOf(first.orderId)).toEqual([3, 0]);
    expect(await unitsOf(second.orderId)).toEqual([1, 1]);
  });

  test('is closed and opened again with the same result, and one record of each', async () => {
    await close('NYC');
    const { state } = await close('NYC');
    expect(
      await openWarehouse(withStock(shop.db), { ...change, code: 'NYC', actor: 'other', reason: 'dry' }),
    ).toMatchObject({
      state: { status: 'open', actor: 'other', reason: 'dry' },
    });
    expect((await open('NYC')).state).toMatchObject({ actor: 'other' });
    expect(state.status).toBe('closed');
    const { rows } = await shop.db.pool.query<{ type: string }>(
      `select e.type from warehouse_events e join warehouses w on w.id = e.warehouse_id where w.code = 'NYC' order by e.id`,
    );
    expect(rows.map(({ type }) => type)).toEqual(['closed', 'opened']);
    await expect(close('NOPE')).rejects.toMatchObject({ code: 'UNKNOWN_LOCATION' });
  });

  test('whose opening was not finished is opened by the next that looks', async () => {
    const skus = await Promise.all([1, 2, 3].map(() => shop.product({})));
    await close('AMS');
    const orders = skus.map((sku) => backorderOf(sku, 1));
    for (const order of orders) await shop.place(order);
    for (const sku of skus) await receive(shop.db, sku, 'AMS', 1);
    const begun = await openWarehouse(withStock(shop.db), { ...change, code: 'AMS', withinMs: 0 });
    expect(begun).toMatchObject({ settled: false, state: { status: 'opening' } });
    expect((await shop.place(orderOf({ [await shop.product({ AMS: 1 })]: 1 }))).outcome).toBe('rejected');
    expect(await finishOpenings(withStock(shop.db), 20_000)).toEqual(['AMS']);
    for (const order of orders) expect(await unitsOf(order.orderId)).toEqual([1, 0]);
    expect(await finishOpenings(withStock(shop.db), 20_000)).toEqual([]);
  });
});

describe('closing beside what is under way', () => {
  /** Another session that keeps a reservation from being written, until it is ended. */
  async function blockReservation(reservationId: string): Promise<Client> {
    const client = new Client({ connectionString: shop.url });
    await client.connect();
    await client.query('begin');
    await client.query(
      `insert into reservations (id, kind, status, expires_at) values ($1, 'hold', 'cancelled', clock_timestamp())`,
      [reservationId],
    );
    return client;
  }

  const waitsForLock = () =>
    waitFor(async () => {
      const { rowCount } = await shop.db.pool.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rowCount === 1;
    });

  test('answers after a reservation that saw it open is written, and nothing comes after the answer', async () => {
    const sku = await shop.product({ AMS: 5 });
    const request = reservationOf({ [sku]: 2 });
    const blocker = await blockReservation(request.reservationId);
    const ends: string[] = [];
    const reserving = shop.standalone.submit(request).finally(() => ends.push('reserved'));
    await waitsForLock();
    const closing = close('AMS').finally(() => ends.push('closed'));
    await waitFor(async () => {
      const { rowCount } = await shop.db.pool.query(
        `select 1 from warehouses where code = 'AMS' and not active`,
      );
      return rowCount === 1;
    });
    // More than enough for an answer that waits for nobody.
    for (let n = 0; n < 20; n++) await readStock(shop.db, sku);
    expect(ends).toEqual([]);
    expect(await waitForStockWriters(shop.db, 0)).toBe(false);
    await blocker.end();
    expect((await reserving).outcome).toBe('reserved');
    await closing;
    expect(ends).toEqual(['reserved', 'closed']);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 2] });
  });

  test('refuses a reservation that had not locked its stock yet', async () => {
    const sku = await shop.product({ AMS: 5 });
    const blocker = new Client({ connectionString: shop.url });
    await blocker.connect();
    await blocker.query('begin');
    await blocker.query(
      'select 1 from stock where product_id = (select id from products where sku = $1) for no key update',
      [sku],
    );
    const reserving = shop.standalone.submit(reservationOf({ [sku]: 2 }));
    await waitsForLock();
    const closing = close('AMS');
    await waitFor(async () => {
      const { rowCount } = await shop.db.pool.query(
        `select 1 from warehouses where code = 'AMS' and not active`,
      );
      return rowCount === 1;
    });
    await blocker.end();
    expect((await reserving).outcome).toBe('short');
    await closing;
  });

  test('many reservations, receipts, closings and openings at once leave nothing allocated while it is closed', async () => {
    const sku = await shop.product({ AMS: 40 });
    const orders = Array.from({ length: 30 }, () => backorderOf(sku, 2));
    const placing = Promise.all(orders.map((order) => shop.place(order)));
    const reservedAt = async () => (await levelsOf(shop.db, sku)).AMS?.[1];
    for (let round = 0; round < 5; round++) {
      await close('AMS');
      const atAnswer = await reservedAt();
      await Promise.all([receive(shop.db, sku, 'AMS', 1), shop.place(orderOf({ [sku]: 1 }))]);
      expect(await reservedAt()).toBe(atAnswer);
      await open('AMS');
    }
    await placing;
    for (const order of orders.slice(0, 20))
      expect((await unitsOf(order.orderId))[0]).toBeGreaterThanOrEqual(0);
    // No unit is free while anybody waits: the invariants say so.
    expect(await reservedAt()).toBe(45);
  });
});
