import { claimShipments } from '../../domain/fulfilment/book';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { nameParcelUnits } from '../../domain/fulfilment/parcel-units';
import {
  settleAllPromised,
  settlePromised,
  type SettledUpTo,
} from '../../domain/ordering/promised/settle-promised';
import { listAffected, listAlerts } from '../../domain/stock/alerts/list';
import { tellOfStoppedReservations } from '../../domain/stock/alerts/stopped-reservations';
import type { AffectedView } from '../../domain/stock/alerts/types';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { confirmReservation, releaseReservation } from '../../domain/stock/reservations/change-reservation';
import { shipReservation } from '../../domain/stock/reservations/ship-reservation';
import { selectLots } from '../../domain/stock/tracking/view-queries';
import { receiveTransfer } from '../../domain/stock/transfers/receive';
import { startTransfer } from '../../domain/stock/transfers/start';
import {
  correctLotExpiry,
  holdBlockedLots,
  recallLot,
  releaseUnblocked,
  tellOfNearExpiry,
} from '../../domain/warehousing/quality/blocked-lots';
import { releaseFromHold } from '../../domain/warehousing/quality/end-hold';
import { listQualityHolds } from '../../domain/warehousing/quality/holds';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect, shippedOrder } from '../returns/support';
import { carryOutStops } from '../db/carry-out-stops';
import { openReservationShop, viewOfReservation, type ReservationShop } from '../db/reservation-shop';
import { capture, CARRIER, levelsOf, orderOf, PAYMENT, twice, viewOf } from '../db/support';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { withStock } from '../support/stock';
import { deliver, inDays, lotsOf, serialsOf, trackedProduct, withSerials } from './support';

