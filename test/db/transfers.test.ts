import { readStock, readStockAsOf } from '../../domain/stock/availability/availability';
import { markOverdue } from '../../domain/stock/transfers/overdue';
import { readTransfer } from '../../domain/stock/transfers/views';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import {
  levelsOf,
  openOrderShop,
  orderOf,
  PAYMENT,
  receive as arrive,
  twice,
  viewOf,
  type OrderShop,
} from './support';
import { transferSteps, type TransferSteps } from './transfer-steps';

let shop: OrderShop;
let start: TransferSteps['start'];
let receive: TransferSteps['receive'];
let cancel: TransferSteps['cancel'];
let ledgerOf: TransferSteps['ledgerOf'];
let makeLate: TransferSteps['makeLate'];
let overdueAlerts: TransferSteps['overdueAlerts'];

beforeAll(async () => {
  shop = await openOrderShop();
  ({ start, receive, cancel, ledgerOf, makeLate, overdueAlerts } = transferSteps(shop));
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

test('an immediate transfer is there at once, and is complete', async () => {
  const sku = await shop.product({ AMS: 10 });
  const transfer = await start(sku, 4, { mode: 'immediate', to: 'NYC', reason: 'balance', reference: 'T-1' });
  expect(transfer).toMatchObject({
    sku,
    from: 'AMS',
    to: 'NYC',
    mode: 'immediate',
    status: 'completed',
    quantity: 4,
    received: 4,
    open: 0,
    reason: 'balance',
    reference: 'T-1',
    expectedAt: null,
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 0], NYC: [4, 0] });
  expect(await ledgerOf(transfer)).toEqual([
    ['transfer_out', 'AMS', -4],
    ['transfer_in', 'NYC', 4],
  ]);
});

test('units in transit are on hand nowhere, and are seen where they are going', async () => {
  const sku = await shop.product({ AMS: 10 });
  const transfer = await start(sku, 4);
  expect(transfer).toMatchObject({ status: 'in_transit', open: 4, received: 0 });
  expect(Date.parse(transfer.expectedAt ?? '') - Date.now()).toBeGreaterThan(3_500_000);
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [6, 0] });
  expect(await readStock(shop.db, sku)).toMatchObject({
    onHand: 6,
    inTransit: 4,
    locations: [
      { warehouse: 'AMS', onHand: 6, incoming: 0 },
      { warehouse: 'BER', onHand: 0, incoming: 4 },
    ],
  });
});

test('what was in transit at a time in the past is read from the ledger', async () => {
  const sku = await shop.product({ AMS: 10 });
  const seen: object[] = [];
  const look = async () => {
    const { asOf, ...stock } = (await readStock(shop.db, sku))!;
    seen.push({ asOf, stock });
  };
  const transfer = await start(sku, 4);
  await look();
  await receive(transfer, { quantity: 1, lost: 1 });
  await look();
  await cancel(transfer);
  await look();
  for (const { asOf, stock } of seen as { asOf: string; stock: { locations: object[] } }[]) {
    expect(await readStockAsOf(shop.db, sku, asOf)).toEqual({
      ...stock,
      // Whether a location was open then is not known.
      locations: stock.locations.map((location) => ({ ...location, open: undefined })),
      asOf,
      final: true,
    });
  }
});

test('a transfer is received in parts, and the last one completes it', async () => {
  const sku = await shop.product({ AMS: 10 });
  const transfer = await start(sku, 9);
  expect(await receive(transfer, { quantity: 2 })).toMatchObject({
    status: 'in_transit',
    received: 2,
    open: 7,
  });
  expect(await receive(transfer, { quantity: 3, lost: 1 })).toMatchObject({ received: 5, lost: 1, open: 3 });
  expect(await receive(transfer, { lost: 1, reason: 'broken' })).toMatchObject({
    received: 5,
    lost: 2,
    open: 2,
  });
  expect(await receive(transfer)).toMatchObject({ status: 'completed', received: 7, lost: 2, open: 0 });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [1, 0], BER: [7, 0] });
  expect(await ledgerOf(transfer)).toEqual([
    ['transfer_out', 'AMS', -9],
    ['transfer_in', 'BER', 2],
    ['transfer_in', 'BER', 4],
    ['write_off', 'BER', -1],
    ['transfer_in', 'BER', 1],
    ['write_off', 'BER', -1],
    ['transfer_in', 'BER', 2],
  ]);
});

test('a cancelled transfer gives back what had not arrived', async () => {
  const sku = await shop.product({ AMS: 10 });
  const transfer = await start(sku, 6);
  await receive(transfer, { quantity: 1, lost: 1 });
  expect(await cancel(transfer)).toMatchObject({
    status: 'cancelled',
    received: 1,
    lost: 1,
    returned: 4,
    open: 0,
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [8, 0], BER: [1, 0] });
  expect((await ledgerOf(transfer)).at(-1)).toEqual(['transfer_in', 'AMS', 4]);
});

