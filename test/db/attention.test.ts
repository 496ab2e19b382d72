import { raiseAttention, resolveAttention, type Attention } from '../../domain/orders/attention';
import { readInventoryHealth } from '../../domain/stock/metrics/health';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openOrderShop, orderOf, viewOf, type OrderShop } from './support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const raise = (attention: Attention) => shop.db.transaction((tx) => raiseAttention(tx, [attention]));
const codes = async () =>
  (await readInventoryHealth(shop.db, { unsealedSeconds: 0 })).reasons.map(({ code }) => code);

test('what an order needs a person for is shown by the order and by the health until it is resolved', async () => {
  const order = orderOf({ [await shop.product({ AMS: 1 })]: 1 });
  const { orderId } = order;
  await shop.place(order);
  const about = newId();
  await raise({ orderId, kind: 'refund_failed', about, why: 'the card is closed' });
  const [first] = (await viewOf(shop.db, orderId)).attention;
  expect(first).toMatchObject({ kind: 'refund_failed', about, why: 'the card is closed' });
  expect(first?.next).toContain('/resolve');
  expect(await codes()).toContain('ATTENTION_NEEDED');

  // Raised again it is the same, with the latest reason; of something else it is another.
  await raise({ orderId, kind: 'refund_failed', about, why: 'the account is closed' });
  await raise({ orderId, kind: 'refund_delayed', about, why: 'away' });
  expect((await viewOf(shop.db, orderId)).attention).toMatchObject([
    { kind: 'refund_failed', since: first?.since, why: 'the account is closed' },
    { kind: 'refund_delayed' },
  ]);
  await shop.db.transaction((tx) =>
    resolveAttention(tx, [
      { kind: 'refund_failed', about },
      { kind: 'refund_delayed', about },
    ]),
  );
  expect((await viewOf(shop.db, orderId)).attention).toEqual([]);
  expect(await codes()).not.toContain('ATTENTION_NEEDED');
});