let shop: ReservationShop;
beforeAll(async () => {
  shop = await openReservationShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const lotted = () => trackedProduct(shop, { lots: true });
const lot = (code: string, days?: number) =>
  days === undefined ? { code } : { code, expiresOn: inDays(days) };

/** As if the day after the last of a lot had come. */
const expire = (code: string) =>
  shop.db.pool.query(`update product_lots set expires_on = current_date - 1 where code = $1`, [code]);

function hold(sku: string, code: string, quantity: number, location = 'AMS') {
  return putOnHold(shop.db, {
    holdId: newId(),
    sku,
    location,
    lot: code,
    quantity,
    reason: `recall ${code}`,
    actor: 'tester',
  });
}

const settle = async (sku: string, location = 'AMS') =>
  settlePromised(shop.db, await findStockKey(shop.db, { sku, location }));

async function paid(sku: string, quantity: number): Promise<string> {
  const order = orderOf({ [sku]: quantity }, { payment: PAYMENT });
  await shop.place(order);
  await capture(shop.db, order.orderId);
  return order.orderId;
}

const book = (orderId: string) =>
  shop.db.pool.query(`update shipments set status = 'booked' where order_id = $1 and status = 'pending'`, [
    orderId,
  ]);
const parcelsOf = async (orderId: string) =>
  (await viewOf(shop.db, orderId)).shipments
    .filter(({ status }) => status !== 'voided')
    .map(({ warehouse, status, items }) => `${warehouse} ${status} ${items[0]?.quantity}`)
    .sort();
const alertsOf = async (kind: 'recall' | 'attention' | 'expiry_near', filter: object) =>
  (await listAlerts(shop.db, { kind, limit: 50, offset: 0, ...filter })).items;

describe('a lot that has expired', () => {
  test('on arrival is received and never on sale, also where somebody waits for it', async () => {
    const sku = await lotted();
    const waits = orderOf({ [sku]: 2 }, { fulfilment: 'backorder' });
    await shop.place(waits);
    await deliver(shop.db, [{ sku, quantity: 5, lot: lot('OLD', -1) }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5] });
    expect((await viewOf(shop.db, waits.orderId)).items[0]).toMatchObject({ backorderedQuantity: 2 });
    expect(await shop.place(orderOf({ [sku]: 1 }))).toMatchObject({ outcome: 'rejected' });
    const holds = await listQualityHolds(shop.db, { sku, limit: 10, offset: 0 });
    expect(holds.items).toMatchObject([
      { lot: 'OLD', open: 5, awaited: 0, cause: 'expired', actor: 'system' },
    ]);
    await deliver(shop.db, [{ sku, quantity: 3, lot: lot('TODAY', 0) }]);
    expect((await viewOf(shop.db, waits.orderId)).items[0]).toMatchObject({ reservedQuantity: 2 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [8, 7] });
  });

  test('on the shelf goes off sale, and what is promised of it comes from elsewhere, or is cut', async () => {
    const sku = await lotted();
    const code = newId();
    await deliver(shop.db, [{ sku, quantity: 4, lot: lot(code, 1) }]);
    await deliver(shop.db, [{ sku, quantity: 1, lot: lot('FRESH', 90) }], 'BER');
    const order = orderOf({ [sku]: 3 });
    await shop.place(order);
    await expire(code);
    expect(await twice(shop.db, () => holdBlockedLots(shop.db))).toEqual([1, 0]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4], BER: [1, 0] });
    await settleAllPromised(shop.db);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 4], BER: [1, 1] });
    expect((await viewOf(shop.db, order.orderId)).items[0]).toMatchObject({
      reservedQuantity: 1,
      cancelledQuantity: 2,
    });
    expect(await eventTypes(shop.db, order.orderId)).toContain('units_blocked');
    expect(await alertsOf('recall', { sku })).toMatchObject([
      {
        location: 'AMS',
        details: {
          affected: [
            { orderId: order.orderId, outcome: 'moved', units: 1 },
            { outcome: 'cut', units: 2 },
          ],
        },
      },
    ]);
    expect(await alertsOf('attention', { orderId: order.orderId })).toMatchObject([
      { details: { reason: 'units_blocked', units: 2 } },
    ]);
  });

  test('that comes with a return or a transfer is not on sale', async () => {
    const sku = await lotted();
    const code = newId();
    await deliver(shop.db, [{ sku, quantity: 6, lot: lot(code, 1) }]);
    const orderId = await shippedOrder(shop, { [sku]: 2 });
    const transferId = newId();
    await startTransfer(withStock(shop.db), {
      transferId,
      sku,
      from: 'AMS',
      to: 'BER',
      quantity: 4,
      mode: 'in_transit',
      actor: 'test',
      transitSeconds: 60,
    });
    await expire(code);
    await receiveTransfer(withStock(shop.db), { transferId, receiptId: newId(), actor: 'test' });
    expect((await levelsOf(shop.db, sku))['BER']).toEqual([4, 4]);
    const { id } = await authorise(shop.db, orderId, { [sku]: 2 });
    await comesIn(shop.db, id, { [sku]: 2 });
    await inspect(shop.db, id, [{ sku, restock: 2, writeOff: 0 }]);
    expect((await levelsOf(shop.db, sku))['AMS']).toEqual([2, 2]);
  });

  test('by a mistyped date is corrected, and on sale again; once more and it is not', async () => {
    const sku = await lotted();
    await deliver(shop.db, [{ sku, quantity: 5, lot: lot('L-7', -1) }]);
    const change = { sku, lot: 'l-7', reason: 'mistyped', actor: 'clerk' };
    const corrected = await correctLotExpiry(withStock(shop.db), { ...change, expiresOn: inDays(365) });
    expect(corrected).toMatchObject({ code: 'L-7', expired: false, quantity: 5, held: 0 });
    expect(corrected.changes).toMatchObject([
      { change: 'expiry', before: inDays(-1), after: inDays(365), reason: 'mistyped', actor: 'clerk' },
    ]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 0] });
    await correctLotExpiry(withStock(shop.db), { ...change, expiresOn: inDays(-2) });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5] });
    const [held] = (await listQualityHolds(shop.db, { sku, status: 'open', limit: 1, offset: 0 })).items;
    await expect(
      releaseFromHold(withStock(shop.db), { holdId: held!.id, actor: 't', effectId: newId() }),
    ).rejects.toMatchObject({ code: 'LOT_BLOCKED' });
  });

  test('in a packed parcel keeps it from being booked, and the parcel is made anew', async () => {
    const sku = await lotted();
    const code = newId();
    await deliver(shop.db, [
      { sku, quantity: 2, lot: lot(code, 1) },
      { sku, quantity: 2, lot: lot('FRESH', 90) },
    ]);
    const orderId = await paid(sku, 2);
    const [parcel] = (await viewOf(shop.db, orderId)).shipments;
    const items = [{ sku, lots: [{ code, quantity: 2 }] }];
    await nameParcelUnits(shop.db, { shipmentId: parcel!.id, items });
    await expire(code);
    const claimed = async () =>
      (await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 9 }))
        .filter((one) => one.orderId === orderId)
        .map(({ shipmentId }) => shipmentId);
    expect(await claimed()).toEqual([]);
    await holdBlockedLots(shop.db);
    await settleAllPromised(shop.db);
    await carryOutStops(shop.db, orderId);
    expect(await parcelsOf(orderId)).toEqual(['AMS pending 2']);
    expect(await claimed()).not.toContain(parcel!.id);
    expect((await viewOf(shop.db, orderId)).items[0]).toMatchObject({ cancelledQuantity: 0 });
  });

  test('soon raises an alert while it is on sale, and only then', async () => {
    const sku = await lotted();
    const code = newId();
    await deliver(shop.db, [{ sku, quantity: 5, lot: lot(code, 3) }]);
    await twice(shop.db, () => tellOfNearExpiry(shop.db, { days: 14 }));
    expect(await alertsOf('expiry_near', { sku })).toMatchObject([
      { status: 'open', details: { lots: [{ lot: code, expiresOn: inDays(3), quantity: 5 }] } },
    ]);
    await hold(sku, code, 5);
    await tellOfNearExpiry(shop.db, { days: 14 });
    expect(await alertsOf('expiry_near', { sku, status: 'open' })).toEqual([]);
  });
});

