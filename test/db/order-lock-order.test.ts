import { askToStop, beginStops } from '../../domain/fulfilment/stop';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { createOrderAmender } from '../../domain/ordering/amendments/amend';
import { requestAmend } from '../../domain/ordering/amendments/request';
import { drainAllocation } from '../../domain/ordering/backorders/drain-allocation';
import {
  abandonReservation,
  cancelUndelivered,
  concludeCancel,
  requestCancel,
} from '../../domain/ordering/cancel';
import { expireReservation, giveUpBackorders } from '../../domain/ordering/expire';
import { beginCharge } from '../../domain/ordering/pay';
import { readProgress } from '../../domain/ordering/progress';
import { cutUnits } from '../../domain/ordering/cuts/cut';
import { requestCut } from '../../domain/ordering/cuts/request';
import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import { decideReview, decideReviewByDeadline } from '../../domain/ordering/review';
import { settleRefund } from '../../domain/payments/refund';
import { requestRefund, retryRefund, settleByHand } from '../../domain/payments/refunds-by-hand';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect } from '../returns/support';
import type { OrderInput } from '../../domain/orders/types';
import { ASK_LIMIT_MS } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { lockTurns } from './lock-turns';
import {
  capture,
  CARRIER,
  carry,
  decline,
  giveBack,
  keepForBackorders,
  makeBackordersDue,
  makeDue,
  obligingCarrier,
  openOrderShop,
  orderOf,
  pay,
  PAYMENT,
  receive,
  viewOf,
  type OrderShop,
  settleCharge,
} from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

interface Rich {
  orderId: string;
  /** In the order of their products' numbers. */
  skus: string[];
}

/**
 * An order that has several of everything: two paid reservations with a shipment for each warehouse, an unpaid one, two
 * products that it still waits for, and two refunds.
 */
async function richOrder(rest: Partial<OrderInput> = {}): Promise<Rich> {
  const { db } = shop;
  const skus = [await shop.product({ AMS: 1, BER: 1 }), await shop.product({ AMS: 1, BER: 1 })];
  const { orderId } = orderOf({});
  const items = Object.fromEntries([...skus].reverse().map((sku) => [sku, 5]));
  await shop.place(orderOf(items, { orderId, fulfilment: 'backorder', payment: PAYMENT, ...rest }));
  await capture(db, orderId);
  for (const sku of skus) await receive(db, sku, 'AMS', 1);
  await pay(db, orderId);
  await capture(db, orderId, 2);
  await giveBack(db, orderId, 100);
  return { orderId, skus };
}

const statusOfShipments = (orderId: string, status: string) =>
  shop.db.pool.query('update shipments set status = $2 where order_id = $1', [orderId, status]);

async function unpaidReservation(orderId: string): Promise<string> {
  const progress = await readProgress(shop.db, orderId);
  return progress!.reservations.find(({ status }) => status === 'pending')!.reservationId;
}

type Step = () => Promise<unknown>;

const BY = { reason: 'test', actor: 'test' };