describe('a transfer is refused, and moves nothing,', () => {
  test.each([
    ['of an unknown product', { sku: 'NO-SUCH' }, 'UNKNOWN_SKU'],
    ['from an unknown place', { from: 'NO-SUCH' }, 'UNKNOWN_LOCATION'],
    ['to an unknown place', { to: 'NO-SUCH' }, 'UNKNOWN_LOCATION'],
    ['of more than is available', { quantity: 7 }, 'OUT_OF_STOCK'],
    ['from where there is none', { from: 'NYC' }, 'OUT_OF_STOCK'],
  ] as const)('%s', async (_name, rest, code) => {
    const sku = await shop.product({ AMS: 10 });
    await shop.place(orderOf({ [sku]: 4 }));
    for (const mode of ['immediate', 'in_transit'] as const) {
      await expect(start(sku, 1, { mode, ...rest })).rejects.toMatchObject({ name: 'AppError', code });
    }
    expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [10, 4] });
  });

  test('and says what is available', async () => {
    const sku = await shop.product({ AMS: 2 });
    await expect(start(sku, 3)).rejects.toMatchObject({
      details: { shortages: [{ sku, requested: 3, available: 2 }] },
    });
  });

  test('that would be more than can be counted where it goes', async () => {
    const sku = await shop.product({ AMS: 10, BER: 2_147_483_640 });
    await expect(start(sku, 8, { mode: 'immediate' })).rejects.toMatchObject({ code: 'QUANTITY_OVERFLOW' });
    const transfer = await start(sku, 8);
    await expect(receive(transfer)).rejects.toMatchObject({ code: 'QUANTITY_OVERFLOW' });
    expect(await receive(transfer, { quantity: 7, lost: 1 })).toMatchObject({ status: 'completed' });
  });

  test('and its id is free for a better try', async () => {
    const sku = await shop.product({ AMS: 2 });
    const transferId = newId();
    await expect(start(sku, 3, { transferId })).rejects.toMatchObject({ code: 'OUT_OF_STOCK' });
    expect(await start(sku, 2, { transferId })).toMatchObject({ id: transferId, quantity: 2 });
  });
});

describe('a receipt is refused, and changes nothing,', () => {
  test.each([
    ['beyond what is open', { quantity: 5 }, 'OVER_RECEIPT'],
    ['that loses more than is open', { lost: 5 }, 'OVER_RECEIPT'],
    ['whose parts are together more than is open', { quantity: 3, lost: 2 }, 'OVER_RECEIPT'],
  ])('%s', async (_name, rest, code) => {
    const transfer = await start(await shop.product({ AMS: 4 }), 4);
    await expect(receive(transfer, rest)).rejects.toMatchObject({ code, details: { open: 4 } });
    expect(await readTransfer(shop.db, transfer.id)).toEqual(transfer);
  });

  test('of a transfer that has ended', async () => {
    const sku = await shop.product({ AMS: 10 });
    const [completed, cancelled] = [await start(sku, 1), await start(sku, 1)];
    await receive(completed);
    await cancel(cancelled);
    const immediate = await start(sku, 1, { mode: 'immediate' });
    for (const transfer of [completed, cancelled, immediate]) {
      await expect(receive(transfer, { quantity: 1 })).rejects.toMatchObject({ code: 'TRANSFER_NOT_OPEN' });
      await expect(receive(transfer)).rejects.toMatchObject({ code: 'TRANSFER_NOT_OPEN' });
    }
    await expect(cancel(completed)).rejects.toMatchObject({ code: 'TRANSFER_NOT_OPEN' });
    await expect(cancel(immediate)).rejects.toMatchObject({ code: 'TRANSFER_NOT_OPEN' });
  });

  test('of a transfer that does not exist', async () => {
    await expect(receive({ id: newId() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(cancel({ id: newId() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(markOverdue(shop.db, newId())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await readTransfer(shop.db, newId())).toBeNull();
  });
});

describe('each step, sent again, returns the same and changes nothing:', () => {
  test.each(['immediate', 'in_transit'] as const)('an %s transfer', async (mode) => {
    const sku = await shop.product({ AMS: 10 });
    const transferId = newId();
    const [first, again] = await twice(shop.db, () => start(sku, 6, { transferId, mode }));
    expect(again).toEqual(first);
  });

  test.each([{ quantity: 2 }, { lost: 2 }, { quantity: 1, lost: 1 }, {}])('a receipt of %j', async (rest) => {
    const transfer = await start(await shop.product({ AMS: 10 }), 4);
    const receiptId = newId();
    const [first, again] = await twice(shop.db, () => receive(transfer, { receiptId, ...rest }));
    expect(again).toEqual(first);
  });

  test('a cancellation', async () => {
    const transfer = await start(await shop.product({ AMS: 10 }), 4);
    const [first, again] = await twice(shop.db, () => cancel(transfer));
    expect(again).toEqual(first);
  });

  test('the mark of one that is overdue', async () => {
    const sku = await shop.product({ AMS: 10 });
    const transfer = await start(sku, 4);
    await makeLate(transfer);
    await twice(shop.db, () => markOverdue(shop.db, transfer.id));
    expect(await overdueAlerts(sku)).toEqual([{ status: 'open', transferIds: [transfer.id] }]);
  });
});

test.each(['immediate', 'received', 'cancelled'] as const)(
  'units of an order wait for are given to it when a transfer is %s',
  async (how) => {
    const sku = await shop.product({ AMS: 3 });
    const before = how === 'immediate' ? null : await start(sku, 3);
    const order = orderOf({ [sku]: 5 }, { fulfilment: 'backorder', payment: PAYMENT });
    await shop.place(order);
    const waiting = async () => (await viewOf(shop.db, order.orderId)).items[0]?.backorderedQuantity;
    if (before) {
      expect(await waiting()).toBe(5);
      await (how === 'received' ? receive(before, { quantity: 2, lost: 1 }) : cancel(before));
      expect(await waiting()).toBe(how === 'received' ? 3 : 2);
    } else {
      // Freed at a place from where the order cannot be served: what is available there is none.
      expect(await waiting()).toBe(2);
      await expect(start(sku, 1, { mode: 'immediate' })).rejects.toMatchObject({ code: 'OUT_OF_STOCK' });
      await arrive(shop.db, sku, 'AMS', 9);
      await start(sku, 4, { mode: 'immediate' });
      expect(await waiting()).toBe(0);
    }
  },
);
