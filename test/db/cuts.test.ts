import { askToStop } from '../../domain/fulfilment/stop';
import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { cutUnits, stopDoubledShipments } from '../../domain/ordering/cuts/cut';
import { readCut, requestCut } from '../../domain/ordering/cuts/request';
import { requestCancel, cancelUndelivered } from '../../domain/ordering/cancel';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { nextStep } from '../../domain/ordering/rules';
import { readProgress } from '../../domain/ordering/progress';
import type { Carrier } from '../../domain/fulfilment/types';
import { newId } from '../../platform/ids';
import { eventTypes } from '../support/fixtures';
import { withStock } from '../support/stock';
import { expectInvariants } from '../support/invariants';
import {
  capture,
  carry,
  levelsOf,
  obligingCarrier,
  openOrderShop,
  orderOf,
  pay,
  PAYMENT,
  receive,
  twice,
  viewOf,
  type OrderShop,
} from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const refusingCarrier: Carrier = { ...obligingCarrier, void: () => Promise.resolve('refused') };

async function ask(orderId: string, items: Record<string, number>, requestId = newId()): Promise<string> {
  await requestCut(shop.db, {
    orderId,
    requestId,
    items: Object.entries(items).map(([sku, quantity]) => ({ sku, quantity })),
    reason: 'too many',
  });
  return requestId;
}

/** Does what the saga does about cuts, each step twice. */
async function carryOut(orderId: string, carrier: Carrier = obligingCarrier): Promise<void> {
  const { db } = shop;
  for (let steps = 0; steps < 20; steps++) {
    const step = nextStep((await readProgress(db, orderId))!);
    if (step.do === 'cut') await twice(db, () => cutUnits(db, orderId));
    else if (step.do === 'stop') await twice(db, () => askToStop({ db, carriers: [carrier] }, orderId));
    else if (step.do === 'release-stopped')
      await twice(db, () => releaseStoppedShipments(db, { orderId, endAs: 'cancelled' }));
    else return;
  }
  throw new Error('the cut does not end');
}

async function placed(
  items: Record<string, number>,
  rest: Parameters<typeof orderOf>[1] = {},
): Promise<string> {
  const order = orderOf(items, rest);
  await shop.place(order);
  return order.orderId;
}

async function paid(
  items: Record<string, number>,
  rest: Parameters<typeof orderOf>[1] = {},
): Promise<string> {
  const orderId = await placed(items, { ...rest, payment: PAYMENT });
  await capture(shop.db, orderId);
  return orderId;
}

const book = (orderId: string) =>
  shop.db.pool.query(`update shipments set status = 'booked' where order_id = $1 and status = 'pending'`, [
    orderId,
  ]);
const parcelsOf = async (orderId: string) =>
  (await viewOf(shop.db, orderId)).shipments.map(({ status, items }) => [status, items[0]?.quantity]);

test.each(['pending', 'booked'])(
  'one unit of three is cut of a shipment that is %s: the rest ships anew, and its price goes back',
  async (status) => {
    const sku = await shop.product({ AMS: 3 });
    const orderId = await paid({ [sku]: 3 });
    if (status === 'booked') await book(orderId);
    const requestId = await ask(orderId, { [sku]: 1 });
    expect((await viewOf(shop.db, orderId)).openCuts).toEqual([
      {
        requestId,
        since: expect.stringMatching(/Z$/) as string,
        reason: 'too many',
        items: [{ sku, quantity: 1, cutQuantity: 0 }],
      },
    ]);
    await carryOut(orderId);
    expect(await readCut(shop.db, requestId)).toEqual({ isOpen: false, units: 1 });
    const view = await viewOf(shop.db, orderId);
    expect(view.openCuts).toEqual([]);
    expect(view.items).toMatchObject([
      { reservedQuantity: 2, cancelledQuantity: 1, allocations: [{ quantity: 2 }] },
    ]);
    expect(view.refunds).toMatchObject([{ amountMinor: 1_000, reason: 'a part was cancelled' }]);
    expect(await parcelsOf(orderId)).toEqual([
      ['voided', 3],
      ['pending', 2],
    ]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 2] });

    // And of the same parcel once more.
    await book(orderId);
    await ask(orderId, { [sku]: 1 });
    await carryOut(orderId);
    expect(await parcelsOf(orderId)).toEqual([
      ['voided', 3],
      ['voided', 2],
      ['pending', 1],
    ]);
    const last = (await viewOf(shop.db, orderId)).shipments.at(-1)!;
    await carry(shop.db, last.id, 'picked_up');
    const ended = await viewOf(shop.db, orderId);
    expect(ended).toMatchObject({ status: 'fulfilled', reservation: { status: 'shipped' } });
    expect(ended.items).toMatchObject([{ fulfilledQuantity: 1, cancelledQuantity: 2 }]);
    expect(ended.refunds.map(({ amountMinor }) => amountMinor)).toEqual([1_000, 1_000]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
  },
);

