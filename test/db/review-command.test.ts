import { PassThrough } from 'node:stream';
import { userInfo } from 'node:os';
import { runOrderReview } from '../../cli/order-review';
import { createOutput } from '../../cli/output';
import { beginReview } from '../../domain/orders/review';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { openOrderShop, orderOf, PAYMENT, viewOf, type OrderShop } from './support';
import { CARRIER_SECRETS } from '../support/carrier-signature';
import { expectInvariants } from '../support/invariants';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

test('holdfast order review decides, and the history names who typed it', async () => {
  const settings = readSettings({ ...CARRIER_SECRETS, DATABASE_URL: shop.url, LOG_LEVEL: 'silent' });
  const stream = new PassThrough();
  const sku = await shop.product({ AMS: 1 });
  const review = { fromMinor: { USD: 0 }, seconds: 60, otherwise: 'rejected' } as const;
  const { orderId, ...order } = orderOf({ [sku]: 1 }, { payment: PAYMENT, review });
  await shop.place({ orderId, ...order });
  await shop.db.retrying((tx) => beginReview(tx, orderId));
  const decision = { orderId, outcome: 'approved', note: 'looked at' } as const;
  for (let n = 0; n < 2; n++) expect(await runOrderReview(settings, decision, createOutput(stream))).toBe(0);
  expect(String(stream.read())).toContain(`${orderId}  approved.`);
  expect((await viewOf(shop.db, orderId)).review).toMatchObject({ status: 'approved' });
  const { rows } = await shop.db.pool.query(
    `select data from order_events where order_id = $1 and type = 'review_approved'`,
    [orderId],
  );
  expect(rows).toEqual([{ data: { actor: userInfo().username, note: 'looked at' } }]);

  const other = runOrderReview(settings, { ...decision, outcome: 'rejected' }, createOutput(stream));
  await expect(other).rejects.toMatchObject({ code: 'NOT_IN_REVIEW' });
  const unknown = runOrderReview(settings, { ...decision, orderId: newId() }, createOutput(stream));
  await expect(unknown).rejects.toMatchObject({ code: 'ORDER_NOT_FOUND' });
});
