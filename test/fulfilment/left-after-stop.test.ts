import { Client } from 'pg';
import { findInconsistencies } from '../../domain/assurance/run-check';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { askToStop, beginStops } from '../../domain/fulfilment/stop';
import { readParcelUnits, nameParcelUnits } from '../../domain/fulfilment/parcel-units';
import type { CarrierEvent, CarrierEventType } from '../../domain/fulfilment/types';
import { cancelUndelivered } from '../../domain/ordering/cancel';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import type { OrderInput } from '../../domain/orders/types';
import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { applyUpdates } from '../../domain/stock/adjustments/batch';
import { countAsGone, findStockKey, lockStock } from '../../domain/stock/ledger/stock-ledger';
import { openDatabase, type Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import {
  capture,
  carry,
  CARRIER,
  compensate,
  levelsOf,
  obligingCarrier,
  openOrderShop,
  orderOf,
  PAYMENT,
  placePaid,
  receive,
  ship,
  twice,
  viewOf,
  type OrderShop,
} from '../db/support';
import { OWN_CHECKS } from '../consistency/support';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
import { testLogger } from '../support/servers';
import { withStock } from '../support/stock';
import { waitFor } from '../support/wait';
import { deliver, inDays, lotsOf, serialsOf, trackedProduct, withSerials } from '../tracking/support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

function event(shipmentId: string, type: CarrierEventType, rest: Partial<CarrierEvent> = {}): CarrierEvent {
  return { eventId: newId(), shipmentId, type, ...rest };
}

async function apply(events: readonly CarrierEvent[], db: Database = shop.db): Promise<string[]> {
  return (await applyCarrierEvents(withStock(db), CARRIER, events)).map(({ result }) => result);
}

const tell = async (shipmentId: string, type: CarrierEventType, rest: Partial<CarrierEvent> = {}) =>
  (await apply([event(shipmentId, type, rest)]))[0];

/** A paid order of so many units whose one parcel is booked. */
async function bookedParcel(sku: string, quantity: number, rest: Partial<OrderInput> = {}) {
  const order = orderOf({ [sku]: quantity }, { payment: PAYMENT, ...rest });
  await shop.place(order);
  await capture(shop.db, order.orderId);
  const [shipment] = (await viewOf(shop.db, order.orderId)).shipments;
  if (!shipment) throw new Error('no shipment was made');
  return { orderId: order.orderId, shipmentId: shipment.id };
}

/** The same, cancelled: the parcel is voided, its refund is planned and its units are on sale again. */
async function cancelledParcel(sku: string, quantity: number) {
  const parcel = await bookedParcel(sku, quantity);
  await compensate(shop.db, parcel.orderId, 'all');
  return parcel;
}

async function voidParcel(orderId: string): Promise<void> {
  await shop.db.transaction((tx) => beginStops(tx, orderId));
  await askToStop({ db: shop.db, carriers: [obligingCarrier] }, orderId);
}

/** A paid order for what is there, so that nothing of it is available. */
const takenByAnother = (sku: string, quantity: number) => bookedParcel(sku, quantity);

async function shortOf(sku: string): Promise<number> {
  const { rows } = await shop.db.pool.query<{ open: number }>(
    `select coalesce(sum(f.open), 0)::int as open from stock_shortfalls f join products p on p.id = f.product_id
     where p.sku = $1`,
    [sku],
  );
  return rows[0]!.open;
}

async function ledgerOf(sku: string): Promise<string[]> {
  const { rows } = await shop.db.pool.query<{ text: string }>(
    `select t.on_hand_delta || '/' || t.reserved_delta || ' ' || t.actor as text
     from inventory_transactions t join products p on p.id = t.product_id
     where p.sku = $1 and t.kind = 'ship_late' order by t.id`,
    [sku],
  );
  return rows.map(({ text }) => text);
}

async function alertsOf(orderId: string) {
  const { rows } = await shop.db.pool.query<{ status: string; details: Record<string, unknown> }>(
    'select status, details from alerts where order_id = $1 order by id',
    [orderId],
  );
  return rows;
}

describe('a parcel that is picked up after it was voided and its units were put on sale', () => {
  test('has its goods counted as gone, a line in the history of its order, and an alert that names it', async () => {
    const sku = await shop.product({ AMS: 5 });
    const { orderId, shipmentId } = await cancelledParcel(sku, 2);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 0] });
    const before = await viewOf(shop.db, orderId);
    const pickUp = event(shipmentId, 'picked_up', { trackingNumber: 'T-7', detail: 'at the dock' });
    const [results] = await twice(shop.db, () => apply([pickUp]));
    expect(results).toEqual(['applied']);

    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
    expect(await ledgerOf(sku)).toEqual([`-2/0 carrier:${CARRIER}`]);
    expect(await shortOf(sku)).toBe(0);
    const { rows } = await shop.db.pool.query(
      'select status, tracking_number, left_after_stop_at is not null as gone from shipments where id = $1',
      [shipmentId],
    );
    expect(rows).toEqual([{ status: 'voided', tracking_number: 'T-7', gone: true }]);
    const history = await shop.db.pool.query(
      'select type, data from order_events where order_id = $1 order by seq desc limit 1',
      [orderId],
    );
    expect(history.rows).toMatchObject([
      {
        type: 'shipment_left_after_stop',
        data: {
          shipmentId,
          warehouse: 'AMS',
          trackingNumber: 'T-7',
          status: 'voided',
          units: 2,
          items: [{ sku, quantity: 2 }],
        },
      },
    ]);
    // What the customer has got back stays theirs: units, money and status of the order are as they were.
    const view = await viewOf(shop.db, orderId);
    expect(view).toMatchObject({
      status: 'cancelled',
      items: [{ cancelledQuantity: 2, fulfilledQuantity: 0 }],
      refunds: before.refunds,
      shipments: [{ status: 'voided' }],
      attention: [{ kind: 'left_after_stop', about: shipmentId }],
    });
    expect(Date.parse(view.shipments[0]?.leftAfterStopAt ?? '')).not.toBeNaN();
    const [attention] = view.attention;
    expect(attention?.why).toContain(orderId);
    expect(attention?.why).toContain('T-7');
    expect(attention?.next).toContain('/resolve');
    expect(await alertsOf(orderId)).toMatchObject([
      {
        status: 'open',
        details: { severity: 'critical', units: 2, short: 0, items: [{ sku, quantity: 2 }] },
      },
    ]);
  });

  test('leaves nothing that a full check finds, also while its place is short', async () => {
    const sku = await shop.product({ AMS: 2 });
    const { shipmentId } = await cancelledParcel(sku, 2);
    await takenByAnother(sku, 1);
    await tell(shipmentId, 'delivered');
    expect(await shortOf(sku)).toBe(1);
    for (const id of OWN_CHECKS) {
      const found = await findInconsistencies(
        { db: shop.db },
        { check: id, mode: 'full', graceSeconds: 300 },
      );
      expect([id, found]).toEqual([id, []]);
    }
  });

  test('is told of once, however often and in whatever order the carrier repeats it', async () => {
    const sku = await shop.product({ AMS: 3 });
    const { orderId, shipmentId } = await cancelledParcel(sku, 1);
    expect(await tell(shipmentId, 'delivered')).toBe('applied');
    for (const type of ['picked_up', 'delivered', 'failed'] as const)
      expect(await tell(shipmentId, type)).toBe('stale');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
    expect((await eventTypes(shop.db, orderId)).slice(-2)).toEqual([
      'shipment_left_after_stop',
      'shipment_delivered',
    ]);
    expect(await alertsOf(orderId)).toHaveLength(1);
  });

  test('a delivery, or a loss, that follows only adds to the history', async () => {
    const sku = await shop.product({ AMS: 3 });
    const { orderId, shipmentId } = await cancelledParcel(sku, 1);
    const pickUp = event(shipmentId, 'picked_up');
    expect(
      await apply([pickUp, pickUp, event(shipmentId, 'picked_up'), event(shipmentId, 'failed')]),
    ).toEqual(['applied', 'duplicate', 'stale', 'applied']);
    expect(await apply([event(shipmentId, 'delivered'), event(shipmentId, 'delivered')])).toEqual([
      'applied',
      'stale',
    ]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
    expect((await eventTypes(shop.db, orderId)).slice(-3)).toEqual([
      'shipment_left_after_stop',
      'shipment_lost',
      'shipment_delivered',
    ]);
    expect((await viewOf(shop.db, orderId)).shipments).toMatchObject([{ status: 'voided' }]);
  });

  test('is counted once when two processes are told at once', async () => {
    const other = openDatabase({ url: shop.url, poolSize: 4, log: testLogger() });
    try {
      const sku = await shop.product({ AMS: 20 });
      for (let n = 0; n < 8; n++) {
        const { orderId, shipmentId } = await cancelledParcel(sku, 1);
        const told = await Promise.all([
          apply([event(shipmentId, 'picked_up')]),
          apply([event(shipmentId, 'delivered')], other),
          apply([event(shipmentId, 'picked_up')], other),
        ]);
        const applied = told.flat().filter((result) => result === 'applied').length;
        // The delivery says something new whether it comes first or second.
        expect([1, 2]).toContain(applied);
        const types = await eventTypes(shop.db, orderId);
        for (const type of ['shipment_left_after_stop', 'shipment_delivered'])
          expect(types.filter((one) => one === type)).toHaveLength(1);
        expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [19 - n, 0] });
      }
    } finally {
      await other.close();
    }
  });

  test('takes nothing that is reserved for others', async () => {
    const sku = await shop.product({ AMS: 4 });
    const { orderId, shipmentId } = await cancelledParcel(sku, 3);
    const others = await takenByAnother(sku, 2);
    await tell(shipmentId, 'picked_up');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 2] });
    expect(await shortOf(sku)).toBe(1);
    expect(await alertsOf(orderId)).toMatchObject([{ details: { units: 3, short: 1 } }]);
    expect(await shop.place(orderOf({ [sku]: 1 }))).toMatchObject({ outcome: 'rejected' });
    await carry(shop.db, others.shipmentId, 'picked_up');
    expect(await levelsOf(shop.db, sku)).toEqual({});
    // The unit that nobody has: the next that arrives.
    expect(await shortOf(sku)).toBe(1);
    await receive(shop.db, sku, 'AMS', 3);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
    expect(await ledgerOf(sku)).toEqual([`-2/0 carrier:${CARRIER}`, '-1/0 system']);
  });
});