test('the same request again cuts once', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orderId = await paid({ [sku]: 3 });
  const requestId = await ask(orderId, { [sku]: 1 });
  await ask(orderId, { [sku]: 1 }, requestId);
  await carryOut(orderId);
  await ask(orderId, { [sku]: 1 }, requestId);
  await carryOut(orderId);
  expect((await viewOf(shop.db, orderId)).items).toMatchObject([{ cancelledQuantity: 1 }]);
  expect((await eventTypes(shop.db, orderId)).filter((type) => type === 'cut_requested')).toHaveLength(1);
});

test('units of an order that is not paid are released, and it is paid for what is left', async () => {
  const sku = await shop.product({ AMS: 2, BER: 2 });
  const orderId = await placed({ [sku]: 4 });
  await ask(orderId, { [sku]: 3 });
  await carryOut(orderId);
  expect(await levelsOf(shop.db, sku)).toMatchObject({});
  expect((await viewOf(shop.db, orderId)).items).toMatchObject([
    { reservedQuantity: 1, cancelledQuantity: 3 },
  ]);
  await pay(shop.db, orderId);
  expect((await viewOf(shop.db, orderId)).payment).toMatchObject({ amountMinor: 1_000 });
});

test('all units of an order that is not paid end it', async () => {
  const sku = await shop.product({ AMS: 2 });
  const orderId = await placed({ [sku]: 2 });
  await ask(orderId, { [sku]: 2 });
  await carryOut(orderId);
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    status: 'cancelled',
    reservation: { status: 'cancelled' },
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
});

test('units that wait for stock are cut first, and only as many as were asked for', async () => {
  const sku = await shop.product({ AMS: 1 });
  const orderId = await paid({ [sku]: 4 }, { fulfilment: 'backorder' });
  await ask(orderId, { [sku]: 2 });
  await carryOut(orderId);
  const view = await viewOf(shop.db, orderId);
  expect(view.items).toMatchObject([{ reservedQuantity: 1, backorderedQuantity: 1, cancelledQuantity: 2 }]);
  expect(view.refunds).toEqual([]);
  await receive(shop.db, sku, 'AMS', 2);
  expect((await viewOf(shop.db, orderId)).items).toMatchObject([{ reservedQuantity: 2 }]);
});

test('what has left or the carrier refuses to stop is not cut; the request is refused, or done with what could be', async () => {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  const orderId = await paid({ [sku]: 2 });
  await book(orderId);
  const refused = await ask(orderId, { [sku]: 2 });
  await carryOut(orderId, refusingCarrier);
  expect(await readCut(shop.db, refused)).toEqual({ isOpen: false, units: 0 });
  expect(await eventTypes(shop.db, orderId)).toContain('cut_refused');
  expect((await viewOf(shop.db, orderId)).refunds).toEqual([]);

  await shop.db.pool.query('update shipments set stop_refused_at = null where order_id = $1', [orderId]);
  const [first] = (await viewOf(shop.db, orderId)).shipments;
  await carry(shop.db, first!.id, 'picked_up');
  const inPart = await ask(orderId, { [sku]: 2 });
  await carryOut(orderId);
  expect(await readCut(shop.db, inPart)).toEqual({ isOpen: false, units: 1 });
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    status: 'fulfilled',
    refunds: [{ amountMinor: 1_000 }],
  });
});

test('a carrier that fails the parcel meanwhile gives up all of it, and the cut counts its part', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orderId = await paid({ [sku]: 3 });
  await book(orderId);
  const requestId = await ask(orderId, { [sku]: 1 });
  await cutUnits(shop.db, orderId);
  const [parcel] = (await viewOf(shop.db, orderId)).shipments;
  await carry(shop.db, parcel!.id, 'failed');
  await carryOut(orderId);
  expect(await readCut(shop.db, requestId)).toEqual({ isOpen: false, units: 1 });
  expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([{ amountMinor: 3_000 }]);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
});

test('a parcel that fails beside one that was stopped for a cut is what the cut takes, and the other ships again', async () => {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  const orderId = await paid({ [sku]: 2 });
  await book(orderId);
  const requestId = await ask(orderId, { [sku]: 1 });
  await cutUnits(shop.db, orderId);
  const { shipments } = await viewOf(shop.db, orderId);
  const other = shipments.find(({ status }) => status === 'booked');
  await carry(shop.db, other!.id, 'failed');
  await askToStop({ db: shop.db, carriers: [obligingCarrier] }, orderId);
  await carryOut(orderId);
  expect(await readCut(shop.db, requestId)).toEqual({ isOpen: false, units: 1 });
  const view = await viewOf(shop.db, orderId);
  expect(view.refunds).toMatchObject([{ amountMinor: 1_000 }]);
  expect(view.shipments.filter(({ status }) => status === 'pending')).toHaveLength(1);
});

