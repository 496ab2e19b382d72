import { requestCancel } from '../../domain/ordering/cancel';
import { expireReservation } from '../../domain/ordering/expire';
import { existingProgress } from '../../domain/ordering/progress';
import { requestRefund } from '../../domain/payments/refunds-by-hand';
import { newId } from '../../platform/ids';
import { authorise, comesIn, inspect } from '../returns/support';
import { expectAtRest } from '../support/invariants';
import { openAuthorisedShop, type AuthorisedShop } from './authorised-orders';
import { carry, makeDue, receive, viewOf, obligingCarrier } from './support';
import { BY, capturingOrders } from './capturing-orders';

let shop: AuthorisedShop;
const { expectMoneyInOrder, twoParcels } = capturingOrders(() => shop);

beforeAll(async () => {
  shop = await openAuthorisedShop();
});
afterEach(async () => {
  await expectAtRest(shop.db);
  await expectMoneyInOrder();
});
afterAll(() => shop.close());

test('what somebody captured at the gateway besides goes back when the rest is voided', async () => {
  const { orderId } = await twoParcels();
  await shop.pickUp(orderId, 'AMS');
  const { rows } = await shop.db.pool.query<{ id: string; ref: string }>(
    'select id, gateway_ref as ref from payments where order_id = $1',
    [orderId],
  );
  const [{ id: paymentId, ref: gatewayRef }] = rows as [{ id: string; ref: string }];
  const more = { captureId: newId(), keyNumber: 1, paymentId, gatewayRef, amountMinor: 300, currency: 'USD' };
  await shop.gateway.capture({ ...more, capturedMinor: 1_000, isFinal: false });
  await requestCancel(shop.db, { orderId, reason: 'enough' });
  expect(await shop.carryOn(orderId)).toBe('finish');
  expect(await shop.money(orderId)).toMatchObject([
    { status: 'partially_refunded', captured: 1_300, refunded: 300 },
  ]);
  expect((await viewOf(shop.db, orderId)).refunds).toMatchObject([
    { reason: 'more was captured at the gateway than was asked for' },
  ]);
});

test('a gift and a return give back what was captured of an authorised payment, while the rest is still authorised', async () => {
  const { sku, orderId } = await twoParcels();
  await shop.pickUp(orderId, 'AMS');
  const wanted = { orderId, requestId: newId(), paymentId: null, amountMinor: 300, ...BY };
  await expect(requestRefund(shop.db, { ...wanted, amountMinor: 1_001 })).rejects.toMatchObject({
    code: 'REFUND_EXCEEDS_CAPTURE',
  });
  await requestRefund(shop.db, wanted);
  await shop.carryOn(orderId);
  expect(await shop.money(orderId)).toMatchObject([{ status: 'authorized', captured: 1_000, refunded: 300 }]);
  const { id } = await authorise(shop.db, orderId, { [sku]: 1 });
  await comesIn(shop.db, id, { [sku]: 1 });
  await inspect(shop.db, id, [{ sku, restock: 1, writeOff: 0 }]);
  await shop.carryOn(orderId);
  expect(await shop.money(orderId)).toMatchObject([
    { status: 'authorized', captured: 1_000, refunded: 1_000 },
  ]);
  await shop.pickUp(orderId, 'BER');
  expect(await shop.money(orderId)).toMatchObject([
    { status: 'partially_refunded', captured: 2_000, refunded: 1_000 },
  ]);
});

test('a parcel that the carrier refuses to stop is captured when it leaves, although the order is cancelled', async () => {
  const { orderId } = await twoParcels();
  await shop.db.pool.query(`update shipments set status = 'booked' where order_id = $1`, [orderId]);
  await requestCancel(shop.db, { orderId, reason: 'changed my mind' });
  const answers = ['refused', 'voided'] as const;
  let asked = 0;
  const carrier = { ...obligingCarrier, void: () => Promise.resolve(answers[asked++] ?? 'voided') };
  await shop.carryOn(orderId, { carrier });
  for (const { id, status } of (await viewOf(shop.db, orderId)).shipments)
    if (status === 'booked') await carry(shop.db, id, 'picked_up');
  expect(await shop.carryOn(orderId)).toBe('finish');
  expect(await shop.money(orderId)).toMatchObject([{ status: 'captured', captured: 1_000, refunded: 0 }]);
});

test('an order of which the paid part was cut whole keeps waiting for the rest when another part expires', async () => {
  const cut = await shop.product({ AMS: 1 });
  const late = await shop.product({});
  const orderId = await shop.authorised({ [cut]: 1, [late]: 2 }, { fulfilment: 'backorder' });
  await shop.cut(orderId, { [cut]: 1 });
  await shop.carryOn(orderId);
  expect(await shop.money(orderId)).toMatchObject([{ status: 'voided', captured: 0 }]);
  await receive(shop.db, late, 'AMS', 1);
  const { reservations } = await existingProgress(shop.db, orderId);
  const [part] = reservations.filter(({ status }) => status === 'pending');
  await makeDue(shop.db, orderId);
  const progress = await expireReservation(shop.db, { orderId, reservationId: part!.reservationId });
  // Its unit goes to the order's own place in the queue, which it still has.
  expect(progress).toMatchObject({ waitingUnits: 0, reservations: [{ status: 'pending', seq: 3 }] });
  await requestCancel(shop.db, { orderId, reason: 'enough' });
  await shop.carryOn(orderId);
});
