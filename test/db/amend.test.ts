import { Client } from 'pg';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { claimShipments } from '../../domain/fulfilment/book';
import { createOrderAmender } from '../../domain/ordering/amendments/amend';
import { readAmendment, requestAmend } from '../../domain/ordering/amendments/request';
import {
  abandonReservation,
  cancelUndelivered,
  concludeCancel,
  requestCancel,
} from '../../domain/ordering/cancel';
import { cutUnits } from '../../domain/ordering/cuts/cut';
import { readCut, requestCut } from '../../domain/ordering/cuts/request';
import { expireReservation } from '../../domain/ordering/expire';
import { settleAuthorizations } from '../../domain/ordering/capture';
import { beginCharge, settleCharge } from '../../domain/ordering/pay';
import { existingProgress, readProgress } from '../../domain/ordering/progress';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { decideReview } from '../../domain/ordering/review';
import { nextStep } from '../../domain/ordering/rules';
import type { OrderView } from '../../domain/ordering/types';
import { orderPaymentId } from '../../domain/orders/ids';
import { readOrderInput, readSourcing } from '../../domain/orders/views';
import type { ShipTo } from '../../domain/stock/sourcing/types';
import { newId } from '../../platform/ids';
import { CHARGE_TERMS, eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import {
  addProduct,
  AMSTERDAM,
  capture,
  CARRIER,
  carry,
  decline,
  levelsOf,
  makeDue,
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

const amend = (orderId: string, amountProblem: () => string | null = () => null) =>
  createOrderAmender({
    db: shop.db,
    warehouses: createWarehouseDirectory(shop.db),
    gateway: { amountProblem },
    strategy: 'nearest',
    attemptLimit: 2,
  })(orderId);

/** Amendments of one order. */
const LIMIT = 8;

async function ask(
  orderId: string,
  items: Record<string, number>,
  shipTo: ShipTo | null = null,
  requestId = newId(),
): Promise<string> {
  const lines = Object.entries(items).map(([sku, quantity]) => ({ sku, quantity }));
  await requestAmend(shop.db, { orderId, requestId, items: lines, shipTo }, LIMIT);
  return requestId;
}

const outcomeOf = async (requestId: string) => (await readAmendment(shop.db, requestId))!;

/** Does what the saga does without the gateway, each step twice. Returns what is due at the gateway, at the end. */
async function carryOut(orderId: string) {
  const { db } = shop;
  for (let steps = 0; steps < 20; steps++) {
    const progress = await existingProgress(db, orderId);
    const step = nextStep(progress);
    if (step.do === 'amend') await twice(db, () => amend(orderId));
    else if (step.do === 'conclude-cancel') await concludeCancel(db, orderId);
    else if (step.do === 'cut') await twice(db, () => cutUnits(db, orderId));
    else if (step.do === 'release-stopped')
      await twice(db, () => releaseStoppedShipments(db, { orderId, endAs: 'cancelled' }));
    else if (step.do === 'begin-charge')
      await beginCharge(db, {
        orderId,
        updateId: `allocation:${step.reservationId}`,
        payment: null,
        reservationId: step.reservationId,
        gateway: 'sandbox',
        attemptLimit: 10,
      });
    else return progress;
  }
  throw new Error('the amendment does not end');
}

async function amended(orderId: string, items: Record<string, number>, shipTo: ShipTo | null = null) {
  const requestId = await ask(orderId, items, shipTo);
  await carryOut(orderId);
  return outcomeOf(requestId);
}

async function placed(items: Record<string, number>, rest: Parameters<typeof orderOf>[1] = {}) {
  const order = orderOf(items, rest);
  await shop.place(order);
  return order.orderId;
}

async function paid(items: Record<string, number>, rest: Parameters<typeof orderOf>[1] = {}) {
  const orderId = await placed(items, { ...rest, payment: PAYMENT });
  await capture(shop.db, orderId);
  return orderId;
}

function authorise(orderId: string, attempt: number) {
  const paymentId = orderPaymentId(orderId, attempt);
  const gatewayRef = `ref-${paymentId}`;
  const outcome = { status: 'authorized', gatewayRef, multicapture: true, captureBefore: null } as const;
  return settleCharge(shop.db, { paymentId, outcome, carrier: CARRIER, ...CHARGE_TERMS });
}

/** Units of an order by SKU: reserved, waiting, cancelled. */
const unitsOf = (view: OrderView) =>
  Object.fromEntries(
    view.items.map((item) => [
      item.sku,
      [item.reservedQuantity, item.backorderedQuantity, item.cancelledQuantity],
    ]),
  );

/** What an amendment must leave alone. */
const asBefore = ({ status, totalMinor, shipTo, items, shipments }: OrderView) => ({
  status,
  totalMinor,
  shipTo,
  items,
  shipments,
});

async function refused(orderId: string, items: Record<string, number>, shipTo: ShipTo | null = null) {
  const before = asBefore(await viewOf(shop.db, orderId));
  const outcome = await amended(orderId, items, shipTo);
  expect(outcome.state).toBe('refused');
  expect(asBefore(await viewOf(shop.db, orderId))).toEqual(before);
  return outcome;
}

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

describe('an order that is paid for', () => {
  it('is charged for what is added, and only then what is taken out is cut and its price goes back', async () => {
    const [more, less] = [await shop.product({ AMS: 3 }), await shop.product({ AMS: 2, BER: 1 })];
    const orderId = await paid({ [more]: 1, [less]: 3 });
    const requestId = await ask(orderId, { [more]: 3, [less]: 1 });
    await carryOut(orderId);
    // While it is charged nothing of the order is booked.
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'open' });
    const during = await viewOf(shop.db, orderId);
    expect(during).toMatchObject({ totalMinor: 6_000, refunds: [] });
    expect(during.payments).toMatchObject([
      { status: 'captured' },
      { status: 'pending', amountMinor: 2_000 },
    ]);
    expect(await claimed(orderId)).toEqual([]);

    await capture(shop.db, orderId, 2);
    await carryOut(orderId);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'done' });
    const after = await viewOf(shop.db, orderId);
    expect(unitsOf(after)).toEqual({ [more]: [3, 0, 0], [less]: [1, 0, 2] });
    expect(after.totalMinor).toBe(4_000);
    expect(after.refunds.reduce((sum, { amountMinor }) => sum + amountMinor, 0)).toBe(2_000);
    expect((await readOrderInput(shop.db, orderId))?.input.items).toEqual([
      { sku: more, quantity: 3 },
      { sku: less, quantity: 1 },
    ]);
    expect((await claimed(orderId)).sort()).toEqual(
      after.shipments
        .filter(({ status }) => status === 'pending')
        .map(({ id }) => id)
        .sort(),
    );
  });

  it('stays as it was when what is added is declined', async () => {
    const [more, less, other] = [
      await shop.product({ AMS: 3 }),
      await shop.product({ AMS: 2 }),
      await shop.product({ AMS: 1 }),
    ];
    const orderId = await paid({ [more]: 1, [less]: 2 });
    const before = asBefore(await viewOf(shop.db, orderId));
    const { input } = (await readOrderInput(shop.db, orderId))!;
    const sourcing = await readSourcing(shop.db, orderId);
    const requestId = await ask(orderId, { [more]: 3, [less]: 1, [other]: 1 }, { region: 'us-east' });
    await carryOut(orderId);
    expect((await readSourcing(shop.db, orderId))?.map(({ sku, requested }) => [sku, requested])).toEqual([
      [more, 2],
      [less, 2],
      [other, 1],
    ]);
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      shipTo: { region: 'us-east' },
      totalMinor: 6_000,
    });
    await decline(shop.db, orderId, 2);
    await carryOut(orderId);
    const after = await viewOf(shop.db, orderId);
    expect(await outcomeOf(requestId)).toMatchObject({
      state: 'refused',
      code: 'PAYMENT_DECLINED',
      details: { declineCode: 'card_declined', paymentId: after.payment?.id },
    });
    expect(asBefore(after)).toEqual(before);
    expect((await readOrderInput(shop.db, orderId))?.input).toEqual(input);
    expect(await readSourcing(shop.db, orderId)).toEqual(sourcing);
    expect(await levelsOf(shop.db, more)).toEqual({ AMS: [3, 1] });
    expect(await levelsOf(shop.db, other)).toEqual({ AMS: [1, 0] });
    // And it is booked now.
    expect(await claimed(orderId)).toEqual(after.shipments.map(({ id }) => id));
  });

  it('or only authorised is authorised for what is added, and less is captured of what is taken out', async () => {
    const [more, less] = [await shop.product({ AMS: 2 }), await shop.product({ AMS: 2 })];
    const orderId = await placed({ [more]: 1, [less]: 2 }, { payment: PAYMENT, capture: 'on_shipment' });
    await authorise(orderId, 1);
    const requestId = await ask(orderId, { [more]: 2, [less]: 1 });
    await carryOut(orderId);
    await authorise(orderId, 2);
    await carryOut(orderId);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'done' });
    const view = await viewOf(shop.db, orderId);
    expect(view).toMatchObject({ totalMinor: 3_000, refunds: [] });
    expect(unitsOf(view)).toEqual({ [more]: [2, 0, 0], [less]: [1, 0, 1] });
    for (const { id, status } of view.shipments)
      if (status === 'pending') await carry(shop.db, id, 'picked_up');
    await settleAuthorizations(shop.db, orderId);
    const { payments } = await viewOf(shop.db, orderId);
    expect(payments.map(({ captures }) => captures.reduce((sum, one) => sum + one.amountMinor, 0))).toEqual([
      2_000, 1_000,
    ]);
  });

  it('is not charged for more once additions were declined too often, and units can still be taken out', async () => {
    const sku = await shop.product({ AMS: 3 });
    const orderId = await paid({ [sku]: 2 });
    for (const attempt of [2, 3]) {
      await ask(orderId, { [sku]: 3 });
      await carryOut(orderId);
      await decline(shop.db, orderId, attempt);
      await carryOut(orderId);
    }
    expect(await refused(orderId, { [sku]: 3 })).toMatchObject({ code: 'PAYMENT_ATTEMPTS_EXCEEDED' });
    expect(await amended(orderId, { [sku]: 1 })).toMatchObject({ state: 'done' });
  });

  it('of which units are only taken out is cut, with its refund', async () => {
    const sku = await shop.product({ AMS: 3 });
    const orderId = await paid({ [sku]: 3 });
    const requestId = await ask(orderId, { [sku]: 2 });
    await carryOut(orderId);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'done' });
    expect((await readProgress(shop.db, orderId))?.cuts).toEqual([{ requestId, isOpen: false, units: 1 }]);
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      totalMinor: 2_000,
      refunds: [{ amountMinor: 1_000 }],
      items: [{ reservedQuantity: 2, cancelledQuantity: 1 }],
      shipments: [{ status: 'voided' }, { status: 'pending', items: [{ quantity: 2 }] }],
    });
  });

  it('goes elsewhere with all of its parcels', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = await paid({ [sku]: 1 });
    expect(await amended(orderId, {}, { region: 'us-east' })).toMatchObject({ state: 'done' });
    const taken = await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 60 });
    const parcel = taken.find((one) => one.orderId === orderId);
    expect(parcel?.shipTo).toEqual({ region: 'us-east' });
  });

  it('goes where it was said last, also a parcel that is claimed at that moment', async () => {
    const sku = await shop.product({ AMS: 1 });
    const orderId = await paid({ [sku]: 1 });
    const [holder, claimer] = [new Client(shop.url), new Client(shop.url)];
    await Promise.all([holder.connect(), claimer.connect()]);
    try {
      await holder.query('select pg_advisory_lock(1)');
      // A claim that began before the amendment, and comes to this parcel after it.
      const claim = claimer.query<{ to: unknown }>(
        `with waited as materialized (select pg_advisory_lock(1))
         select current_ship_to($1) as to from waited`,
        [orderId],
      );
      await waitFor(async () => {
        const { rows } = await holder.query(
          `select from pg_locks where locktype = 'advisory' and not granted`,
        );
        return rows.length > 0;
      });
      await amended(orderId, {}, { region: 'us-east' });
      await holder.query('select pg_advisory_unlock(1)');
      expect((await claim).rows).toEqual([{ to: { region: 'us-east' } }]);
    } finally {
      await Promise.all([holder.end(), claimer.end()]);
    }
  });

  it('holds what remains of a parcel that is cut meanwhile: it never goes to an address that is taken back', async () => {
    const [sku, other] = [await shop.product({ AMS: 2 }), await shop.product({ AMS: 1 })];
    const orderId = await paid({ [sku]: 2 });
    const { shipTo } = await viewOf(shop.db, orderId);
    const requestId = await ask(orderId, { [other]: 1 }, { region: 'us-east' });
    await carryOut(orderId);
    await requestCut(shop.db, {
      orderId,
      requestId: newId(),
      items: [{ sku, quantity: 1 }],
      reason: null,
    });
    await carryOut(orderId);
    expect((await viewOf(shop.db, orderId)).shipments.map(({ status }) => status)).toEqual([
      'voided',
      'pending',
    ]);
    expect(await claimed(orderId)).toEqual([]);
    await decline(shop.db, orderId, 2);
    await carryOut(orderId);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'refused', code: 'PAYMENT_DECLINED' });
    const taken = await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 60 });
    expect(taken.filter((one) => one.orderId === orderId)).toMatchObject([{ shipTo }]);
  });

  it('holds the parcel of a part that is allocated and paid meanwhile, so that units can be taken out of it', async () => {
    const [sku, other] = [await shop.product({ AMS: 1 }), await shop.product({ AMS: 1 })];
    const orderId = await paid({ [sku]: 2 }, { fulfilment: 'backorder' });
    const requestId = await ask(orderId, { [sku]: 1, [other]: 1 });
    await carryOut(orderId);
    await receive(shop.db, sku, 'AMS', 1);
    await carryOut(orderId);
    await capture(shop.db, orderId, 3);
    expect((await viewOf(shop.db, orderId)).shipments).toHaveLength(2);
    expect(await claimed(orderId)).toEqual([]);
    await capture(shop.db, orderId, 2);
    await carryOut(orderId);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'done' });
    expect(unitsOf(await viewOf(shop.db, orderId))).toEqual({ [sku]: [1, 0, 1], [other]: [1, 0, 0] });
    expect(await claimed(orderId)).toHaveLength(2);
  });

  describe('and whose parcel cannot be stopped, although it is held', () => {
    /** The amendment takes a unit out of a parcel that the carrier has refused to stop. */
    async function unstoppable(added: 0 | 1) {
      const [sku, other] = [await shop.product({ AMS: 2 }), await shop.product({ AMS: 1 })];
      const orderId = await paid({ [sku]: 2 });
      const shipTo = { region: 'us-east' };
      const requestId = await ask(orderId, added === 0 ? { [sku]: 1 } : { [sku]: 1, [other]: 1 }, shipTo);
      await amend(orderId);
      await shop.db.pool.query(
        `update shipments set status = 'booked', stop_refused_at = clock_timestamp() where order_id = $1`,
        [orderId],
      );
      await carryOut(orderId);
      return { orderId, sku, other, requestId, notTakenOut: [{ sku, quantity: 1 }], shipTo };
    }

    it('stays as it was when nothing was added', async () => {
      const { orderId, sku, requestId, notTakenOut } = await unstoppable(0);
      expect(await outcomeOf(requestId)).toMatchObject({
        state: 'refused',
        code: 'NOT_AMENDABLE',
        details: { notTakenOut },
      });
      const view = await viewOf(shop.db, orderId);
      expect(view).toMatchObject({ shipTo: AMSTERDAM, totalMinor: 2_000 });
      expect(unitsOf(view)).toEqual({ [sku]: [2, 0, 0] });
    });

    it('says which units stayed in it when more was added', async () => {
      const { orderId, sku, other, requestId, notTakenOut, shipTo } = await unstoppable(1);
      await capture(shop.db, orderId, 2);
      await carryOut(orderId);
      expect(await outcomeOf(requestId)).toMatchObject({ state: 'done', details: { notTakenOut } });
      const view = await viewOf(shop.db, orderId);
      expect(view).toMatchObject({ shipTo, totalMinor: 3_000 });
      expect(unitsOf(view)).toEqual({ [sku]: [2, 0, 0], [other]: [1, 0, 0] });
    });
  });

  describe('of which a client takes units out while more of them are charged', () => {
    /** Two units that are paid for and two that are being charged. `during`: when the client asks for one less. */
    async function cutDuring(during: 'before its charge' | 'while it is charged') {
      const sku = await shop.product({ AMS: 4 });
      const orderId = await paid({ [sku]: 2 });
      const amendmentId = await ask(orderId, { [sku]: 4 });
      await (during === 'before its charge' ? amend(orderId) : carryOut(orderId));
      const cutId = newId();
      const items = [{ sku, quantity: 1 }];
      await requestCut(shop.db, { orderId, requestId: cutId, items, reason: null });
      await carryOut(orderId);
      expect(await readCut(shop.db, cutId)).toEqual({ isOpen: true, units: 0 });
      return { orderId, sku, amendmentId, cutId };
    }

    it.each(['before its charge', 'while it is charged'] as const)(
      'has fewer of what stays when they are declined: asked for %s',
      async (during) => {
        const { orderId, sku, amendmentId, cutId } = await cutDuring(during);
        await decline(shop.db, orderId, 2);
        await carryOut(orderId);
        expect(await outcomeOf(amendmentId)).toMatchObject({ code: 'PAYMENT_DECLINED' });
        expect(await readCut(shop.db, cutId)).toEqual({ isOpen: false, units: 1 });
        const view = await viewOf(shop.db, orderId);
        expect(unitsOf(view)).toEqual({ [sku]: [1, 0, 1] });
        expect(view.refunds).toMatchObject([{ amountMinor: 1_000 }]);
        expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [4, 1] });
      },
    );

    it('has one less of all when they are paid for', async () => {
      const { orderId, sku, amendmentId, cutId } = await cutDuring('while it is charged');
      await capture(shop.db, orderId, 2);
      await carryOut(orderId);
      expect(await outcomeOf(amendmentId)).toMatchObject({ state: 'done' });
      expect(await readCut(shop.db, cutId)).toEqual({ isOpen: false, units: 1 });
      expect(unitsOf(await viewOf(shop.db, orderId))).toEqual({ [sku]: [3, 0, 1] });
    });

    it('and that are gone with the amendment: the cut is refused', async () => {
      const [sku, other] = [await shop.product({ AMS: 1 }), await shop.product({ AMS: 1 })];
      const orderId = await paid({ [sku]: 1 });
      await ask(orderId, { [other]: 1 });
      await carryOut(orderId);
      const requestId = newId();
      const items = [{ sku: other, quantity: 1 }];
      await requestCut(shop.db, { orderId, requestId, items, reason: null });
      await decline(shop.db, orderId, 2);
      await carryOut(orderId);
      expect(await readCut(shop.db, requestId)).toEqual({ isOpen: false, units: 0 });
      expect(unitsOf(await viewOf(shop.db, orderId))).toEqual({ [sku]: [1, 0, 0] });
    });
  });

  it('stays as it was when stock is missing', async () => {
    const sku = await shop.product({ AMS: 2 });
    const orderId = await paid({ [sku]: 1 });
    expect(await refused(orderId, { [sku]: 3 })).toMatchObject({ code: 'OUT_OF_STOCK' });
    expect(await claimed(orderId)).toHaveLength(1);
  });

  it('waits for stock as before when the charge of what is added stays unresolved', async () => {
    const [sku, other] = [await shop.product({ AMS: 1 }), await shop.product({ AMS: 1 })];
    const orderId = await paid({ [sku]: 3 }, { fulfilment: 'backorder' });
    const before = asBefore(await viewOf(shop.db, orderId));
    const requestId = await ask(orderId, { [other]: 1 });
    const { payments } = await carryOut(orderId);
    const { paymentId } = payments.find(({ status }) => status === 'pending')!;
    await abandonReservation(shop.db, { orderId, paymentId });
    await carryOut(orderId);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'refused', code: 'NOT_AMENDABLE' });
    expect(asBefore(await viewOf(shop.db, orderId))).toEqual(before);
  });

  it('and is cancelled while what is added is charged: all of it ends, and the amendment is refused', async () => {
    const sku = await shop.product({ AMS: 3 });
    const orderId = await paid({ [sku]: 1 });
    const requestId = await ask(orderId, { [sku]: 3 });
    await carryOut(orderId);
    await requestCancel(shop.db, { orderId, reason: 'changed my mind' });
    await cancelUndelivered(shop.db, orderId);
    await carryOut(orderId);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'refused', code: 'NOT_AMENDABLE' });
    await capture(shop.db, orderId, 2);
    const view = await viewOf(shop.db, orderId);
    expect(view).toMatchObject({ status: 'cancelled', totalMinor: 1_000, items: [{ quantity: 1 }] });
    expect((await readSourcing(shop.db, orderId))?.map(({ requested }) => requested)).toEqual([1]);
    // What came in for it all the same goes back.
    expect(view.refunds.map(({ amountMinor }) => amountMinor).sort()).toEqual([1_000, 2_000]);
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 0] });
  });
});