/** Whatever changes an order: brings one to where it does most, and returns what does it. */
const STEPS: Record<string, (order: Rich) => Promise<Step> | Step> = {
  requestCancel: async ({ orderId }) => {
    await statusOfShipments(orderId, 'booked');
    await shop.db.pool.query('update shipments set stop_refused_at = now() where order_id = $1', [orderId]);
    return () => requestCancel(shop.db, { orderId, reason: 'test' });
  },
  cancelUndelivered: async ({ orderId }) => {
    await requestCancel(shop.db, { orderId, reason: 'test' });
    return () => cancelUndelivered(shop.db, orderId);
  },
  'cancelUndelivered, while a charge is in flight': async ({ orderId }) => {
    await pay(shop.db, orderId);
    return () => cancelUndelivered(shop.db, orderId);
  },
  concludeCancel: async ({ orderId }) => {
    await requestCancel(shop.db, { orderId, reason: 'test' });
    return () => concludeCancel(shop.db, orderId);
  },
  beginStops:
    ({ orderId }) =>
    () =>
      shop.db.retrying((tx) => beginStops(tx, orderId)),
  askToStop: async ({ orderId }) => {
    await statusOfShipments(orderId, 'voiding');
    return () => askToStop({ db: shop.db, carriers: [obligingCarrier] }, orderId);
  },
  releaseStoppedShipments: async ({ orderId }) => {
    await statusOfShipments(orderId, 'voided');
    return () => releaseStoppedShipments(shop.db, { orderId, endAs: 'cancelled' });
  },
  giveUpBackorders: async ({ orderId }) => {
    await makeBackordersDue(shop.db, orderId);
    return () => giveUpBackorders(shop.db, orderId);
  },
  expireReservation: async ({ orderId }) => {
    await makeDue(shop.db, orderId);
    const reservationId = await unpaidReservation(orderId);
    return () => expireReservation(shop.db, { orderId, reservationId });
  },
  abandonReservation: async ({ orderId }) => {
    const begun = await pay(shop.db, orderId);
    if (!begun.begun) throw new Error(begun.code);
    return () => abandonReservation(shop.db, { orderId, paymentId: begun.paymentId });
  },
  beginCharge: async ({ orderId }) => {
    const reservationId = await unpaidReservation(orderId);
    const request = { orderId, reservationId, updateId: newId(), payment: null };
    return () => beginCharge(shop.db, { ...request, gateway: 'sandbox', attemptLimit: 10 });
  },
  recordChargeOutcome: async ({ orderId }) => {
    const begun = await pay(shop.db, orderId);
    if (!begun.begun) throw new Error(begun.code);
    return () => captured(begun.paymentId);
  },
  'recordChargeOutcome, of a reservation that was given up': async ({ orderId }) => {
    const begun = await pay(shop.db, orderId);
    if (!begun.begun) throw new Error(begun.code);
    await cancelUndelivered(shop.db, orderId);
    return () => captured(begun.paymentId);
  },
  settleRefund: async ({ orderId }) => {
    const [refund] = (await viewOf(shop.db, orderId)).refunds;
    const outcome = { status: 'succeeded', gatewayRef: 'r' } as const;
    return () => shop.db.retrying((tx) => settleRefund(tx, refund!.id, outcome));
  },
  requestRefund: async ({ orderId }) => {
    const [payment] = (await viewOf(shop.db, orderId)).payments;
    const wanted = { orderId, requestId: newId(), paymentId: payment!.id, amountMinor: 1, ...BY };
    return () => requestRefund(shop.db, wanted);
  },
  recordRefundMadeElsewhere: async ({ orderId }) => {
    const [payment] = (await viewOf(shop.db, orderId)).payments;
    const wanted = { orderId, requestId: newId(), paymentId: payment!.id, amountMinor: 1, ...BY };
    return () => requestRefund(shop.db, { ...wanted, madeElsewhere: `re_${wanted.requestId}` });
  },
  settleByHand: async ({ orderId }) => {
    const [refund] = (await viewOf(shop.db, orderId)).refunds;
    const settlement = { refundId: refund!.id, outcome: 'waived', reference: null, ...BY } as const;
    return () => settleByHand(shop.db, settlement);
  },
  retryRefund: async ({ orderId }) => {
    const [refund] = (await viewOf(shop.db, orderId)).refunds;
    return () => retryRefund(shop.db, { askLimitMs: ASK_LIMIT_MS, refundId: refund!.id, actor: BY.actor });
  },
  'inspectReturn, of units of two payments for which others wait': async ({ orderId }) => {
    for (const { id } of (await viewOf(shop.db, orderId)).shipments) await carry(shop.db, id, 'picked_up');
    const { items } = await viewOf(shop.db, orderId);
    const units = Object.fromEntries(items.map(({ sku, fulfilledQuantity }) => [sku, fulfilledQuantity]));
    const { id } = await authorise(shop.db, orderId, units);
    await comesIn(shop.db, id, units);
    const results = items.map(({ sku, fulfilledQuantity }) => ({
      sku,
      restock: fulfilledQuantity,
      writeOff: 0,
    }));
    return () => inspect(shop.db, id, results);
  },
  'amendOrder, of one that is paid for': async ({ orderId, skus }) => {
    await amendTo(orderId, skus, 4);
    return () => amender()(orderId);
  },
  'amendOrder, of what was added and declined': async ({ orderId, skus }) => {
    await amendTo(orderId, skus, 4);
    await amender()(orderId);
    const { reservations } = (await readProgress(shop.db, orderId))!;
    const { reservationId } = reservations.at(-1)!;
    await beginCharge(shop.db, {
      ...{ orderId, reservationId, updateId: newId(), payment: null },
      ...{ gateway: 'sandbox', attemptLimit: 10 },
    });
    await decline(shop.db, orderId, 3);
    return () => amender()(orderId);
  },
  'amendOrder, of what was cut': async ({ orderId, skus }) => {
    const requestId = await amendTo(orderId, skus, 4, {});
    await amender()(orderId);
    await shop.db.pool.query(`update order_cuts set state = 'refused' where request_id = $1`, [requestId]);
    return () => amender()(orderId);
  },
  drainAllocation: async ({ skus }) => {
    const id = await keepForBackorders(shop.db, skus, 'NYC');
    return () => drainAllocation(shop.db, id);
  },
  'a carrier that picks a parcel up': async ({ orderId }) => {
    const [shipment] = (await viewOf(shop.db, orderId)).shipments;
    return () => carry(shop.db, shipment!.id, 'picked_up');
  },
};

