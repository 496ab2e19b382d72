import { Client } from 'pg';
import { findInconsistencies } from '../../domain/assurance/run-check';
import { cancelUndelivered } from '../../domain/ordering/cancel';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { openDatabase } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import {
  capture,
  carry,
  CARRIER,
  compensate,
  levelsOf,
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
import { waitFor } from '../support/wait';
import { stoppedParcelsOf } from './stopped-parcels';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const {
  event,
  apply,
  tell,
  bookedParcel,
  cancelledParcel,
  voidParcel,
  takenByAnother,
  shortOf,
  ledgerOf,
  alertsOf,
} = stoppedParcelsOf(() => shop);

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
