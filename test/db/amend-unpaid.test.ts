import { expireReservation } from '../../domain/ordering/expire';
import { existingProgress } from '../../domain/ordering/progress';
import { readOrderInput, readSourcing } from '../../domain/orders/views';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import {
  capture,
  levelsOf,
  makeDue,
  openOrderShop,
  pay,
  PAYMENT,
  receive,
  twice,
  viewOf,
  type OrderShop,
} from './support';
import { amendingOrders, asBefore, unitsOf } from './amending-orders';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const { amend, ask, outcomeOf, carryOut, amended, placed, refused } = amendingOrders(() => shop);

describe('an order that is not paid for', () => {
  it('keeps its reservation: more of one product, less of another, a new one, and its expiry stays', async () => {
    const [more, less, other] = [
      await shop.product({ AMS: 2, BER: 2 }),
      await shop.product({ AMS: 3 }),
      await shop.product({ BER: 1 }),
    ];
    const orderId = await placed({ [more]: 1, [less]: 3 });
    const before = await viewOf(shop.db, orderId);
    expect(await amended(orderId, { [more]: 3, [less]: 1, [other]: 1 })).toMatchObject({ state: 'done' });
    const after = await viewOf(shop.db, orderId);
    expect(after.reservations).toEqual(before.reservations);
    expect(after.totalMinor).toBe(5_000);
    expect(unitsOf(after)).toEqual({ [more]: [3, 0, 0], [less]: [1, 0, 2], [other]: [1, 0, 0] });
    expect(after.items[0]?.allocations).toEqual([
      { warehouse: 'AMS', quantity: 2 },
      { warehouse: 'BER', quantity: 1 },
    ]);
    expect(await levelsOf(shop.db, more)).toEqual({ AMS: [2, 2], BER: [2, 1] });
    expect(await levelsOf(shop.db, less)).toEqual({ AMS: [3, 1] });
    const items = [
      { sku: more, quantity: 3 },
      { sku: less, quantity: 1 },
      { sku: other, quantity: 1 },
    ];
    expect((await readOrderInput(shop.db, orderId))?.input.items).toEqual(items);
    expect((await readSourcing(shop.db, orderId))?.map(({ sku, requested }) => [sku, requested])).toEqual([
      [more, 2],
      [less, 3],
      [other, 1],
    ]);
    expect((await eventTypes(shop.db, orderId)).slice(-3)).toEqual([
      'amend_requested',
      'stock_reserved',
      'order_amended',
    ]);

    // It is charged for what it has now.
    await pay(shop.db, orderId);
    await capture(shop.db, orderId);
    expect((await viewOf(shop.db, orderId)).payment).toMatchObject({
      amountMinor: 5_000,
      status: 'captured',
    });
  });

  it('takes the last units, and stays as it was when one is missing', async () => {
    const [scarce, other] = [await shop.product({ AMS: 2, BER: 1 }), await shop.product({ AMS: 1 })];
    const orderId = await placed({ [scarce]: 1, [other]: 1 });
    expect(await refused(orderId, { [scarce]: 4, [other]: 0 })).toMatchObject({
      code: 'OUT_OF_STOCK',
      details: { shortages: [{ sku: scarce, requested: 3, available: 2 }] },
    });
    expect(await levelsOf(shop.db, scarce)).toEqual({ AMS: [2, 1], BER: [1, 0] });
    expect(await amended(orderId, { [scarce]: 3, [other]: 0 })).toMatchObject({ state: 'done' });
    expect(await levelsOf(shop.db, scarce)).toEqual({ AMS: [2, 2], BER: [1, 1] });
    expect(await levelsOf(shop.db, other)).toEqual({ AMS: [1, 0] });
  });

  it('gets units of reservations that are due and not freed yet', async () => {
    const sku = await shop.product({ AMS: 2 });
    const due = await placed({ [sku]: 1 });
    const orderId = await placed({ [sku]: 1 });
    await makeDue(shop.db, due);
    expect(await amended(orderId, { [sku]: 2 })).toMatchObject({ state: 'done' });
    expect(await viewOf(shop.db, due)).toMatchObject({ status: 'expired' });
  });

  it('gives what it takes out to those who wait for it', async () => {
    const sku = await shop.product({ AMS: 2 });
    const orderId = await placed({ [sku]: 2 });
    const waiting = await placed({ [sku]: 1 }, { fulfilment: 'backorder' });
    await amended(orderId, { [sku]: 1 });
    expect(await viewOf(shop.db, waiting)).toMatchObject({ items: [{ reservedQuantity: 1 }] });
  });

  it('that takes out what waits for stock first, and never lets more wait', async () => {
    const sku = await shop.product({ AMS: 2 });
    const orderId = await placed({ [sku]: 5 }, { fulfilment: 'backorder' });
    expect(await refused(orderId, { [sku]: 6 })).toMatchObject({ code: 'OUT_OF_STOCK' });
    expect(await amended(orderId, { [sku]: 3 })).toMatchObject({ state: 'done' });
    expect(unitsOf(await viewOf(shop.db, orderId))).toEqual({ [sku]: [2, 1, 2] });
    expect(await amended(orderId, { [sku]: 1 })).toMatchObject({ state: 'done' });
    const view = await viewOf(shop.db, orderId);
    expect(unitsOf(view)).toEqual({ [sku]: [1, 0, 4] });
    expect(view.totalMinor).toBe(1_000);
  });

  it('of which all waits for stock gets a reservation for what is added', async () => {
    const [later, now] = [await shop.product({}), await shop.product({ AMS: 1 })];
    const orderId = await placed({ [later]: 1 }, { fulfilment: 'backorder' });
    expect(await amended(orderId, { [now]: 1 })).toMatchObject({ state: 'done' });
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      reservations: [{ status: 'pending' }],
      totalMinor: 2_000,
    });
  });

  it('counts units that were cancelled before as ordered anew', async () => {
    const sku = await shop.product({ AMS: 2 });
    const orderId = await placed({ [sku]: 3 }, { fulfilment: 'partial' });
    await receive(shop.db, sku, 'AMS', 2);
    expect(await amended(orderId, { [sku]: 4 })).toMatchObject({ state: 'done' });
    expect((await viewOf(shop.db, orderId)).items).toMatchObject([
      { quantity: 4, reservedQuantity: 4, cancelledQuantity: 0 },
    ]);
  });

  it('either is amended or expires', async () => {
    const sku = await shop.product({ AMS: 2 });
    const orderId = await placed({ [sku]: 1 });
    const requestId = await ask(orderId, { [sku]: 2 });
    await makeDue(shop.db, orderId);
    const { reservations } = await existingProgress(shop.db, orderId);
    await Promise.all([
      amend(orderId),
      expireReservation(shop.db, { orderId, reservationId: reservations[0]!.reservationId }),
    ]);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'refused', code: 'NOT_AMENDABLE' });
    expect(await viewOf(shop.db, orderId)).toMatchObject({ status: 'expired', totalMinor: 1_000 });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
  });

  it('that is amended in time expires with all it has then', async () => {
    const sku = await shop.product({ AMS: 2 });
    const orderId = await placed({ [sku]: 1 });
    await amended(orderId, { [sku]: 2 });
    const { reservations } = await existingProgress(shop.db, orderId);
    await makeDue(shop.db, orderId);
    await expireReservation(shop.db, { orderId, reservationId: reservations[0]!.reservationId });
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 0] });
  });

  it('goes elsewhere, and what is reserved stays where it is', async () => {
    const sku = await shop.product({ AMS: 1, NYC: 1 });
    const orderId = await placed({ [sku]: 1 });
    const shipTo = { region: 'us-east' };
    expect(await amended(orderId, {}, shipTo)).toMatchObject({ state: 'done' });
    const view = await viewOf(shop.db, orderId);
    expect(view).toMatchObject({ shipTo, items: [{ allocations: [{ warehouse: 'AMS' }] }] });
    expect((await readOrderInput(shop.db, orderId))?.input.shipTo).toEqual(shipTo);
    // What is added later is taken from the nearest to the new address.
    await amended(orderId, { [sku]: 2 });
    expect((await viewOf(shop.db, orderId)).items[0]?.allocations).toContainEqual({
      warehouse: 'NYC',
      quantity: 1,
    });
  });
});

it('an order of which all waits for stock still waits when what is added to it expires', async () => {
  const [later, now] = [await shop.product({}), await shop.product({ AMS: 1 })];
  const orderId = await placed({ [later]: 1 }, { fulfilment: 'backorder', payment: PAYMENT });
  const before = asBefore(await viewOf(shop.db, orderId));
  const requestId = await ask(orderId, { [now]: 1 });
  await amend(orderId);
  await makeDue(shop.db, orderId);
  const [own] = (await existingProgress(shop.db, orderId)).reservations;
  await twice(shop.db, () => expireReservation(shop.db, { orderId, reservationId: own!.reservationId }));
  await carryOut(orderId);
  expect(await outcomeOf(requestId)).toMatchObject({ state: 'refused', code: 'NOT_AMENDABLE' });
  expect(asBefore(await viewOf(shop.db, orderId))).toEqual(before);
});