test('a parcel that leaves while somebody else takes the last unit waits for them, and its place is short', async () => {
  const sku = await shop.product({ AMS: 1 });
  const { shipmentId } = await cancelledParcel(sku, 1);
  const { productId, warehouseId } = await findStockKey(shop.db, { sku, location: 'AMS' });
  const other = new Client({ connectionString: shop.url });
  await other.connect();
  try {
    await other.query('begin');
    await other.query(
      `with taken as (
         update stock set on_hand = on_hand - 1 where product_id = $1 and warehouse_id = $2 returning product_id, warehouse_id)
       insert into inventory_transactions (product_id, warehouse_id, kind, on_hand_delta, reserved_delta, effect_id)
       select product_id, warehouse_id, 'write_off', -1, 0, gen_random_uuid() from taken`,
      [productId, warehouseId],
    );
    const told = apply([event(shipmentId, 'picked_up')]);
    await waitFor(async () => {
      const { rows } = await shop.db.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows.length > 0;
    });
    await other.query('commit');
    expect(await told).toEqual(['applied']);
  } finally {
    await other.end();
  }
  expect(await levelsOf(shop.db, sku)).toEqual({});
  expect(await shortOf(sku)).toBe(1);
});

describe('what a place is short of', () => {
  /** A place with nothing available that is short of so many units; the order that keeps as many. */
  async function shortPlace(units: number) {
    const sku = await shop.product({ AMS: units });
    const late = await cancelledParcel(sku, units);
    const other = await takenByAnother(sku, units);
    await tell(late.shipmentId, 'picked_up');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [units, units] });
    expect(await shortOf(sku)).toBe(units);
    return { sku, other };
  }

  test('comes before a backorder when stock arrives', async () => {
    const { sku } = await shortPlace(2);
    const waiting = orderOf({ [sku]: 3 }, { fulfilment: 'backorder' });
    await shop.place(waiting);
    const units = async () => (await viewOf(shop.db, waiting.orderId)).items[0];
    await receive(shop.db, sku, 'AMS', 1);
    expect(await units()).toMatchObject({ reservedQuantity: 0, backorderedQuantity: 3 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 2] });
    await receive(shop.db, sku, 'AMS', 3);
    expect(await units()).toMatchObject({ reservedQuantity: 2, backorderedQuantity: 1 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4] });
    expect(await shortOf(sku)).toBe(0);
  });

  test('is taken from units that come free, and from no other place', async () => {
    const { sku, other } = await shortPlace(2);
    await receive(shop.db, sku, 'BER', 5);
    expect(await shortOf(sku)).toBe(2);
    await compensate(shop.db, other.orderId, 'all');
    expect(await levelsOf(shop.db, sku)).toEqual({ BER: [5, 0] });
    expect(await shortOf(sku)).toBe(0);
  });

  test('is taken from what a batch brings, whose result says what is there then', async () => {
    const { sku } = await shortPlace(1);
    const { outcomes } = await applyUpdates(withStock(shop.db), {
      batchId: newId(),
      atomic: false,
      actor: 'tester',
      updates: [{ sku, location: 'AMS', delta: 3, reason: 'found' }],
    });
    expect(outcomes).toMatchObject([{ status: 'applied', location: { onHand: 3, reserved: 1 } }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 1] });
  });

  test('is taken in the order in which parcels left', async () => {
    const sku = await shop.product({ AMS: 3 });
    const first = await cancelledParcel(sku, 1);
    const second = await cancelledParcel(sku, 2);
    await takenByAnother(sku, 3);
    await apply([event(first.shipmentId, 'picked_up')]);
    await apply([event(second.shipmentId, 'picked_up')]);
    await receive(shop.db, sku, 'AMS', 2);
    const { rows } = await shop.db.pool.query(
      `select shipment_id, open from stock_shortfalls where shipment_id = any ($1::uuid[]) order by id`,
      [[first.shipmentId, second.shipmentId]],
    );
    expect(rows).toEqual([
      { shipment_id: first.shipmentId, open: 0 },
      { shipment_id: second.shipmentId, open: 1 },
    ]);
    await receive(shop.db, sku, 'AMS', 1);
    expect(await shortOf(sku)).toBe(0);
  });

  test('is never sold, when an arrival, a release and orders race', async () => {
    const { sku, other } = await shortPlace(3);
    const orders = Array.from({ length: 6 }, () => orderOf({ [sku]: 1 }));
    const [outcomes] = await Promise.all([
      Promise.all(orders.map((order) => shop.place(order))),
      receive(shop.db, sku, 'AMS', 4),
      voidParcel(other.orderId).then(async () => {
        await releaseStoppedShipments(shop.db, { orderId: other.orderId, endAs: 'cancelled' });
      }),
    ]);
    const reserved = outcomes.filter((each) => each.outcome === 'reserved').length;
    expect(reserved).toBeLessThanOrEqual(4);
    // 3 that were there and 4 that arrived, less 3 that left.
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, reserved] });
    expect(await shortOf(sku)).toBe(0);
  });

  test('counts nothing twice where the transaction that notes it is repeated', async () => {
    const { sku, other } = await shortPlace(1);
    const { rows } = await shop.db.pool.query<{ product_id: number; warehouse_id: number }>(
      `select s.product_id, s.warehouse_id from stock s join products p on p.id = s.product_id where p.sku = $1`,
      [sku],
    );
    const [{ product_id: productId, warehouse_id: warehouseId }] = rows as [(typeof rows)[number]];
    const { rows: shortfalls } = await shop.db.pool.query<{ shipment_id: string }>(
      'select shipment_id from stock_shortfalls where product_id = $1',
      [productId],
    );
    const gone = {
      productId,
      warehouseId,
      quantity: 1,
      orderId: other.orderId,
      shipmentId: shortfalls[0]!.shipment_id,
    };
    await expect(
      shop.db.transaction(async (tx) => {
        await lockStock(tx, [gone]);
        await countAsGone(tx, [gone], 'test');
      }),
    ).rejects.toMatchObject({ constraint: 'stock_shortfalls_one_per_parcel' });
  });
});

