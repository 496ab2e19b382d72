import type { ApiContext } from '../../api/services/context';
import { cutItems } from '../../api/use-cases/cut-items';
import { payOrder } from '../../api/use-cases/pay-order';
import { requestCut } from '../../domain/ordering/cuts/request';
import { STEP_FAILED } from '../../domain/ordering/types';
import { newId } from '../../platform/ids';
import { openAuthorisedShop, type AuthorisedShop } from '../db/authorised-orders';
import { orderOf } from '../db/support';
import { testLogger } from '../support/servers';

let shop: AuthorisedShop;
beforeAll(async () => {
  shop = await openAuthorisedShop();
});
afterAll(() => shop.close());

/** The parts of the API that these use, with a saga that says of each request that it could not be written. */
function context(): ApiContext {
  const refused = () => Promise.resolve({ kind: 'refused', code: STEP_FAILED });
  const engine = { pay: refused, cutItems: refused };
  return { db: shop.db, log: testLogger(), engine } as unknown as ApiContext;
}

async function placed() {
  const sku = await shop.product({ AMS: 2 });
  const order = orderOf({ [sku]: 2 });
  await shop.place(order);
  return { sku, orderId: order.orderId };
}

const UNWRITTEN = { code: 'ORDER_STEP_FAILED' };

test('a payment whose row was written is accepted although the saga could not tell; one without is refused', async () => {
  const { orderId } = await placed();
  const request = {
    orderId,
    method: { method: 'card', token: 'tok_ok' },
    updateId: newId(),
    actor: 'service:a',
    httpRequestId: newId(),
    traceparent: '',
  };
  await expect(payOrder(context(), request)).rejects.toMatchObject(UNWRITTEN);
  await shop.pay(orderId, 'tok_ok', { updateId: request.updateId });
  expect(await payOrder(context(), request)).toMatchObject({ status: 202, body: { status: 'pending' } });
});

test('a cut whose row was written is accepted although the saga could not tell; one without is refused', async () => {
  const { orderId, sku } = await placed();
  const wanted = { orderId, requestId: newId(), items: [{ sku, quantity: 1 }], reason: 'too many' };
  const request = { ...wanted, actor: 'service:a', httpRequestId: newId(), traceparent: '' };
  await expect(cutItems(context(), request)).rejects.toMatchObject(UNWRITTEN);
  await requestCut(shop.db, wanted);
  expect(await cutItems(context(), request)).toMatchObject({ status: 202 });
});