describe('a recall of units that are promised', () => {
  /** Five units of each, BAD first out. */
  async function badAndGood(): Promise<string> {
    const sku = await lotted();
    await deliver(shop.db, [
      { sku, quantity: 5, lot: lot('BAD', 10) },
      { sku, quantity: 5, lot: lot('GOOD', 20) },
    ]);
    return sku;
  }

  test('cuts a reservation to what is good, which alone leaves', async () => {
    const sku = await badAndGood();
    const reservationId = await shop.reserve({ [sku]: 8 });
    await confirmReservation(shop.db, reservationId);
    expect(await hold(sku, 'BAD', 5)).toMatchObject({ quantity: 5, open: 5, awaited: 3 });
    // Nothing but good units may leave, also before it is settled who gives up.
    await expect(shipReservation(withStock(shop.db), reservationId)).rejects.toMatchObject({
      code: 'LOT_BLOCKED',
    });
    await twice(shop.db, () => settle(sku));
    expect((await viewOfReservation(shop.db, reservationId)).items).toMatchObject([{ openQuantity: 5 }]);
    expect((await listQualityHolds(shop.db, { sku, limit: 1, offset: 0 })).items).toMatchObject([
      { open: 5, awaited: 0 },
    ]);
    await shipReservation(withStock(shop.db), reservationId);
    expect(await lotsOf(shop.db, sku)).toEqual(['BAD@AMS: 5']);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [5, 5] });
    expect(await alertsOf('recall', { sku })).toMatchObject([
      { details: { why: 'recall BAD', affected: [{ reservationId, outcome: 'cut', units: 3 }] } },
    ]);
  });

  test('takes what is not paid for first, and the newest of that', async () => {
    const sku = await badAndGood();
    const [old, young] = [orderOf({ [sku]: 3 }), orderOf({ [sku]: 3 })];
    const paidOne = await paid(sku, 3);
    await shop.place(old);
    await shop.place(young);
    await hold(sku, 'BAD', 5);
    await settle(sku);
    const reserved = async (id: string) => (await viewOf(shop.db, id)).items[0]?.reservedQuantity;
    expect(await Promise.all([paidOne, old.orderId, young.orderId].map(reserved))).toEqual([3, 2, 0]);
    expect((await viewOf(shop.db, young.orderId)).status).toBe('cancelled');
  });

  test.each(['pending', 'booked'])(
    'makes a paid parcel that is %s anew: from another warehouse as far as it has any, and the rest is given back',
    async (status) => {
      const sku = await badAndGood();
      const orderId = await paid(sku, 8);
      await deliver(shop.db, [{ sku, quantity: 2, lot: lot('OTHER', 30) }], 'BER');
      if (status === 'booked') await book(orderId);
      await hold(sku, 'BAD', 5);
      const claimed = await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 9 });
      expect(claimed.filter((one) => one.orderId === orderId)).toEqual([]);
      // As the saga does: after each release it settles again.
      for (let round = 0; round < 4; round++) {
        await twice(shop.db, () => settle(sku));
        await carryOutStops(shop.db, orderId);
      }
      expect(await parcelsOf(orderId)).toEqual(['AMS pending 5', 'BER pending 2']);
      expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 10], BER: [2, 2] });
      const view = await viewOf(shop.db, orderId);
      expect(view.items[0]).toMatchObject({ reservedQuantity: 7, cancelledQuantity: 1 });
      expect(view.refunds.map(({ amountMinor }) => amountMinor)).toEqual([view.items[0]?.unitPriceMinor]);
    },
  );

  test('makes a parcel anew into which recalled units were packed, although there are good ones', async () => {
    const sku = await badAndGood();
    const orderId = await paid(sku, 2);
    const [parcel] = (await viewOf(shop.db, orderId)).shipments;
    await nameParcelUnits(shop.db, {
      shipmentId: parcel!.id,
      items: [{ sku, lots: [{ code: 'BAD', quantity: 2 }] }],
    });
    await book(orderId);
    await hold(sku, 'BAD', 5);
    await twice(shop.db, () => settle(sku));
    await carryOutStops(shop.db, orderId);
    expect(await parcelsOf(orderId)).toEqual(['AMS pending 2']);
    const view = await viewOf(shop.db, orderId);
    expect(view.items[0]).toMatchObject({ reservedQuantity: 2 });
    const again = view.shipments.find(({ status }) => status === 'pending')!.id;
    const pack = (code: string) =>
      nameParcelUnits(shop.db, { shipmentId: again, items: [{ sku, lots: [{ code, quantity: 2 }] }] });
    await expect(pack('BAD')).rejects.toMatchObject({ code: 'LOT_BLOCKED' });
    await pack('good');
  });

  test('of a lot puts everything of it on hold, and what comes back of it', async () => {
    const sku = await badAndGood();
    const orderId = await shippedOrder(shop, { [sku]: 1 });
    const change = { sku, lot: 'BAD', reason: 'glass', actor: 'qa' };
    const recalled = await recallLot(withStock(shop.db), { ...change, recalled: true });
    expect(recalled).toMatchObject({ recall: { reason: 'glass', by: 'qa' }, quantity: 4, held: 4 });
    const { id } = await authorise(shop.db, orderId, { [sku]: 1 });
    await comesIn(shop.db, id, { [sku]: 1 });
    await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 5] });
    await recallLot(withStock(shop.db), { ...change, recalled: false, reason: 'tested' });
    await releaseUnblocked(withStock(shop.db));
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 0] });
  });

  test('of named serial numbers is not packed, and is taken last', async () => {
    const sku = await withSerials(shop, 'A1', 'B2', 'C3');
    const orderId = await paid(sku, 2);
    const made = await putOnHold(shop.db, {
      holdId: newId(),
      sku,
      location: 'AMS',
      quantity: 1,
      serials: [' a1'],
      reason: 'x',
      actor: 't',
    });
    expect(made).toMatchObject({ serials: ['A1'], open: 1 });
    const [parcel] = (await viewOf(shop.db, orderId)).shipments;
    await expect(
      nameParcelUnits(shop.db, { shipmentId: parcel!.id, items: [{ sku, serials: ['A1'] }] }),
    ).rejects.toMatchObject({ code: 'SERIAL_BLOCKED' });
    await book(orderId);
    await pickUp(parcel!.id);
    expect(await serialsOf(shop.db, sku)).toEqual(['A1@AMS: in_stock', 'B2@AMS: shipped', 'C3@AMS: shipped']);
    await releaseFromHold(withStock(shop.db), { holdId: made.id, actor: 't', effectId: newId() });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0] });
  });
});

