import { Client } from 'pg';
import { claimShipments } from '../../domain/fulfilment/book';
import { abandonReservation, cancelUndelivered, requestCancel } from '../../domain/ordering/cancel';
import { requestCut } from '../../domain/ordering/cuts/request';
import { settleAuthorizations } from '../../domain/ordering/capture';
import { readProgress } from '../../domain/ordering/progress';
import { orderPaymentId } from '../../domain/orders/ids';
import { readOrderInput, readSourcing } from '../../domain/orders/views';
import { markUnknown } from '../../domain/payments/charge';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import {
  capture,
  CARRIER,
  carry,
  decline,
  levelsOf,
  openOrderShop,
  PAYMENT,
  receive,
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

const { amend, ask, outcomeOf, carryOut, amended, placed, paid, authorise, refused, claimed } =
  amendingOrders(() => shop);

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

  it('shows an amendment while it is open: what is asked for, how far it is, and what it waits for', async () => {
    const [more, less] = [await shop.product({ AMS: 2 }), await shop.product({ AMS: 2 })];
    const orderId = await paid({ [more]: 1, [less]: 2 });
    const open = async () => (await viewOf(shop.db, orderId)).openAmendments;
    expect(await open()).toEqual([]);
    const requestId = await ask(orderId, { [more]: 2, [less]: 1 }, { region: 'us-east' });
    const asked = {
      requestId,
      since: expect.stringMatching(/Z$/) as string,
      items: [
        { sku: more, quantity: 2 },
        { sku: less, quantity: 1 },
      ],
      shipTo: { region: 'us-east' },
    };
    const why = (text: string) => expect.stringContaining(text) as string;
    const shows = async (rest: { status: string; paymentId: string | null; why: string }) =>
      expect(await open()).toEqual([{ ...asked, ...rest, why: why(rest.why) }]);
    await shows({ status: 'requested', paymentId: null, why: 'not begun' });
    await amend(orderId);
    await shows({ status: 'charging', paymentId: null, why: 'its charge has not begun' });
    await carryOut(orderId);
    const paymentId = orderPaymentId(orderId, 2);
    await shows({ status: 'charging', paymentId, why: 'is being charged' });
    await markUnknown(shop.db, paymentId, 'PAYMENT_GATEWAY_UNAVAILABLE');
    await shows({ status: 'charging', paymentId, why: '(PAYMENT_GATEWAY_UNAVAILABLE)' });
    await capture(shop.db, orderId, 2);
    await shows({ status: 'charging', paymentId, why: 'What it waited for is decided' });
    await amend(orderId);
    await shows({ status: 'cutting', paymentId: null, why: '`openCuts`' });
    expect((await viewOf(shop.db, orderId)).openCuts).toMatchObject([{ requestId }]);
    await carryOut(orderId);
    expect(await open()).toEqual([]);
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
          `select from pg_locks where locktype = 'advisory' and not granted
             and database = (select oid from pg_database where datname = current_database())`,
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
