import { cancelReturn, expireReturn, findOverdueReturns } from '../../domain/warehousing/returns/end';
import { listReturns, readReturn } from '../../domain/warehousing/returns/views';
import { newId } from '../../platform/ids';
import { levelsOf, openOrderShop, orderOf, twice, viewOf, type OrderShop } from '../db/support';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { authorise, comesIn, inspect, runOut, shippedOrder } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** An order of 3 of 10 units, shipped, of which a return of `units` is authorised. */
async function authorised(units = 3) {
  const sku = await shop.product({ AMS: 10 });
  const orderId = await shippedOrder(shop, { [sku]: 3 });
  return { sku, orderId, id: (await authorise(shop.db, orderId, { [sku]: units })).id };
}

const woken = async (id: string) =>
  (await shop.db.pool.query(`select 1 from outbox where topic = 'return.wake' and key = $1`, [id])).rowCount;

test('a return is authorised for what was shipped, and its workflow is asked for in the same transaction', async () => {
  const { sku, orderId, id } = await authorised(2);
  const made = await readReturn(shop.db, id);
  expect(made).toMatchObject({
    orderId,
    status: 'authorised',
    location: null,
    items: [{ sku, quantity: 2, reason: 'too large', received: 0 }],
  });
  expect(Date.parse(made!.expiresAt) - Date.now()).toBeGreaterThan(29 * 86_400_000);
  expect(await woken(id)).toBe(1);
  expect(await eventTypes(shop.db, orderId)).toContain('return_authorised');
});

test('the same return again returns the first', async () => {
  const { sku, orderId, id } = await authorised();
  const [first, again] = await twice(shop.db, () =>
    authorise(shop.db, orderId, { [sku]: 3 }, { returnId: id }),
  );
  expect(again).toEqual(first);
});

test('no more than was shipped is ever authorised, however many ask at once', async () => {
  const sku = await shop.product({ AMS: 10 });
  const orderId = await shippedOrder(shop, { [sku]: 3 });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => authorise(shop.db, orderId, { [sku]: 1 })),
  );
  expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(3);
  await expect(authorise(shop.db, orderId, { [sku]: 1 })).rejects.toMatchObject({
    code: 'NOT_RETURNABLE',
    details: { items: [{ sku, requested: 1, returnable: 0 }] },
  });
});

test('what was not shipped, or not ordered, cannot be returned', async () => {
  const sku = await shop.product({ AMS: 10 });
  const order = orderOf({ [sku]: 1 });
  await shop.place(order);
  for (const items of [{ [sku]: 1 }, { 'NO-SUCH': 1 }]) {
    await expect(authorise(shop.db, order.orderId, items)).rejects.toMatchObject({ code: 'NOT_RETURNABLE' });
  }
  await expect(authorise(shop.db, newId(), { [sku]: 1 })).rejects.toMatchObject({ code: 'UNKNOWN_ORDER' });
});

test('goods that came in are no stock until they are inspected', async () => {
  const { sku, id } = await authorised();
  const stepId = newId();
  const [first, again] = await twice(shop.db, () => comesIn(shop.db, id, { [sku]: 3 }, { stepId }));
  expect(again).toEqual(first);
  expect(first).toMatchObject({ status: 'received', location: 'AMS', items: [{ received: 3 }] });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [7, 0] });
});

test('an inspection restocks and writes off, once, and completes the return', async () => {
  const { sku, orderId, id } = await authorised();
  await comesIn(shop.db, id, { [sku]: 3 });
  const stepId = newId();
  const [first, again] = await twice(shop.db, () =>
    inspect(shop.db, id, [{ sku, restock: 2, writeOff: 1 }], stepId),
  );
  expect(again).toEqual(first);
  expect(first).toMatchObject({ status: 'completed', items: [{ restocked: 2, writtenOff: 1 }] });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 0] });
  const { rows } = await shop.db.pool.query(
    `select kind, on_hand_delta, order_id, reference, actor from inventory_transactions where effect_id = $1 order by kind`,
    [stepId],
  );
  const common = { order_id: orderId, reference: `return:${id}`, actor: 'inspector' };
  expect(rows).toEqual([
    { kind: 'return', on_hand_delta: 3, ...common },
    { kind: 'write_off', on_hand_delta: -1, ...common },
  ]);
  expect(await eventTypes(shop.db, orderId)).toEqual(
    expect.arrayContaining(['return_authorised', 'return_completed']),
  );
});