const pickUp = (...shipmentIds: string[]) =>
  applyCarrierEvents(
    withStock(shop.db),
    CARRIER,
    shipmentIds.map((shipmentId) => ({ eventId: newId(), shipmentId, type: 'picked_up' })),
  );

test('a recalled, booked lot that is picked up among a hundred updates is booked as they are, with one alert', async () => {
  const sku = await lotted();
  await deliver(shop.db, [{ sku, quantity: 3, lot: lot('BAD', 10) }]);
  const bad = await paid(sku, 2);
  const other = await shop.product({ AMS: 99 });
  const orders = [bad];
  for (let n = 0; n < 99; n++) orders.push(await paid(other, 1));
  const parcels: string[] = [];
  for (const orderId of orders) {
    await book(orderId);
    parcels.push((await viewOf(shop.db, orderId)).shipments[0]!.id);
  }
  await hold(sku, 'BAD', 3);
  await settle(sku);
  const before = (await alertsOf('attention', {})).length;
  const outcomes = await pickUp(...parcels);
  expect(outcomes.filter(({ result }) => result === 'applied')).toHaveLength(100);
  const alerts = await alertsOf('attention', {});
  expect(alerts).toHaveLength(before + 1);
  expect(alerts[0]).toMatchObject({
    orderId: bad,
    details: {
      reason: 'blocked_left',
      severity: 'critical',
      units: 2,
      items: [{ sku, lot: 'BAD', quantity: 2 }],
    },
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 1] });
  expect(await selectLots(shop.db, sku, 'AMS')).toMatchObject([{ code: 'BAD', quantity: 1, held: 1 }]);
  expect((await listQualityHolds(shop.db, { sku, limit: 1, offset: 0 })).items).toMatchObject([
    { quantity: 3, open: 1, gone: 2, awaited: 0 },
  ]);
});

