import { adjustStock } from '../../domain/inventory/adjust';
import { readStock } from '../../domain/inventory/availability';
import { cancelTransfer } from '../../domain/transfers/cancel';
import { markOverdue } from '../../domain/transfers/overdue';
import { claimUnattended } from '../../domain/transfers/queries';
import { receiveTransfer, type ReceiptOfTransfer } from '../../domain/transfers/receive';
import { startTransfer, type TransferRequest } from '../../domain/transfers/start';
import type { TransferView } from '../../domain/transfers/types';
import { readTransfer } from '../../domain/transfers/views';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
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

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

function start(sku: string, quantity: number, rest: Partial<TransferRequest> = {}): Promise<TransferView> {
  return startTransfer(shop.db, {
    transferId: newId(),
    sku,
    from: 'AMS',
    to: 'BER',
    quantity,
    mode: 'in_transit',
    actor: 'tester',
    transitSeconds: 3_600,
    ...rest,
  });
}

function receive({ id }: { id: string }, rest: Partial<ReceiptOfTransfer> = {}): Promise<TransferView> {
  return receiveTransfer(shop.db, { transferId: id, receiptId: newId(), actor: 'tester', ...rest });
}

function cancel({ id }: { id: string }): Promise<TransferView> {
  return cancelTransfer(shop.db, { transferId: id, actor: 'tester', reason: 'recalled' });
}

async function ledgerOf({ id }: { id: string }): Promise<[string, string, number][]> {
  const found = await shop.db.pool.query<{ kind: string; code: string; delta: number }>(
    `select t.kind, w.code, t.on_hand_delta as delta from inventory_transactions t join warehouses w on w.id = t.warehouse_id
     where t.reference = 'transfer:' || $1 order by t.id`,
    [id],
  );
  return found.rows.map(({ kind, code, delta }) => [kind, code, delta]);
}

async function overdueAlerts(sku: string): Promise<{ status: string; transferIds: string[] }[]> {
  const found = await shop.db.pool.query<{ status: string; transferIds: string[] }>(
    `select a.status, a.details -> 'transferIds' as "transferIds" from alerts a join products p on p.id = a.product_id
     where p.sku = $1 and a.kind = 'transfer_overdue' order by a.id`,
    [sku],
  );
  return found.rows;
}

async function makeLate({ id }: { id: string }): Promise<void> {
  await shop.db.pool.query('update transfers set expected_at = clock_timestamp() where id = $1', [id]);
}

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