test('a return comes in and is inspected part by part', async () => {
  const { sku, id } = await authorised();
  await comesIn(shop.db, id, { [sku]: 1 });
  await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }]);
  await comesIn(shop.db, id, { [sku]: 2 });
  expect(await inspect(shop.db, id, [{ sku, restock: 0, writeOff: 1 }])).toMatchObject({
    status: 'received',
  });
  expect(await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }])).toMatchObject({
    status: 'completed',
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [9, 0] });
});

test('restocked units go to waiting backorders, and what is written off does not', async () => {
  const sku = await shop.product({ AMS: 3 });
  const orderId = await shippedOrder(shop, { [sku]: 3 });
  const waiting = orderOf({ [sku]: 3 }, { fulfilment: 'backorder' });
  await shop.place(waiting);
  const { id } = await authorise(shop.db, orderId, { [sku]: 3 });
  await comesIn(shop.db, id, { [sku]: 3 });
  await inspect(shop.db, id, [{ sku, restock: 2, writeOff: 1 }]);
  expect((await viewOf(shop.db, waiting.orderId)).items[0]).toMatchObject({
    reservedQuantity: 2,
    backorderedQuantity: 1,
  });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [2, 2] });
});

test('one authorisation cannot be used twice at once, nor one arrival inspected twice', async () => {
  const { sku, id } = await authorised();
  const arrivals = await Promise.allSettled(
    Array.from({ length: 8 }, () => comesIn(shop.db, id, { [sku]: 1 })),
  );
  expect(arrivals.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(3);
  const inspections = await Promise.allSettled(
    Array.from({ length: 8 }, (_, n) =>
      inspect(shop.db, id, [{ sku, restock: n % 2, writeOff: (n + 1) % 2 }]),
    ),
  );
  expect(inspections.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(3);
  const done = await readReturn(shop.db, id);
  expect(done).toMatchObject({ status: 'completed' });
  expect(await levelsOf(shop.db, sku)).toEqual({ AMS: [7 + done!.items[0]!.restocked, 0] });
});

test('inspections of returns of the same orders and products in opposite order at once never deadlock', async () => {
  const skus = [await shop.product({ AMS: 100 }), await shop.product({ AMS: 100 })] as const;
  const orders = await Promise.all(
    Array.from({ length: 6 }, () => shippedOrder(shop, { [skus[0]]: 2, [skus[1]]: 2 })),
  );
  for (let n = 0; n < 4; n++) {
    await shop.place(orderOf({ [skus[n % 2]!]: 100 }, { fulfilment: 'backorder' }));
  }
  const ids = await Promise.all(
    orders.map(async (orderId) => {
      const { id } = await authorise(shop.db, orderId, { [skus[0]]: 2, [skus[1]]: 2 });
      await comesIn(shop.db, id, { [skus[0]]: 2, [skus[1]]: 2 });
      return id;
    }),
  );
  await Promise.all(
    ids.map((id, n) => {
      const results = skus.map((sku) => ({ sku, restock: 2, writeOff: 0 }));
      return inspect(shop.db, id, n % 2 ? results : results.reverse());
    }),
  );
  for (const id of ids) expect(await readReturn(shop.db, id)).toMatchObject({ status: 'completed' });
});

test('a return that was called off gives its units back to be returned; again is the same', async () => {
  const { sku, orderId, id } = await authorised();
  await twice(shop.db, () => cancelReturn(shop.db, { returnId: id, actor: 'clerk' }));
  expect(await readReturn(shop.db, id)).toMatchObject({ status: 'cancelled' });
  await authorise(shop.db, orderId, { [sku]: 3 });
  await expect(comesIn(shop.db, id, { [sku]: 1 })).rejects.toMatchObject({ code: 'RETURN_CLOSED' });
});

test('an authorisation that runs out ends the return, by the clock of PostgreSQL, once', async () => {
  const { sku, orderId, id } = await authorised();
  expect(await expireReturn(shop.db, id)).toMatchObject({ status: 'authorised', awaited: 3 });
  await runOut(shop.db, id);
  await expect(comesIn(shop.db, id, { [sku]: 1 })).rejects.toMatchObject({ code: 'RETURN_CLOSED' });
  const [first, again] = await twice(shop.db, () => expireReturn(shop.db, id));
  expect(again).toEqual(first);
  expect(first).toMatchObject({ status: 'expired', awaited: 0, msLeft: null });
  expect(await eventTypes(shop.db, orderId)).toContain('return_expired');
  await authorise(shop.db, orderId, { [sku]: 3 });
});

test('when it runs out after a part came in, that part is still inspected and the rest may be returned anew', async () => {
  const { sku, orderId, id } = await authorised();
  await comesIn(shop.db, id, { [sku]: 1 });
  await runOut(shop.db, id);
  await twice(shop.db, () => expireReturn(shop.db, id));
  expect(await expireReturn(shop.db, id)).toMatchObject({ status: 'received', awaited: 0, uninspected: 1 });
  await authorise(shop.db, orderId, { [sku]: 2 });
  expect(await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }])).toMatchObject({
    status: 'completed',
  });
});