describe('a parcel that is picked up after it was stopped and before its units were released', () => {
  test('leaves the money to the order, and the release puts nothing back on sale', async () => {
    const sku = await shop.product({ AMS: 2 });
    const { orderId, shipmentId } = await bookedParcel(sku, 2);
    await voidParcel(orderId);
    expect(await tell(shipmentId, 'picked_up')).toBe('applied');
    // Nothing else is there: the units that the order still keeps are those that left.
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 2] });
    expect(await shortOf(sku)).toBe(2);
    expect(await shop.place(orderOf({ [sku]: 1 }))).toMatchObject({ outcome: 'rejected' });

    expect(await compensate(shop.db, orderId, 'all')).toMatchObject({ status: 'cancelled' });
    expect(await levelsOf(shop.db, sku)).toEqual({});
    expect(await shortOf(sku)).toBe(0);
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      items: [{ cancelledQuantity: 2, fulfilledQuantity: 0 }],
      refunds: [{ amountMinor: 2_000 }],
      reservation: { status: 'cancelled' },
    });
  });

  test('what is available is taken at once, and the release is on sale in its place', async () => {
    const sku = await shop.product({ AMS: 5 });
    const { orderId, shipmentId } = await bookedParcel(sku, 2);
    await voidParcel(orderId);
    await tell(shipmentId, 'delivered');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 2] });
    await compensate(shop.db, orderId, 'all');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
  });

  test('the other parcel of the order goes on', async () => {
    const { orderId, sku } = await placePaid(shop);
    await ship(shop.db, orderId, 'BER', 'failed');
    await ship(shop.db, orderId, 'BER', 'picked_up');
    await compensate(shop.db, orderId, 'failed-only');
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1] });
    await ship(shop.db, orderId, 'AMS', 'picked_up');
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'fulfilled',
      items: [{ fulfilledQuantity: 1, cancelledQuantity: 1 }],
      refunds: [{ amountMinor: 1_000 }],
    });
    expect(await levelsOf(shop.db, sku)).toEqual({});
  });
});

