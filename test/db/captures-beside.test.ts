import { isLastParcel, settleAuthorizations } from '../../domain/ordering/capture';
import { existingProgress } from '../../domain/ordering/progress';
import { orderPaymentId } from '../../domain/orders/ids';
import { askCapture } from '../../domain/payments/captures';
import { settleCaptureByHand } from '../../domain/payments/captures-by-hand';
import { askVoid } from '../../domain/payments/void';
import type { CaptureRequest, PaymentGateway } from '../../domain/payments/gateway';
import { ASK_LIMIT_MS, gatewayAskedLongAgo } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import {
  giveBack,
  openOrderShop,
  orderOf,
  PAYMENT,
  settleCharge,
  ship,
  viewOf,
  type OrderShop,
} from './support';

let shop: OrderShop;

beforeAll(async () => {
  shop = await openOrderShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

/** An authorised order of a unit from AMS and one from BER, both of which have left. */
async function placeAndShip(captureBefore: Date | null = null): Promise<string> {
  const sku = await shop.product({ AMS: 1, BER: 1 });
  const order = orderOf({ [sku]: 2 }, { payment: PAYMENT, capture: 'on_shipment' });
  const { orderId } = order;
  await shop.place(order);
  const outcome = { status: 'authorized', gatewayRef: 'ref', multicapture: true, captureBefore } as const;
  const paymentId = orderPaymentId(orderId, 1);
  await settleCharge(shop.db, { paymentId, outcome });
  for (const warehouse of ['AMS', 'BER']) await ship(shop.db, orderId, warehouse, 'picked_up');
  await settleAuthorizations(shop.db, orderId);
  return orderId;
}

/** A gateway that takes what it is asked to; a person settles the first capture while it does. */
function settledMeanwhile() {
  const taken: Pick<CaptureRequest, 'amountMinor' | 'isFinal'>[] = [];
  const takenMinor = () => taken.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
  const state = { isAway: false };
  const calls: Partial<PaymentGateway> = {
    async capture({ captureId, amountMinor, isFinal }) {
      taken.push({ amountMinor, isFinal });
      const how = { reference: null, reason: 'paid by transfer', actor: 'test' };
      if (taken.length === 1) {
        await gatewayAskedLongAgo(shop.db);
        await settleCaptureByHand(shop.db, {
          askLimitMs: ASK_LIMIT_MS,
          captureId,
          outcome: 'made_elsewhere',
          ...how,
        });
      }
      return { status: 'succeeded', gatewayRef: null, endedMinor: isFinal ? takenMinor() : null };
    },
    void() {
      if (state.isAway) return Promise.reject(new Error('away'));
      return Promise.resolve({ status: 'voided', capturedMinor: takenMinor() });
    },
  };
  // Any other call fails the test.
  const gateway = calls as PaymentGateway;
  return { taken, state, deps: { db: shop.db, gatewayNamed: () => gateway, isLastParcel } };
}

type Gateway = ReturnType<typeof settledMeanwhile>;

async function asked(orderId: string, kind: string): Promise<string[]> {
  const { asks } = await existingProgress(shop.db, orderId);
  return asks.filter((one) => one.kind === kind).map(({ id }) => id);
}

async function captureAll(orderId: string, { deps, taken }: Gateway): Promise<void> {
  for (let round = 0; round < 2; round++)
    for (const captureId of await asked(orderId, 'capture')) await askCapture(deps, captureId);
  expect(taken).toEqual([
    { amountMinor: 1_000, isFinal: false },
    { amountMinor: 1_000, isFinal: true },
  ]);
}

test('what the gateway took although a person settled it otherwise goes back once the rest is voided', async () => {
  const orderId = await placeAndShip();
  const gateway = settledMeanwhile();
  await captureAll(orderId, gateway);
  await settleAuthorizations(shop.db, orderId);
  await askVoid(gateway.deps, orderPaymentId(orderId, 1));

  const { payment, refunds, attention } = await viewOf(shop.db, orderId);
  expect(payment).toMatchObject({ status: 'captured', capturedMinor: 2_000 });
  expect(refunds).toMatchObject([{ amountMinor: 1_000, status: 'planned' }]);
  expect(attention.map(({ kind }) => kind)).toContain('captured_twice');
});

test('a refund of more than is known to be captured waits until the gateway says what it took', async () => {
  const orderId = await placeAndShip();
  const gateway = settledMeanwhile();
  await captureAll(orderId, gateway);
  await giveBack(shop.db, orderId, 1_500);
  expect(await asked(orderId, 'refund')).toEqual([]);
  await settleAuthorizations(shop.db, orderId);
  expect(await asked(orderId, 'refund')).toEqual([]);
  await askVoid(gateway.deps, orderPaymentId(orderId, 1));
  expect(await asked(orderId, 'refund')).toHaveLength(2);
});

test('an authorisation that has lapsed is not voided unheard where a person settled a capture of it', async () => {
  const orderId = await placeAndShip(new Date(Date.now() - 1_000));
  const gateway = settledMeanwhile();
  await captureAll(orderId, gateway);
  await settleAuthorizations(shop.db, orderId);
  gateway.state.isAway = true;
  await askVoid(gateway.deps, orderPaymentId(orderId, 1));
  expect((await viewOf(shop.db, orderId)).payment).toMatchObject({ capturedMinor: 1_000 });
  expect(await asked(orderId, 'void')).toHaveLength(1);

  gateway.state.isAway = false;
  await askVoid(gateway.deps, orderPaymentId(orderId, 1));
  expect((await viewOf(shop.db, orderId)).payment).toMatchObject({
    status: 'captured',
    capturedMinor: 2_000,
  });
});