test('what was in transit at a time in the past is answered from the ledger', async () => {
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
  for (const { asOf, stock } of seen as { asOf: string; stock: object }[]) {
    // A time of milliseconds, behind the microseconds of what was looked at.
    expect(await readStock(shop.db, sku, new Date(Date.parse(asOf) + 1))).toMatchObject(stock);
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

describe('each step, sent again, answers the same and changes nothing:', () => {
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

describe('a transfer that does not arrive in time', () => {
  test('raises one alert where it should have arrived, which is resolved with its end', async () => {
    const sku = await shop.product({ AMS: 10 });
    const [first, second] = [await start(sku, 2), await start(sku, 3)];
    expect(await markOverdue(shop.db, first.id)).toMatchObject({ isOverdue: false, status: 'in_transit' });
    expect(await overdueAlerts(sku)).toEqual([]);
    for (const transfer of [first, second]) {
      await makeLate(transfer);
      expect(await markOverdue(shop.db, transfer.id)).toMatchObject({ isOverdue: true });
    }
    expect(await overdueAlerts(sku)).toEqual([{ status: 'open', transferIds: [first.id, second.id] }]);
    await receive(first, { quantity: 1 });
    expect(await overdueAlerts(sku)).toMatchObject([{ status: 'open', transferIds: [first.id, second.id] }]);
    await receive(first);
    expect(await overdueAlerts(sku)).toEqual([{ status: 'open', transferIds: [second.id] }]);
    await cancel(second);
    expect(await overdueAlerts(sku)).toMatchObject([{ status: 'resolved' }]);
    expect(await readTransfer(shop.db, first.id)).toMatchObject({ status: 'completed' });
  });

  test('and has ended meanwhile raises none', async () => {
    const sku = await shop.product({ AMS: 10 });
    const transfer = await start(sku, 2);
    await makeLate(transfer);
    await receive(transfer);
    expect(await markOverdue(shop.db, transfer.id)).toMatchObject({ status: 'completed', msLeft: null });
    expect(await overdueAlerts(sku)).toEqual([]);
  });
});

describe('the sweep looks', () => {
  const claim = async () =>
    (await claimUnattended(shop.db, { graceSeconds: 30, recheckSeconds: 600, limit: 100 })).map(
      (row) => row.id,
    );
  const age = ({ id }: { id: string }, seconds: number, past = false) =>
    shop.db.pool.query(
      `update transfers set updated_at = clock_timestamp() - make_interval(secs => $2),
         checked_at = clock_timestamp() - make_interval(secs => $2),
         expected_at = case when $3 then clock_timestamp() - interval '1 minute' else expected_at end where id = $1`,
      [id, seconds, past],
    );

  test('soon at one that is past due and not marked, seldom at the others, and at none that has ended', async () => {
    const sku = await shop.product({ AMS: 10 });
    await shop.db.pool.query('update transfers set checked_at = clock_timestamp()');
    const [late, early, rested, done] = [
      await start(sku, 1),
      await start(sku, 1),
      await start(sku, 1),
      await start(sku, 1),
    ];
    await receive(done);
    await age(late, 60, true);
    await age(early, 60);
    await age(rested, 700);
    await age(done, 700);
    expect((await claim()).sort()).toEqual([late.id, rested.id].sort());
    expect(await claim()).toEqual([]);
  });
});

test('of receipts and a cancellation at once exactly one gets each unit', async () => {
  const random = seededRandom();
  for (let round = 0; round < 25; round++) {
    const sku = await shop.product({ AMS: 10 });
    const transfer = await start(sku, 10);
    const steps = [
      () => cancel(transfer),
      ...Array.from(
        { length: 4 },
        () => () => receive(transfer, { quantity: random.whole(1, 4), lost: random.whole(0, 1) }),
      ),
      () => markOverdue(shop.db, transfer.id),
    ].sort(() => random.whole(-1, 1));
    await Promise.allSettled(steps.map((step) => step()));
    const after = await readTransfer(shop.db, transfer.id);
    expect(after).toMatchObject({ open: 0 });
    const { received, lost, returned } = after!;
    expect(received + lost + returned).toBe(10);
    const levels = await levelsOf(shop.db, sku);
    expect([levels.AMS?.[0] ?? 0, levels.BER?.[0] ?? 0]).toEqual([returned, received]);
  }
});

test('the same transfer, receipt and cancellation ten times at once happen once', async () => {
  const sku = await shop.product({ AMS: 10 });
  const [transferId, receiptId] = [newId(), newId()];
  const ten = <T>(step: () => Promise<T>) => Promise.all(Array.from({ length: 10 }, step));
  await ten(() => start(sku, 6, { transferId }));
  await ten(() => receive({ id: transferId }, { receiptId, quantity: 2 }));
  await ten(() => cancel({ id: transferId }));
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [8, 0], BER: [2, 0] });
});

test('transfers back and forth at once, with orders and corrections between, neither fail nor lose a unit', async () => {
  const skus = await Promise.all([1, 2, 3].map(() => shop.product({ AMS: 100, BER: 100, NYC: 100 })));
  const random = seededRandom();
  const places = ['AMS', 'BER', 'NYC'] as const;
  const move = async () => {
    const from = random.pick(places);
    const to = random.pick(places);
    const sku = skus[random.whole(0, 2)]!;
    if (from === to) {
      return adjustStock(shop.db, {
        sku,
        location: to,
        change: { delta: 1 },
        reason: 'x',
        actor: 't',
        effectId: newId(),
      });
    }
    if (random.chance(0.5)) return start(sku, random.whole(1, 3), { from, to, mode: 'immediate' });
    const transfer = await start(sku, random.whole(1, 3), { from, to });
    return random.chance(0.5) ? receive(transfer, { lost: 1 }) : cancel(transfer);
  };
  await Promise.all([
    ...Array.from({ length: 120 }, move),
    ...Array.from({ length: 20 }, () => shop.place(orderOf({ [skus[random.whole(0, 2)]!]: 3 }))),
  ]);
});