/** What the dispatcher takes of an order, given back. */
async function claimed(orderId: string): Promise<string[]> {
  const taken = await claimShipments(shop.db, { carrier: CARRIER, limit: 100, leaseSeconds: 60 });
  await shop.db.pool.query(
    `update shipments set status = 'pending', lease_until = null where id = any ($1) and status = 'booking'`,
    [taken.map(({ shipmentId }) => shipmentId)],
  );
  return taken.filter((one) => one.orderId === orderId).map(({ shipmentId }) => shipmentId);
}

describe('is refused', () => {
  const shipments = (orderId: string, status: string) =>
    shop.db.pool.query(
      `update shipments set status = $2, lease_until = case when $2 = 'booking' then clock_timestamp() end where order_id = $1`,
      [orderId, status],
    );

  it.each(['booking', 'booked', 'voiding'])('while a parcel is %s', async (status) => {
    const sku = await shop.product({ AMS: 2 });
    const orderId = await paid({ [sku]: 1 });
    await shipments(orderId, status);
    expect(await refused(orderId, { [sku]: 2 })).toMatchObject({
      code: 'NOT_AMENDABLE',
      detail: expect.stringContaining('parcel') as string,
    });
  });

  it('while the order is charged, cancelled, cut or amended, and once it has ended', async () => {
    const sku = await shop.product({ AMS: 9 });
    const charged = await placed({ [sku]: 1 }, { payment: PAYMENT });
    const why = async (orderId: string) => {
      const requestId = await ask(orderId, { [sku]: 2 });
      await amend(orderId);
      const outcome = await readAmendment(shop.db, requestId);
      return outcome ? [outcome.code, outcome.detail] : 'forgotten';
    };
    const before = await eventTypes(shop.db, charged);
    expect(await why(charged)).toBe('forgotten');
    expect(await eventTypes(shop.db, charged)).toEqual(before);
    await capture(shop.db, charged);
    await requestCut(shop.db, {
      orderId: charged,
      requestId: newId(),
      items: [{ sku, quantity: 1 }],
      reason: null,
    });
    expect(await why(charged)).toBe('forgotten');
    await requestCancel(shop.db, { orderId: charged, reason: 'no' });
    expect(await why(charged)).toEqual(['NOT_AMENDABLE', 'The order is being cancelled.']);

    const busy = await paid({ [sku]: 1 });
    await ask(busy, { [sku]: 2 });
    await amend(busy);
    expect(await why(busy)).toBe('forgotten');

    const ended = await placed({ [sku]: 1 });
    await requestCancel(shop.db, { orderId: ended, reason: 'no' });
    await cancelUndelivered(shop.db, ended);
    expect(await why(ended)).toEqual(['NOT_AMENDABLE', 'The order is cancelled.']);
  });

  it('and forgotten when a charge begins between the request and its turn: the same request amends later', async () => {
    const sku = await shop.product({ AMS: 9 });
    const orderId = await placed({ [sku]: 1 });
    const requestId = await ask(orderId, { [sku]: 2 });
    await pay(shop.db, orderId);
    await amend(orderId);
    expect(await readAmendment(shop.db, requestId)).toBeUndefined();
    expect((await eventTypes(shop.db, orderId)).at(-1)).toBe('amend_refused');
    await decline(shop.db, orderId);
    await ask(orderId, { [sku]: 2 }, null, requestId);
    await carryOut(orderId);
    expect(await outcomeOf(requestId)).toMatchObject({ state: 'done' });
  });

  it('that would make it cost more than can be told exactly', async () => {
    const sku = await shop.product({ AMS: 9 });
    await shop.db.pool.query('update products set price_minor = 4503599627370495 where sku = $1', [sku]);
    const orderId = await placed({ [sku]: 1 });
    expect(await refused(orderId, { [sku]: 3 })).toMatchObject({ code: 'PRICE_NOT_CHARGEABLE' });
    expect(await amended(orderId, { [sku]: 2 })).toMatchObject({ state: 'done' });
  });

  it('for a product that is not known, has another currency or price, or cannot be charged', async () => {
    const sku = await shop.product({ AMS: 9 });
    const foreign = `SKU-${newId()}`;
    await addProduct(shop.db, foreign, 'EUR');
    const orderId = await placed({ [sku]: 2 });
    expect(await refused(orderId, { 'NO-SUCH': 1 })).toMatchObject({ code: 'UNKNOWN_SKU' });
    expect(await refused(orderId, { [foreign]: 1 })).toMatchObject({ code: 'MIXED_CURRENCIES' });
    const requestId = await ask(orderId, { [sku]: 3 });
    await amend(orderId, () => 'Too odd.');
    expect(await outcomeOf(requestId)).toMatchObject({ code: 'PRICE_NOT_CHARGEABLE' });
    await shop.db.pool.query('update products set price_minor = 1200 where sku = $1', [sku]);
    expect(await refused(orderId, { [sku]: 3 })).toMatchObject({
      code: 'PRICE_CHANGED',
      details: { sku, orderedAtMinor: 1_000, priceMinor: 1_200 },
    });
    // Less of it is no matter of its price.
    expect(await amended(orderId, { [sku]: 1 })).toMatchObject({ state: 'done' });
    expect(await refused(orderId, { [sku]: 0 })).toMatchObject({ code: 'NOTHING_LEFT' });
  });

  it('for more than somebody has reviewed, and while somebody does', async () => {
    const sku = await shop.product({ AMS: 9 });
    const review = { fromMinor: { USD: 3_000 }, seconds: 60, otherwise: 'rejected' as const };
    const small = await paid({ [sku]: 2 }, { review });
    expect(await refused(small, { [sku]: 3 })).toMatchObject({ code: 'NOT_AMENDABLE' });
    expect(await amended(small, { [sku]: 1 })).toMatchObject({ state: 'done' });

    const large = await placed({ [sku]: 3 }, { review, payment: PAYMENT });
    await authorise(large, 1);
    expect(await refused(large, { [sku]: 1 })).toMatchObject({ detail: 'Somebody is reviewing it.' });
    const decision = {
      orderId: large,
      outcome: 'approved',
      actor: 'test',
      note: null,
      carrier: CARRIER,
    } as const;
    await decideReview(shop.db, decision);
    expect(await refused(large, { [sku]: 4 })).toMatchObject({ code: 'NOT_AMENDABLE' });
  });

  it('for one that is not paid for and would cost more than somebody has decided about', async () => {
    const [sku, other] = [await shop.product({ AMS: 9 }), await shop.product({ AMS: 9 })];
    const review = { fromMinor: { USD: 3_000 }, seconds: 60, otherwise: 'rejected' as const };
    const orderId = await placed({ [sku]: 3 }, { review });
    await shop.db.pool.query(`update orders set review_status = 'approved' where id = $1`, [orderId]);
    expect(await refused(orderId, { [sku]: 4 })).toMatchObject({ code: 'NOT_AMENDABLE' });
    expect(await amended(orderId, { [sku]: 2, [other]: 1 })).toMatchObject({ state: 'done' });
  });

  it('not for one that is not paid for and costs more: it is reviewed once it is paid', async () => {
    const sku = await shop.product({ AMS: 9 });
    const review = { fromMinor: { USD: 3_000 }, seconds: 60, otherwise: 'rejected' as const };
    const orderId = await placed({ [sku]: 2 }, { review });
    expect(await amended(orderId, { [sku]: 3 })).toMatchObject({ state: 'done' });
    expect(await amended(orderId, { [sku]: 4 })).toMatchObject({ state: 'done' });
    await pay(shop.db, orderId);
    await authorise(orderId, 1);
    expect(await viewOf(shop.db, orderId)).toMatchObject({
      status: 'paid',
      review: { status: 'open' },
      shipments: [],
    });
  });
});

