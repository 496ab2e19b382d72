import { abandonReservation } from '../../domain/ordering/cancel';
import { settleChargeByHand, type ChargeByHand } from '../../domain/ordering/settle-charge-by-hand';
import { raiseAttention } from '../../domain/orders/attention';
import { eventTypes } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { newId } from '../../platform/ids';
import { openOrderShop, orderOf, PAYMENT, twice, viewOf, type OrderShop } from '../db/support';

let shop: OrderShop;
beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** An order whose charge has no outcome, and whose stock was given up for that. */
async function unresolved(isGivenUp = true): Promise<{ orderId: string; paymentId: string }> {
  const order = orderOf({ [await shop.product({ AMS: 1 })]: 1 }, { payment: PAYMENT });
  const { orderId } = order;
  await shop.place(order);
  const { payment } = await viewOf(shop.db, orderId);
  if (isGivenUp) await abandonReservation(shop.db, { orderId, paymentId: payment!.id });
  const attention = { orderId, kind: 'charge_unresolved' as const, about: payment!.id, why: 'away' };
  await shop.db.transaction((tx) => raiseAttention(tx, [attention]));
  return { orderId, paymentId: payment!.id };
}

const settle = (paymentId: string, rest: Partial<ChargeByHand> = {}) =>
  settleChargeByHand(shop.db, {
    paymentId,
    outcome: 'not_captured',
    reference: null,
    reason: 'seen in the dashboard',
    actor: 'operator',
    ...rest,
  });

test('a charge that was not made is declined, and needs nobody any more', async () => {
  const { orderId, paymentId } = await unresolved();
  await twice(shop.db, () => settle(paymentId));
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    status: 'failed',
    payment: { status: 'declined', declineCode: 'settled_by_hand' },
    refunds: [],
    attention: [],
  });
  expect(await eventTypes(shop.db, orderId)).toContain('payment_settled_by_hand');
  await expect(settle(paymentId, { outcome: 'captured', reference: 'ch_1' })).rejects.toMatchObject({
    code: 'PAYMENT_DECIDED',
  });
});

test('a charge that was captured goes back, once', async () => {
  const { orderId, paymentId } = await unresolved();
  await expect(settle(paymentId, { outcome: 'captured' })).rejects.toMatchObject({
    code: 'REFERENCE_REQUIRED',
  });
  await twice(shop.db, () => settle(paymentId, { outcome: 'captured', reference: 'ch_1' }));
  expect(await viewOf(shop.db, orderId)).toMatchObject({
    payment: { status: 'captured' },
    refunds: [{ amountMinor: 1_000, status: 'planned' }],
    attention: [],
  });
});

test('a charge that stock waits for is left to the gateway', async () => {
  const { paymentId } = await unresolved(false);
  await expect(settle(paymentId)).rejects.toMatchObject({ code: 'PAYMENT_HOLDS_STOCK' });
  await expect(settle(newId())).rejects.toMatchObject({ code: 'PAYMENT_NOT_FOUND' });
});
