import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { bookingGate } from '../workflows/carrier';
import { openStackApi, type StackApi } from './stack-api';
import { order } from './support';

const gate = bookingGate();
let test: StackApi;
beforeAll(async () => {
  // Longer than a request waits for it.
  test = await openStackApi({
    integrations: gate.integrations,
    slowMs: 9_500,
    // The first parcel holds up every other for as long as the tests take: none is booked.
    settings: { AMENDMENTS: 3, CARRIER_CALL_TIMEOUT_MS: 300_000 },
  });
  gate.block();
  const sku = await test.newSku(1);
  await test.place({ ...order(sku, 1), payment: { method: 'card', token: 'tok_ok' } });
  await waitFor(() => gate.arrived() > 0);
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(async () => {
  gate.open();
  await test.stack.stop();
});

const amend = (id: string, body: object, key: string | null = newId()) =>
  test.call('PATCH', `/orders/${id}`, {
    body,
    ...(key === null ? {} : { headers: { 'idempotency-key': key } }),
  });

async function placed(quantity: number, onHand = 10): Promise<{ id: string; sku: string }> {
  const sku = await test.newSku(onHand);
  const { body } = await test.place(order(sku, quantity));
  return { id: body.id, sku };
}

/** A paid order that is not booked, whose additions are charged to this card. */
async function paid(token: string): Promise<{ id: string; sku: string }> {
  const sku = await test.newSku(10);
  const { body } = await test.place({ ...order(sku, 1), payment: { method: 'card', token: 'tok_ok' } });
  await waitFor(async () => (await test.status(body.id)) === 'paid');
  await test.stack.db.pool.query('update orders set payment_method = $2 where id = $1', [
    body.id,
    JSON.stringify({ method: 'card', token }),
  ]);
  return { id: body.id, sku };
}

describe('amending an order', () => {
  it('changes an unpaid one, once for a key', async () => {
    const { id, sku } = await placed(3);
    const other = await test.newSku(1);
    const key = newId();
    const body = {
      items: [
        { sku, quantity: 2 },
        { sku: other, quantity: 1 },
      ],
      shipTo: { latitude: 52.37, longitude: 4.9 },
    };
    const first = await amend(id, body, key);
    expect(first).toMatchObject({
      status: 200,
      body: {
        status: 'reserved',
        totalMinor: 3_000,
        shipTo: body.shipTo,
        items: [
          { sku, reservedQuantity: 2 },
          { sku: other, reservedQuantity: 1 },
        ],
      },
    });
    const again = await amend(id, body, key);
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await test.reserved(sku)).toBe(2);
    expect((await amend(id, { items: [{ sku, quantity: 3 }] }, key)).body.code).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
  });

  it('needs a key, and refuses what makes no sense', async () => {
    const { id, sku } = await placed(2);
    const invalid = async (body: object) => {
      const { status, body: problem } = await amend(id, body);
      expect([status, problem.code]).toEqual([422, 'VALIDATION_FAILED']);
      return problem.errors.map(({ path }) => path);
    };
    expect(await amend(id, { items: [{ sku, quantity: 1 }] }, null)).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REQUIRED' },
    });
    expect(await invalid({})).toEqual(['']);
    expect(await invalid({ items: [{ sku: 'OTHER', quantity: 0 }] })).toEqual(['items.0.sku']);
    expect(await invalid({ items: [{ sku, quantity: -1 }] })).toEqual(['items.0.quantity']);
    expect(await invalid({ items: [{ sku, quantity: 0 }] })).toEqual(['items']);
    expect(
      await invalid({
        items: [
          { sku, quantity: 1 },
          { sku, quantity: 2 },
        ],
      }),
    ).toEqual(['items']);
    expect(await amend(id, { items: [{ sku: 'NO-SUCH', quantity: 1 }] })).toMatchObject({
      status: 422,
      body: { code: 'UNKNOWN_SKU' },
    });
    expect(await amend(newId(), { items: [{ sku, quantity: 1 }] })).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND' },
    });
    expect(await test.reserved(sku)).toBe(2);
  });

  it('leaves it as it was when stock is missing, or its price has changed', async () => {
    const { id, sku } = await placed(2, 3);
    expect(await amend(id, { items: [{ sku, quantity: 4 }] })).toMatchObject({
      status: 409,
      body: { code: 'OUT_OF_STOCK', shortages: [{ sku, requested: 2, available: 1 }] },
    });
    await test.stack.db.pool.query('update products set price_minor = 1 where sku = $1', [sku]);
    expect(await amend(id, { items: [{ sku, quantity: 3 }] })).toMatchObject({
      status: 409,
      body: { code: 'PRICE_CHANGED', sku, priceMinor: 1 },
    });
    expect(await test.reserved(sku)).toBe(2);
  });

  it('is refused once the order has ended, and by the same key for ever', async () => {
    const { id, sku } = await placed(2);
    await test.call('POST', `/orders/${id}/cancel`);
    await waitFor(async () => (await test.status(id)) === 'cancelled');
    const key = newId();
    for (let times = 0; times < 2; times++) {
      expect(await amend(id, { items: [{ sku, quantity: 1 }] }, key)).toMatchObject({
        status: 409,
        body: { code: 'NOT_AMENDABLE', detail: 'The order is cancelled.' },
      });
    }
  });

  it('is 429 once it was amended too often', async () => {
    const { id, sku } = await placed(1);
    for (const quantity of [2, 3, 2])
      expect((await amend(id, { items: [{ sku, quantity }] })).status).toBe(200);
    const refused = await amend(id, { items: [{ sku, quantity: 1 }] });
    expect(refused).toMatchObject({ status: 429, body: { code: 'AMENDMENTS_EXCEEDED' } });
    expect(refused.headers.get('retry-after')).toBe('900');
    expect(await test.reserved(sku)).toBe(2);
  });

  it('charges what is added to a paid one: 402 when it is declined', async () => {
    const { id, sku } = await paid('tok_insufficient_funds');
    expect(await amend(id, { items: [{ sku, quantity: 2 }] })).toMatchObject({
      status: 402,
      body: { code: 'PAYMENT_DECLINED', declineCode: 'insufficient_funds' },
    });
    expect((await test.call('GET', `/orders/${id}`)).body).toMatchObject({
      status: 'paid',
      totalMinor: 1_000,
      items: [{ quantity: 1, reservedQuantity: 1 }],
    });
  });

  it('is refused while a charge is under way, and the same key amends it later', async () => {
    const { id, sku } = await placed(3);
    const method = { method: 'card', token: 'tok_3ds_abandoned' };
    const { body: payment } = await test.call('POST', `/orders/${id}/payments`, { body: method });
    const key = newId();
    const refused = await amend(id, { items: [{ sku, quantity: 2 }] }, key);
    expect(refused).toMatchObject({ status: 409, body: { code: 'AMENDMENT_IN_PROGRESS' } });
    expect(refused.headers.get('retry-after')).toBe('1');
    const { url } = (payment as unknown as { nextAction: { url: string } }).nextAction;
    await fetch(`${test.stack.url.replace('/api/v1', '')}${new URL(url).pathname}/refuse`, {
      method: 'POST',
    });
    const later = await waitFor(async () => {
      const reply = await amend(id, { items: [{ sku, quantity: 2 }] }, key);
      return reply.body.code === 'AMENDMENT_IN_PROGRESS' ? null : reply;
    }, 30_000);
    expect(later).toMatchObject({
      status: 200,
      body: { totalMinor: 2_000, items: [{ reservedQuantity: 2 }] },
    });
  });

  it('is 202 while that is not known, and the same key tells later', async () => {
    const { id, sku } = await paid('tok_slow');
    const key = newId();
    const body = { items: [{ sku, quantity: 2 }] };
    const first = await amend(id, body, key);
    expect(first).toMatchObject({ status: 202, body: { id } });
    expect(first.headers.get('location')).toBe(`/api/v1/orders/${id}`);
    const later = await waitFor(async () => {
      const reply = await amend(id, body, key);
      return reply.status === 200 ? reply : null;
    }, 30_000);
    expect(later.body).toMatchObject({ totalMinor: 2_000, items: [{ quantity: 2, reservedQuantity: 2 }] });
  });
});
