import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { openStackApi, type StackApi } from './stack-api';
import { order } from './support';

let test: StackApi;

beforeAll(async () => {
  test = await openStackApi();
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(() => test.stack.stop());

describe('paying an order', () => {
  const pay = (orderId: string, token: string, key?: string) =>
    test.call('POST', `/orders/${orderId}/payments`, {
      body: { method: 'card', token },
      headers: key === undefined ? {} : { 'idempotency-key': key },
    });

  async function held(more: Record<string, unknown> = {}): Promise<string> {
    return (await test.place(order(await test.newSku(1), 1, more))).body.id;
  }

  it('returns the payment, once for a key, and then nothing is left to pay', async () => {
    const orderId = await held();
    const key = newId();
    const first = await pay(orderId, 'tok_ok', key);
    expect(first).toMatchObject({
      status: 200,
      body: { status: 'captured', amountMinor: 1000, currency: 'USD' },
    });
    const again = await pay(orderId, 'tok_ok', key);
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect((await pay(orderId, 'tok_ok')).body.code).toBe('ORDER_NOT_PAYABLE');
    await waitFor(async () => (await test.status(orderId)) === 'fulfilled');
    expect((await pay(orderId, 'tok_ok')).body.code).toBe('ORDER_NOT_PAYABLE');
    expect((await pay(orderId, 'tok_ok', key)).body).toEqual(first.body);
    expect((await test.call('GET', `/orders/${orderId}`)).body.payments).toHaveLength(1);
  });

  it('returns the reason of a decline, and takes another card', async () => {
    const orderId = await held();
    const key = newId();
    const declined = await pay(orderId, 'tok_insufficient_funds', key);
    expect(declined).toMatchObject({
      status: 402,
      body: { code: 'PAYMENT_DECLINED', declineCode: 'insufficient_funds' },
    });
    expect((await pay(orderId, 'tok_insufficient_funds', key)).body).toEqual(declined.body);
    expect((await pay(orderId, 'tok_ok')).status).toBe(200);
    expect((await test.call('GET', `/orders/${orderId}`)).body.payments).toMatchObject([
      { status: 'declined' },
      { status: 'captured' },
    ]);
  });

  it('responds with 409 once the reservation has expired', async () => {
    const orderId = await held({ holdSeconds: 1 });
    await waitFor(async () => (await test.status(orderId)) === 'expired');
    expect(await pay(orderId, 'tok_ok')).toMatchObject({ status: 409, body: { code: 'HOLD_EXPIRED' } });
  });

  it('refuses an unknown token and an unknown order', async () => {
    const orderId = await held();
    expect(await pay(orderId, 'tok_nope')).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'token' }] },
    });
    expect((await pay(newId(), 'tok_ok')).status).toBe(404);
    expect((await pay(orderId, 'tok_ok')).status).toBe(200);
  });

  it('starts a saga again that was terminated, and charges once', async () => {
    const orderId = await held();
    await test.terminate(orderId);
    const key = newId();
    expect((await pay(orderId, 'tok_ok', key)).status).toBe(200);
    await waitFor(async () => (await test.status(orderId)) === 'fulfilled');
    expect((await test.call('GET', `/orders/${orderId}`)).body.payments).toHaveLength(1);
  });
});

describe('cancelling an order', () => {
  it.each(['PUT', 'POST'])('gives the stock back, and again says the same: %s', async (method) => {
    const sku = await test.newSku(1);
    const { body } = await test.place(order(sku, 1));
    const cancel = () =>
      test.call(method, `/orders/${body.id}/cancel`, { body: { reason: 'changed my mind' } });
    const first = await cancel();
    expect(first).toMatchObject({
      status: 200,
      body: {
        id: body.id,
        status: 'cancelled',
        cancelReason: 'changed my mind',
        reservation: { status: 'cancelled' },
      },
    });
    expect(await test.reserved(sku)).toBe(0);
    expect(await cancel()).toMatchObject({ status: 200, body: { status: 'cancelled' } });
  });

  it('needs no body', async () => {
    const { body } = await test.place(order(await test.newSku(1), 1));
    expect((await test.call('PUT', `/orders/${body.id}/cancel`)).status).toBe(200);
  });

  it('is refused once everything has left', async () => {
    const { body } = await test.place({
      ...order(await test.newSku(1), 1),
      payment: { method: 'card', token: 'tok_ok' },
    });
    await waitFor(async () => (await test.status(body.id)) === 'fulfilled');
    const reply = await test.call('PUT', `/orders/${body.id}/cancel`);
    expect(reply).toMatchObject({ status: 409, body: { code: 'NOT_CANCELLABLE' } });
  });

  it('is 404 for an order that is not there', async () => {
    expect((await test.call('PUT', `/orders/${newId()}/cancel`)).status).toBe(404);
  });

  it('starts a saga again that was terminated', async () => {
    const sku = await test.newSku(1);
    const { body } = await test.place(order(sku, 1));
    await test.terminate(body.id);
    expect(await test.call('PUT', `/orders/${body.id}/cancel`)).toMatchObject({
      status: 200,
      body: { status: 'cancelled' },
    });
    expect(await test.reserved(sku)).toBe(0);
  });
});