test('a parcel that the carrier had lost and finds again is told in the same call, or later', async () => {
  for (const apart of [true, false]) {
    const sku = await shop.product({ AMS: 1, BER: 4 });
    const { orderId, shipmentId } = await bookedParcel(sku, 1);
    await shop.db.pool.query(`update shipments set status = 'booked' where id = $1`, [shipmentId]);
    const events = [event(shipmentId, 'failed', { detail: 'lost' }), event(shipmentId, 'picked_up')];
    if (apart) {
      await apply(events.slice(0, 1));
      await compensate(shop.db, orderId, 'failed-only');
      expect(await apply(events.slice(1))).toEqual(['applied']);
    } else {
      expect(await apply(events)).toEqual(['applied', 'applied']);
      await compensate(shop.db, orderId, 'failed-only');
    }
    const { rows } = await shop.db.pool.query('select status, error from shipments where id = $1', [
      shipmentId,
    ]);
    expect(rows).toEqual([{ status: 'failed', error: 'lost' }]);
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'failed',
      refunds: [{ amountMinor: 1_000 }],
      attention: [{ kind: 'left_after_stop' }],
    });
    expect(await levelsOf(shop.db, sku)).toEqual({ BER: [4, 0] });
  }
});

describe('units that are tracked', () => {
  test('a serial number that left is out with the order, and may be found again by a correction', async () => {
    const sku = await withSerials(shop, 'A', 'B');
    const { orderId, shipmentId } = await cancelledParcel(sku, 1);
    await tell(shipmentId, 'picked_up');
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: shipped', 'B@AMS: in_stock']);
    expect((await readParcelUnits(shop.db, shipmentId))?.items).toMatchObject([
      { sku, serials: [{ serial: 'A', named: false }] },
    ]);
    await expect(
      nameParcelUnits(shop.db, { shipmentId, items: [{ sku, serials: ['B'] }] }),
    ).rejects.toMatchObject({ code: 'PARCEL_STOPPED' });
    const { rows } = await shop.db.pool.query(
      `select s.order_id from serials s join products p on p.id = s.product_id where p.sku = $1 and s.serial = 'A'`,
      [sku],
    );
    expect(rows).toEqual([{ order_id: orderId }]);
    await findAgain(sku, 'A');
    expect(await serialsOf(shop.db, sku)).toEqual(['A@AMS: in_stock', 'B@AMS: in_stock']);
    // One that a customer has bought is not found.
    const sold = await bookedParcel(sku, 1);
    await carry(shop.db, sold.shipmentId, 'picked_up');
    await expect(findAgain(sku, 'A')).rejects.toMatchObject({ code: 'DUPLICATE_SERIAL' });
  });

  function findAgain(sku: string, serial: string) {
    return adjustStock(withStock(shop.db), {
      sku,
      location: 'AMS',
      change: { delta: 1 },
      reason: 'the parcel came back',
      named: { serials: [serial] },
      actor: 'dock',
      effectId: newId(),
    });
  }

  test('lots go first expired first out, also those that arrive for what the place is short of', async () => {
    const sku = await trackedProduct(shop, { lots: true });
    await deliver(shop.db, [
      { sku, quantity: 2, lot: { code: 'LATE', expiresOn: inDays(20) } },
      { sku, quantity: 1, lot: { code: 'SOON', expiresOn: inDays(10) } },
    ]);
    const { shipmentId } = await cancelledParcel(sku, 3);
    await takenByAnother(sku, 1);
    await tell(shipmentId, 'picked_up');
    expect(await lotsOf(shop.db, sku)).toEqual(['LATE@AMS: 1']);
    await deliver(shop.db, [{ sku, quantity: 2, lot: { code: 'NEW', expiresOn: inDays(30) } }]);
    expect(await shortOf(sku)).toBe(0);
    expect(await lotsOf(shop.db, sku)).toEqual(['NEW@AMS: 2']);
  });
});