test('an order has a bound of requests to cut, of which one more changes nothing and asks no carrier', async () => {
  const sku = await shop.product({ AMS: 2 });
  const orderId = await paid({ [sku]: 2 });
  await book(orderId);
  const requestId = await ask(orderId, { [sku]: 1 });
  await carryOut(orderId, refusingCarrier);
  const refused = () =>
    shop.db.pool.query('select from shipments where order_id = $1 and stop_refused_at is not null', [
      orderId,
    ]);
  expect((await refused()).rowCount).toBe(1);
  // The same again asks no carrier either.
  await ask(orderId, { [sku]: 1 }, requestId);
  expect((await refused()).rowCount).toBe(1);
  await shop.db.pool.query(
    `insert into order_cuts (id, request_id, order_id, product_id, quantity, state)
     select gen_random_uuid(), gen_random_uuid(), c.order_id, c.product_id, 1, 'refused'
     from order_cuts c, generate_series(1, 199) where c.request_id = $1`,
    [requestId],
  );
  await expect(ask(orderId, { [sku]: 1 })).rejects.toMatchObject({ code: 'AMENDMENTS_EXCEEDED' });
  expect((await refused()).rowCount).toBe(1);
});

test('an order that is cancelled while a part of it is being cut ends as a whole', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orderId = await paid({ [sku]: 3 });
  await book(orderId);
  const requestId = await ask(orderId, { [sku]: 1 });
  await cutUnits(shop.db, orderId);
  await requestCancel(shop.db, { orderId, reason: 'all of it' });
  await cancelUndelivered(shop.db, orderId);
  await carryOut(orderId);
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    status: 'cancelled',
    refunds: [{ amountMinor: 3_000 }],
    items: [{ cancelledQuantity: 3 }],
  });
  expect((await readCut(shop.db, requestId))?.isOpen).toBe(false);
});

test('two requests for the same units share them', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orderId = await paid({ [sku]: 3 });
  const requests = await Promise.all([ask(orderId, { [sku]: 2 }), ask(orderId, { [sku]: 2 })]);
  await carryOut(orderId);
  const cut = await Promise.all(requests.map((id) => readCut(shop.db, id)));
  expect(cut.map((one) => one?.units).sort()).toEqual([1, 2]);
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    status: 'cancelled',
    refunds: [{ amountMinor: 3_000 }],
  });
});

test('units of one product are cut while another product waits for a charge', async () => {
  const [sku, other] = [await shop.product({ AMS: 1 }), await shop.product({})];
  const orderId = await placed({ [sku]: 1, [other]: 3 }, { fulfilment: 'backorder', payment: PAYMENT });
  const requestId = await ask(orderId, { [other]: 2 });
  await carryOut(orderId);
  expect(await readCut(shop.db, requestId)).toEqual({ isOpen: false, units: 2 });
  // Of what is being charged nothing is known yet: it waits, and is cut when the charge has its outcome.
  const waiting = await ask(orderId, { [sku]: 1 });
  await twice(shop.db, () => cutUnits(shop.db, orderId));
  expect(await readCut(shop.db, waiting)).toEqual({ isOpen: true, units: 0 });
  await capture(shop.db, orderId);
  await carryOut(orderId);
  expect(await readCut(shop.db, waiting)).toEqual({ isOpen: false, units: 1 });
});

test('a parcel that leaves although it was stopped for a cut is not sent twice', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orderId = await paid({ [sku]: 3 });
  await book(orderId);
  await ask(orderId, { [sku]: 1 });
  await carryOut(orderId);
  await book(orderId);
  const [stopped, rest] = (await viewOf(shop.db, orderId)).shipments;
  await applyCarrierEvents(withStock(shop.db), 'sandbox', [
    { eventId: newId(), shipmentId: stopped!.id, type: 'picked_up' },
  ]);
  expect(nextStep((await readProgress(shop.db, orderId))!)).toEqual({ do: 'stop-doubled' });
  await twice(shop.db, () => stopDoubledShipments(shop.db, orderId));
  await carryOut(orderId);
  const view = await viewOf(shop.db, orderId);
  expect(view.shipments.find(({ id }) => id === rest!.id)).toMatchObject({ status: 'voided' });
  expect(view).toMatchObject({
    status: 'cancelled',
    attention: [{ kind: 'left_after_stop', about: stopped!.id }],
  });
  expect(view.refunds.map(({ amountMinor }) => amountMinor)).toEqual([1_000, 2_000]);
});

test('a parcel that leaves before what remains of it is shipped anew is given up as a whole', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orderId = await paid({ [sku]: 3 });
  await book(orderId);
  await ask(orderId, { [sku]: 1 });
  await cutUnits(shop.db, orderId);
  await askToStop({ db: shop.db, carriers: [obligingCarrier] }, orderId);
  const [stopped] = (await viewOf(shop.db, orderId)).shipments;
  await applyCarrierEvents(withStock(shop.db), 'sandbox', [
    { eventId: newId(), shipmentId: stopped!.id, type: 'picked_up' },
  ]);
  await carryOut(orderId);
  const view = await viewOf(shop.db, orderId);
  expect(view.shipments).toHaveLength(1);
  expect(view.refunds).toMatchObject([{ amountMinor: 3_000 }]);
});