describe('a recall that concerns many', () => {
  const COUNT = 25;

  /** Reservations of one unit each, all of a lot that is on hold. */
  async function promisedToMany(): Promise<{ sku: string; ids: string[] }> {
    const sku = await lotted();
    await deliver(shop.db, [{ sku, quantity: COUNT, lot: lot('BAD', 10) }]);
    const ids: string[] = [];
    for (let n = 0; n < COUNT; n++) ids.push(await shop.reserve({ [sku]: 1 }));
    await hold(sku, 'BAD', COUNT);
    return { sku, ids };
  }

  test('goes on where it was killed, in small batches, and its alert lists all of them', async () => {
    const { sku, ids } = await promisedToMany();
    const { productId } = await findStockKey(shop.db, { sku, location: 'AMS' });
    let settled: SettledUpTo | null = null;
    let beats = 0;
    const killed = settleAllPromised(shop.db, {
      page: 4,
      beat(upTo) {
        if (upTo.productId !== productId) return;
        settled = upTo;
        if (upTo.promised !== null && ++beats === 10) throw new Error('killed');
      },
    });
    await expect(killed).rejects.toThrow('killed');
    expect((await levelsOf(shop.db, sku))['AMS']).toEqual([COUNT, COUNT]);
    expect(await awaited(sku)).toBe(COUNT - 10);
    const rest: SettledUpTo[] = [];
    const from = JSON.parse(JSON.stringify(settled)) as SettledUpTo;
    expect(await settleAllPromised(shop.db, { page: 4, from, beat: (upTo) => rest.push(upTo) })).toBe(true);
    expect(rest.filter((upTo) => upTo.productId === productId && upTo.promised !== null)).toHaveLength(15);
    expect(await awaited(sku)).toBe(0);

    const [alert] = await alertsOf('recall', { sku });
    expect(alert?.details).toMatchObject({ total: COUNT });
    expect(alert?.details['affected']).toHaveLength(20);
    const listed: AffectedView[] = [];
    let after: string | undefined;
    do {
      const page = await listAffected(shop.db, { alertId: alert!.id, after, limit: 10, offset: 0 });
      listed.push(...page!.items);
      after = page!.next ?? undefined;
    } while (after !== undefined);
    expect(listed.map(({ reservationId }) => reservationId).sort()).toEqual([...ids].sort());
    expect(new Set(listed.map(({ outcome, units }) => `${outcome} ${units}`))).toEqual(new Set(['cut 1']));
    expect(await listAffected(shop.db, { alertId: newId(), limit: 10, offset: 0 })).toBeNull();
  });

  test('ends when its time is up, and the next run does the rest', async () => {
    const { sku } = await promisedToMany();
    const key = await findStockKey(shop.db, { sku, location: 'AMS' });
    expect(await settlePromised(shop.db, key, { withinMs: 0 })).toBe(false);
    expect(await awaited(sku)).toBe(COUNT);
    expect(await settlePromised(shop.db, key)).toBe(true);
    expect(await awaited(sku)).toBe(0);
  });

  async function awaited(sku: string): Promise<number> {
    const [found] = (await listQualityHolds(shop.db, { sku, limit: 1, offset: 0 })).items;
    return found?.awaited ?? -1;
  }
});

