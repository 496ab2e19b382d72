import { adjustStock } from '../../domain/stock/adjustments/adjust';
import { readStock } from '../../domain/stock/availability/availability';
import { markOverdue } from '../../domain/stock/transfers/overdue';
import { claimUnattended } from '../../domain/stock/transfers/queries';
import { readTransfer } from '../../domain/stock/transfers/views';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { seededRandom } from '../support/random';
import { levelsOf, openOrderShop, orderOf, type OrderShop } from './support';
import { transferSteps, type TransferSteps } from './transfer-steps';
import { withStock } from '../support/stock';

let shop: OrderShop;
let start: TransferSteps['start'];
let receive: TransferSteps['receive'];
let cancel: TransferSteps['cancel'];
let makeLate: TransferSteps['makeLate'];
let overdueAlerts: TransferSteps['overdueAlerts'];

beforeAll(async () => {
  shop = await openOrderShop();
  ({ start, receive, cancel, makeLate, overdueAlerts } = transferSteps(shop));
});

afterEach(() => expectInvariants(shop.db));

afterAll(() => shop.close());

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

describe('the reconciler looks', () => {
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
  /** Returns how many units there are more, or fewer, for it. */
  const move = async (): Promise<number> => {
    const from = random.pick(places);
    const to = random.pick(places);
    const sku = skus[random.whole(0, 2)]!;
    if (from === to) {
      await adjustStock(withStock(shop.db), {
        sku,
        location: to,
        change: { delta: 1 },
        reason: 'x',
        actor: 't',
        effectId: newId(),
      });
      return 1;
    }
    const immediate = random.chance(0.5);
    const transfer = await start(sku, random.whole(1, 3), {
      from,
      to,
      mode: immediate ? 'immediate' : 'in_transit',
    });
    if (immediate) return 0;
    if (random.chance(0.5)) return -(await receive(transfer, { lost: 1 })).lost;
    await cancel(transfer);
    return 0;
  };
  const [gained] = await Promise.all([
    Promise.all(Array.from({ length: 120 }, move)),
    Promise.all(Array.from({ length: 20 }, () => shop.place(orderOf({ [skus[random.whole(0, 2)]!]: 3 })))),
  ]);
  const stock = await Promise.all(skus.map((sku) => readStock(shop.db, sku)));
  const units = stock.reduce((sum, view) => sum + (view?.onHand ?? 0) + (view?.inTransit ?? 0), 0);
  expect(units).toBe(900 + gained.reduce((sum, units) => sum + units, 0));
});