function amender() {
  return createOrderAmender({
    db: shop.db,
    warehouses: createWarehouseDirectory(shop.db),
    gateway: { amountProblem: () => null },
    strategy: 'nearest',
    attemptLimit: 10,
    unpaidLimits: { orders: 20, units: 1_000 },
  });
}

/** Asks for so many units of each of these, and of another product. */
async function amendTo(orderId: string, skus: readonly string[], quantity: number, more?: object) {
  const requestId = newId();
  const other = more ? [] : [await shop.product({ AMS: 1, BER: 1 })];
  const items = [...skus.map((sku) => ({ sku, quantity })), ...other.map((sku) => ({ sku, quantity: 2 }))];
  await requestAmend(shop.db, { orderId, requestId, items, shipTo: null }, 50);
  return requestId;
}

function captured(paymentId: string) {
  const outcome = { status: 'captured', gatewayRef: `ref-${paymentId}` } as const;
  return settleCharge(shop.db, { paymentId, outcome });
}

/** The same to an order that is reviewed. */
const STEPS_OF_REVIEW: typeof STEPS = {
  'decideReview, approved':
    ({ orderId }) =>
    () =>
      decideReview(shop.db, { orderId, outcome: 'approved', actor: 'test', note: null, carrier: CARRIER }),
  'decideReview, rejected':
    ({ orderId }) =>
    () =>
      decideReview(shop.db, { orderId, outcome: 'rejected', actor: 'test', note: null, carrier: CARRIER }),
  decideReviewByDeadline: async ({ orderId }) => {
    await shop.db.pool.query('update orders set review_until = clock_timestamp() where id = $1', [orderId]);
    return () => decideReviewByDeadline(shop.db, { orderId, carrier: CARRIER });
  },
  'requestCancel, in review':
    ({ orderId }) =>
    () =>
      requestCancel(shop.db, { orderId, reason: 'test' }),
  'cancelUndelivered, in review': async ({ orderId }) => {
    await requestCancel(shop.db, { orderId, reason: 'test' });
    return () => cancelUndelivered(shop.db, orderId);
  },
  'cutUnits, in review': async ({ orderId, skus }) => {
    const items = skus.map((sku) => ({ sku, quantity: 5 }));
    await requestCut(shop.db, { orderId, requestId: newId(), items, reason: null });
    return () => cutUnits(shop.db, orderId);
  },
  'recordChargeOutcome, in review': async ({ orderId }) => {
    const begun = await pay(shop.db, orderId);
    if (!begun.begun) throw new Error(begun.code);
    return () => captured(begun.paymentId);
  },
};

const REVIEWED: Partial<OrderInput> = {
  review: { fromMinor: { USD: 0 }, seconds: 60, otherwise: 'approved' },
};

const ALL_STEPS = [
  ...Object.entries(STEPS).map(([name, prepare]) => [name, prepare, {}] as const),
  ...Object.entries(STEPS_OF_REVIEW).map(([name, prepare]) => [name, prepare, REVIEWED] as const),
];

test.each(ALL_STEPS)('%s locks the rows of an order in the one order', async (_, prepare, rest) => {
  const order = await richOrder(rest);
  const step = await prepare(order);
  const { rows, turns } = await lockTurns(shop, order.orderId, step);
  expect(turns.length).toBeGreaterThan(0);
  for (const turn of turns) {
    const inOrder = [...turn].sort((a, b) => a - b);
    expect(turn.map((place) => rows[place])).toEqual(inOrder.map((place) => rows[place]));
  }
});

test('an order that is not paid for and waits for stock is amended in the one order', async () => {
  const skus = [await shop.product({ AMS: 1, BER: 1 }), await shop.product({ AMS: 1, BER: 1 })];
  const items = Object.fromEntries(skus.map((sku) => [sku, 3]));
  // Of each product another order waits before this one.
  await shop.place(orderOf(Object.fromEntries(skus.map((sku) => [sku, 1]))));
  await shop.place(orderOf({ ...items }, { fulfilment: 'backorder' }));
  const { orderId } = orderOf({});
  for (const sku of skus) await receive(shop.db, sku, 'AMS', 3);
  await shop.place(orderOf(items, { orderId, fulfilment: 'backorder' }));
  await amendTo(orderId, skus, 1);
  const { rows, turns } = await lockTurns(shop, orderId, () => amender()(orderId));
  expect(turns).toHaveLength(1);
  for (const turn of turns) {
    const inOrder = [...turn].sort((a, b) => a - b);
    expect(turn.map((place) => rows[place])).toEqual(inOrder.map((place) => rows[place]));
    const tables = new Set(turn.map((place) => rows[place]?.split(' ')[0]));
    expect([...tables]).toEqual(['reservations', 'stock', 'backorders', 'orders']);
  }
});
