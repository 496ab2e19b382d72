import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { openStackApi, type StackApi } from './stack-api';
import { order } from './support';

let test: StackApi;
beforeAll(async () => {
  test = await openStackApi();
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(() => test.stack.stop());

const cancel = (id: string, body: object, key: string | null = newId()) =>
  test.call('POST', `/orders/${id}/cancel`, {
    body,
    ...(key === null ? {} : { headers: { 'idempotency-key': key } }),
  });

async function placed(quantity: number): Promise<{ id: string; sku: string }> {
  const sku = await test.newSku(10);
  const { body } = await test.place(order(sku, quantity));
  return { id: body.id, sku };
}

describe('cancelling a part of an order', () => {
  it('takes out these units, once for a key, and the order goes on', async () => {
    const { id, sku } = await placed(3);
    const key = newId();
    const body = { reason: 'one too many', items: [{ sku, quantity: 1 }] };
    const first = await cancel(id, body, key);
    expect(first).toMatchObject({
      status: 200,
      body: { status: 'reserved', items: [{ quantity: 3, reservedQuantity: 2, cancelledQuantity: 1 }] },
    });
    const again = await cancel(id, body, key);
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await test.reserved(sku)).toBe(2);
  });

  it('needs a key, and refuses what the order has not', async () => {
    const { id, sku } = await placed(2);
    expect(await cancel(id, { items: [{ sku, quantity: 1 }] }, null)).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REQUIRED' },
    });
    expect(await cancel(id, { items: [{ sku: 'OTHER', quantity: 1 }] })).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', errors: [{ path: 'items.0.sku' }] },
    });
    expect(await cancel(id, { items: [{ sku, quantity: 3 }] })).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', errors: [{ path: 'items.0.quantity' }] },
    });
    expect(await test.reserved(sku)).toBe(2);
  });

  it('is refused when nothing of it is left, also after the order has ended', async () => {
    const { id, sku } = await placed(2);
    expect(await cancel(id, { items: [{ sku, quantity: 2 }] })).toMatchObject({
      status: 200,
      body: { status: 'cancelled' },
    });
    expect(await cancel(id, { items: [{ sku, quantity: 1 }] })).toMatchObject({
      status: 409,
      body: { code: 'NOT_CANCELLABLE' },
    });
  });
});