test('a confirmed reservation without an order that nobody touches has an alert of its own, until it is released', async () => {
  const id = await shop.reserve({ [await shop.product({ AMS: 2 })]: 2 });
  await confirmReservation(shop.db, id);
  await tellOfStoppedReservations(shop.db);
  const told = async () =>
    (await listAlerts(shop.db, { kind: 'reservation_stopped', limit: 50, offset: 0 })).items.filter(
      ({ details }) => details['reservationId'] === id,
    );
  expect(await told()).toEqual([]);
  await shop.db.pool.query(
    `update reservations set updated_at = updated_at - interval '31 days' where id = $1`,
    [id],
  );
  await twice(shop.db, () => tellOfStoppedReservations(shop.db));
  expect(await told()).toMatchObject([
    { status: 'open', sku: null, location: null, details: { units: 2, days: 30 } },
  ]);
  await releaseReservation(withStock(shop.db), id);
  await tellOfStoppedReservations(shop.db);
  expect(await told()).toMatchObject([{ status: 'resolved' }]);
});

test('holds, parcels, orders, deliveries and releases at once sell no blocked unit and lose none', async () => {
  for (let round = 0; round < 4; round++) {
    const sku = await lotted();
    await deliver(shop.db, [
      { sku, quantity: 12, lot: lot('BAD', 10) },
      { sku, quantity: 12, lot: lot('GOOD', 20) },
    ]);
    const orders = await Promise.all(Array.from({ length: 5 }, () => paid(sku, 3)));
    await Promise.all(orders.slice(0, 3).map(book));
    const parcels = await Promise.all(
      orders.map(async (id) => (await viewOf(shop.db, id)).shipments[0]?.id ?? ''),
    );
    const outcomes = await Promise.allSettled([
      recallLot(withStock(shop.db), { sku, lot: 'BAD', reason: 'x', actor: 't', recalled: true }),
      hold(sku, 'GOOD', 2),
      ...parcels.slice(0, 2).map((id) => pickUp(id)),
      settle(sku),
      ...Array.from({ length: 4 }, () => shop.place(orderOf({ [sku]: 2 }))),
      deliver(shop.db, [{ sku, quantity: 2, lot: lot('BAD', 10) }]),
      deliver(shop.db, [{ sku, quantity: 2, lot: lot('BAD', 10) }], 'BER'),
    ]);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
    for (let again = 0; again < 3; again++) {
      await settle(sku);
      for (const orderId of orders) await carryOutStops(shop.db, orderId);
    }
    const bad = (await selectLots(shop.db, sku, null)).filter(({ code }) => code === 'BAD');
    expect(bad.map(({ quantity, held }) => quantity - held)).toEqual(bad.map(() => 0));
    const holds = await listQualityHolds(shop.db, { sku, status: 'open', limit: 50, offset: 0 });
    expect(holds.items.map(({ awaited }) => awaited)).toEqual(holds.items.map(() => 0));
    await expectInvariants(shop.db);
  }
});
