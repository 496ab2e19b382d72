import { cancelUndelivered, concludeCancel, requestCancel } from '../../domain/ordering/cancel';
import { actOnLapse, settleAuthorizations } from '../../domain/ordering/capture';
import { beginCharge, settleCharge } from '../../domain/ordering/pay';
import { readProgress } from '../../domain/ordering/progress';
import { orderPaymentId } from '../../domain/orders/ids';
import { askCapture } from '../../domain/payments/captures';
import { settleCaptureByHand } from '../../domain/payments/captures-by-hand';
import { askRelease } from '../../domain/payments/release';
import type { CaptureRequest, ChargeOutcome, PaymentGateway } from '../../domain/payments/types';
import { newId } from '../../platform/ids';
import { CHARGE_TERMS } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { CARRIER, openOrderShop, orderOf, PAYMENT, ship, viewOf, type OrderShop } from './support';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** An order of a unit from AMS and one from BER, with this outcome of its charge. */
async function place(outcome: Exclude<ChargeOutcome, { status: 'unknown' }>): Promise<string> {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  const order = orderOf({ [sku]: 2 }, { payment: PAYMENT, capture: 'on_shipment' });
  await shop.place(order);
  const paymentId = orderPaymentId(order.orderId, 1);
  await settleCharge(shop.db, { paymentId, outcome, carrier: CARRIER, ...CHARGE_TERMS });
  return order.orderId;
}

const AUTHORIZED = {
  status: 'authorized',
  gatewayRef: 'ref',
  multicapture: true,
  captureBefore: null,
} as const;

/** A gateway of which only these calls are made. */
function gatewayOf(calls: Partial<PaymentGateway>) {
  // Any other call fails the test.
  const gateway = calls as PaymentGateway;
  return { db: shop.db, gatewayNamed: () => gateway };
}

async function plannedCaptures(orderId: string): Promise<string[]> {
  const progress = await readProgress(shop.db, orderId);
  return (progress?.asks ?? []).filter(({ kind }) => kind === 'capture').map(({ id }) => id);
}

test('a capture is not final while another one takes all that is left: what is released cannot be captured', async () => {
  const orderId = await place({ ...AUTHORIZED, captureBefore: new Date(Date.now() + 1_000) });
  await ship(shop.db, orderId, 'AMS', 'picked_up');
  await settleAuthorizations(shop.db, orderId);
  await shop.db.pool.query('update payments set capture_due_at = clock_timestamp() where order_id = $1', [
    orderId,
  ]);
  await actOnLapse(shop.db, { orderId, action: 'capture' });

  const asked: Pick<CaptureRequest, 'amountMinor' | 'isFinal'>[] = [];
  const deps = gatewayOf({
    capture({ amountMinor, isFinal }) {
      asked.push({ amountMinor, isFinal });
      return Promise.resolve({ status: 'succeeded', gatewayRef: null });
    },
  });
  for (let round = 0; round < 2; round++) {
    const [captureId] = await plannedCaptures(orderId);
    if (captureId) await askCapture(deps, captureId);
  }
  expect(asked).toEqual([
    { amountMinor: 1_000, isFinal: false },
    { amountMinor: 1_000, isFinal: true },
  ]);
  expect((await viewOf(shop.db, orderId)).payment).toMatchObject({
    status: 'captured',
    capturedMinor: 2_000,
  });
});

test('what the gateway took although a person settled it otherwise goes back once the rest is released', async () => {
  const orderId = await place(AUTHORIZED);
  for (const warehouse of ['AMS', 'BER']) await ship(shop.db, orderId, warehouse, 'picked_up');
  await settleAuthorizations(shop.db, orderId);
  let takenMinor = 0;
  const deps = gatewayOf({
    async capture({ captureId, amountMinor }) {
      const isFirst = takenMinor === 0;
      takenMinor += amountMinor;
      const settled = { captureId, reference: null, reason: 'paid by transfer', actor: 'test' };
      if (isFirst) await settleCaptureByHand(shop.db, { ...settled, outcome: 'made_elsewhere' });
      return { status: 'succeeded', gatewayRef: null };
    },
    release: () => Promise.resolve({ status: 'released', capturedMinor: takenMinor }),
  });
  for (let round = 0; round < 2; round++) {
    const [captureId] = await plannedCaptures(orderId);
    if (captureId) await askCapture(deps, captureId);
  }
  expect(takenMinor).toBe(2_000);
  await settleAuthorizations(shop.db, orderId);
  await askRelease(deps, orderPaymentId(orderId, 1));

  const { payment, refunds, attention } = await viewOf(shop.db, orderId);
  expect(payment).toMatchObject({ status: 'captured', capturedMinor: 2_000 });
  expect(refunds).toMatchObject([{ amountMinor: 1_000, status: 'planned' }]);
  expect(attention.map(({ kind }) => kind)).toContain('captured_twice');
});

test('a card is not charged for what was given up while its customer was to authenticate', async () => {
  const orderId = await place({
    status: 'requires_action',
    gatewayRef: 'ref',
    nextAction: { type: 'redirect', url: 'https://bank.example/1' },
  });
  await requestCancel(shop.db, { orderId, reason: 'changed my mind' });
  await cancelUndelivered(shop.db, orderId);
  await concludeCancel(shop.db, orderId);

  const again = {
    updateId: newId(),
    payment: PAYMENT,
    reservationId: null,
    gateway: 'sandbox',
    attemptLimit: 10,
  };
  expect(await beginCharge(shop.db, { orderId, ...again })).toMatchObject({
    begun: false,
    code: 'ORDER_NOT_PAYABLE',
  });
  expect((await viewOf(shop.db, orderId)).payments).toHaveLength(1);
});
