import { randomBytes } from 'node:crypto';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { asPerson, signUp } from './people-api';
import { openStackApi, type StackApi } from './stack-api';
import type { Reply } from './support';

let test: StackApi;

beforeAll(async () => {
  test = await openStackApi({
    settings: {
      SIGNING_KEYS_SECRET: randomBytes(32).toString('base64'),
      CUSTOMER_UNPAID_ORDERS: 3,
      CUSTOMER_UNPAID_UNITS: 50,
    },
  });
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(() => test.stack.stop());

type Call = (method: string, path: string, body?: unknown) => Promise<Reply>;

/** A new customer's own calls, each with an idempotency key of its own. */
async function customer(): Promise<Call> {
  const person = await signUp(test);
  return (method, path, body) =>
    asPerson(test, person, method, path, { body, headers: { 'idempotency-key': newId() } });
}

const of = (sku: string, quantity = 1) => ({ items: [{ sku, quantity }] });

it('a customer who orders many times at once has so many unpaid orders, and more once one is paid', async () => {
  const call = await customer();
  const skus = await Promise.all(Array.from({ length: 10 }, () => test.newSku(5)));
  const replies = await Promise.all(skus.map((sku) => call('POST', '/orders', of(sku))));
  const placed = replies.filter(({ status }) => status === 201);
  const refused = replies.filter(({ status }) => status !== 201);
  expect([placed.length, refused.length]).toEqual([3, 7]);
  for (const reply of refused)
    expect(reply).toMatchObject({
      status: 409,
      body: { code: 'UNPAID_LIMIT', scope: 'orders', limit: 3, unpaid: 3 },
    });
  const held = await Promise.all(skus.map((sku) => test.reserved(sku)));
  expect(held.reduce((sum, units) => sum + units, 0)).toBe(3);

  const [sku = ''] = skus;
  expect((await call('POST', '/orders', of(sku))).status).toBe(409);
  const paid = await call('POST', `/orders/${placed[0]!.body.id}/payments`, {
    method: 'card',
    token: 'tok_ok',
  });
  expect(paid.status).toBe(200);
  expect((await call('POST', '/orders', of(sku))).status).toBe(201);
});

it('neither an order nor an amendment keeps more units unpaid than a customer may', async () => {
  const call = await customer();
  const sku = await test.newSku(200);
  expect(await call('POST', '/orders', of(sku, 51))).toMatchObject({
    status: 409,
    body: { code: 'UNPAID_LIMIT', scope: 'units', limit: 50, unpaid: 0 },
  });
  const placed = await call('POST', '/orders', of(sku, 30));
  expect(placed.status).toBe(201);
  const amend = (quantity: number) => call('PATCH', `/orders/${placed.body.id}`, of(sku, quantity));
  expect(await amend(51)).toMatchObject({ status: 409, body: { code: 'UNPAID_LIMIT', unpaid: 30 } });
  expect(await test.reserved(sku)).toBe(30);
  expect((await amend(50)).status).toBe(200);
  expect(await test.reserved(sku)).toBe(50);
});