it('an order has so many amendments at most, and those that it has are told as before', async () => {
  const sku = await shop.product({ AMS: 20 });
  const orderId = await placed({ [sku]: 1 });
  const first = await ask(orderId, { [sku]: 2 });
  // Also of those that come at once, and those that are refused.
  const asked = await Promise.allSettled(
    Array.from({ length: LIMIT + 2 }, (_, n) => ask(orderId, { [sku]: 50 + n })),
  );
  const failed = asked.filter(({ status }) => status === 'rejected');
  expect(failed).toHaveLength(3);
  for (const one of failed) expect(one).toMatchObject({ reason: { code: 'AMENDMENTS_EXCEEDED' } });
  expect((await existingProgress(shop.db, orderId)).amendments).toHaveLength(LIMIT);
  expect(await ask(orderId, { [sku]: 2 }, null, first)).toBe(first);
  for (let steps = 0; steps < LIMIT; steps++) await amend(orderId);
  const { amendments = [] } = await existingProgress(shop.db, orderId);
  expect(amendments.map(({ state }) => state)).toEqual(Array(5).fill('refused'));
  expect(await outcomeOf(first)).toMatchObject({ state: 'done' });
});

it('the same request is one amendment, also recorded and carried out again', async () => {
  const sku = await shop.product({ AMS: 5 });
  const orderId = await placed({ [sku]: 1 });
  const requestId = newId();
  for (let times = 0; times < 2; times++) {
    await twice(shop.db, () => ask(orderId, { [sku]: 2 }, null, requestId));
    await carryOut(orderId);
  }
  expect(unitsOf(await viewOf(shop.db, orderId))).toEqual({ [sku]: [2, 0, 0] });
  expect((await eventTypes(shop.db, orderId)).filter((type) => type === 'order_amended')).toHaveLength(1);
});

it('of two orders that want the last unit one gets it', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orders = [await placed({ [sku]: 1 }), await placed({ [sku]: 1 })];
  const requests = await Promise.all(orders.map((orderId) => ask(orderId, { [sku]: 2 })));
  await Promise.all(orders.map((orderId) => amend(orderId)));
  const states = await Promise.all(requests.map(async (id) => (await outcomeOf(id)).state));
  expect(states.sort()).toEqual(['done', 'refused']);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [3, 3] });
});