test('an unknown parcel and one that was never booked are as before', async () => {
  const sku = await shop.product({ AMS: 1 });
  const { shipmentId } = await bookedParcel(sku, 1);
  expect(await tell(newId(), 'picked_up')).toBe('unknown_shipment');
  expect(await tell(shipmentId, 'picked_up')).toBe('stale');
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1] });
});

test('whatever is placed, stopped, released, picked up and received in whatever order, no unit is lost or sold twice', async () => {
  const random = seededRandom();
  for (let run = 0; run < 6; run++) {
    const start = random.whole(1, 6);
    const sku = await shop.product({ AMS: start });
    const parcels: { orderId: string; shipmentId: string; stopped: boolean; left: boolean }[] = [];
    let arrived = start;
    for (let n = 0; n < 40; n++) {
      const parcel = parcels.length > 0 ? parcels[random.whole(0, parcels.length - 1)] : undefined;
      const act = random.pick([
        'place',
        'place',
        'wait',
        'stop',
        'stop',
        'release',
        'leave',
        'leave',
        'receive',
      ]);
      if (act === 'receive') {
        const units = random.whole(1, 2);
        await receive(shop.db, sku, 'AMS', units);
        arrived += units;
      } else if (act === 'wait') {
        const order = orderOf({ [sku]: random.whole(1, 2) }, { fulfilment: 'backorder' });
        await shop.place(order);
        if (random.chance(0.5)) await cancelUndelivered(shop.db, order.orderId);
      } else if (act === 'place') {
        const order = orderOf({ [sku]: random.whole(1, 2) }, { payment: PAYMENT });
        const { outcome } = await shop.place(order);
        if (outcome !== 'reserved') continue;
        await capture(shop.db, order.orderId);
        const [shipment] = (await viewOf(shop.db, order.orderId)).shipments;
        const { orderId } = order;
        parcels.push({ orderId, shipmentId: shipment!.id, stopped: false, left: false });
      } else if (parcel && act === 'stop' && !parcel.left) {
        await voidParcel(parcel.orderId);
        parcel.stopped = true;
      } else if (parcel && act === 'release' && parcel.stopped) {
        await compensate(shop.db, parcel.orderId, 'all');
      } else if (parcel && act === 'leave') {
        if (parcel.stopped) await tell(parcel.shipmentId, random.pick(['picked_up', 'delivered']));
        else await carry(shop.db, parcel.shipmentId, random.pick(['picked_up', 'delivered']));
        parcel.left = true;
      }
      await expectInvariants(shop.db);
    }
    for (const { orderId, stopped } of parcels) if (stopped) await compensate(shop.db, orderId, 'all');
    const { rows } = await shop.db.pool.query<{ on_hand: number; gone: number }>(
      `select (select sum(on_hand)::int from stock where product_id = p.id) as on_hand,
         (select coalesce(sum(i.quantity), 0)::int from shipments h join shipment_items i on i.shipment_id = h.id
          where i.product_id = p.id and (h.status in ('picked_up', 'delivered') or h.left_after_stop_at is not null)) as gone
       from products p where p.sku = $1`,
      [sku],
    );
    const [{ on_hand: onHand, gone }] = rows as [(typeof rows)[number]];
    expect(onHand - (await shortOf(sku))).toBe(arrived - gone);
  }
});