test('when it runs out and all that came is inspected, it is completed', async () => {
  const { sku, id } = await authorised();
  await comesIn(shop.db, id, { [sku]: 1 });
  await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }]);
  await runOut(shop.db, id);
  expect(await expireReturn(shop.db, id)).toMatchObject({ status: 'completed' });
});

test('only returns that should have ended their wait are overdue, each on one page of the list', async () => {
  const returns = [await authorised(), await authorised(), await authorised(), await authorised()];
  const [early, ...late] = returns.map(({ id }) => id);
  await shop.db.pool.query(
    `update customer_returns set expires_at = clock_timestamp() - interval '2 minutes' where id = any ($1::uuid[])`,
    [late],
  );
  const first = await findOverdueReturns(shop.db, { after: undefined, limit: 2 });
  const rest = await findOverdueReturns(shop.db, { after: first.at(-1), limit: 2 });
  const found = [...first, ...rest].map(({ id }) => id);
  expect([first.length, found.sort()]).toEqual([2, late.sort()]);
  expect(found).not.toContain(early);
  for (const id of late) await expireReturn(shop.db, id);
});

test.each([
  [
    'more than was authorised',
    (id: string, sku: string) => comesIn(shop.db, id, { [sku]: 4 }),
    'RETURN_EXCEEDS_AUTHORISED',
  ],
  ['another product', (id: string) => comesIn(shop.db, id, { 'NO-SUCH': 1 }), 'RETURN_EXCEEDS_AUTHORISED'],
  [
    'at an unknown location',
    (id: string, sku: string) => comesIn(shop.db, id, { [sku]: 1 }, { location: 'NO-SUCH' }),
    'UNKNOWN_LOCATION',
  ],
  [
    'inspected before it came in',
    (id: string, sku: string) => inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }]),
    'RETURN_CLOSED',
  ],
  [
    'of a return that is not there',
    (_id: string, sku: string) => comesIn(shop.db, newId(), { [sku]: 1 }),
    'NOT_FOUND',
  ],
] as const)('an arrival of %s is refused', async (_name, attempt, code) => {
  const { sku, id } = await authorised();
  await expect(attempt(id, sku)).rejects.toMatchObject({ name: 'AppError', code });
  expect(await readReturn(shop.db, id)).toMatchObject({ status: 'authorised' });
});

test('once goods came in, the rest comes in there, more is not inspected, and it cannot be called off', async () => {
  const { sku, id } = await authorised();
  await comesIn(shop.db, id, { [sku]: 1 });
  await expect(comesIn(shop.db, id, { [sku]: 1 }, { location: 'BER' })).rejects.toMatchObject({
    code: 'RETURN_AT_ANOTHER_LOCATION',
  });
  await expect(inspect(shop.db, id, [{ sku, restock: 1, writeOff: 1 }])).rejects.toMatchObject({
    code: 'RETURN_EXCEEDS_RECEIVED',
  });
  await expect(cancelReturn(shop.db, { returnId: id, actor: 'clerk' })).rejects.toMatchObject({
    code: 'RETURN_NOT_CANCELLABLE',
  });
});

test('returns are listed newest first by order and status', async () => {
  const { sku, orderId, id } = await authorised(1);
  const second = await authorise(shop.db, orderId, { [sku]: 1 });
  await cancelReturn(shop.db, { returnId: id, actor: 'clerk' });
  const page = { orderId, limit: 10, offset: 0 };
  expect((await listReturns(shop.db, page)).items.map((item) => item.id)).toEqual([second.id, id]);
  expect((await listReturns(shop.db, { ...page, status: 'cancelled' })).items).toHaveLength(1);
});
