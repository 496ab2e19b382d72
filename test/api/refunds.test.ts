import { newId } from '../../platform/ids';
import { gatewayAskedLongAgo } from '../support/fixtures';
import { expectAtRest, expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { takeAway } from '../workflows/gateway';
import { openStackApi, type StackApi } from './stack-api';
import { order, type Reply } from './support';
import { ADMIN_CALLER } from '../support/access-keys';

let test: StackApi;

beforeAll(async () => {
  test = await openStackApi({ settings: { RETURN_RESTOCKING_FEE_PERCENT: 12.5 } });
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(() => test.stack.stop());

interface Refund {
  id: string;
  status: string;
  amountMinor: number;
  lastError?: string;
}

interface ShippedOrder {
  orderId: string;
  sku: string;
}

const saga = (orderId: string) =>
  test.stack.temporal.client.workflow.getHandle(test.stack.names.orderWorkflowId(orderId));

/** An order of two units of 1,000 that has left, of which the saga has ended. */
async function shippedOrder(token = 'tok_ok'): Promise<ShippedOrder> {
  const sku = await test.newSku(2);
  const { body } = await test.place({ ...order(sku, 2), payment: { method: 'card', token } });
  await waitFor(async () => (await test.status(body.id)) === 'fulfilled');
  await saga(body.id).result();
  return { orderId: body.id, sku };
}

const ask = (orderId: string, body: object, key: string | null = newId()) =>
  test.call('POST', `/orders/${orderId}/refunds`, {
    body,
    headers: key === null ? {} : { 'idempotency-key': key },
  });
const resolve = (refundId: string, body: object) =>
  test.call('POST', `/refunds/${refundId}/resolve`, { body });
const retry = (refundId: string) => test.call('POST', `/refunds/${refundId}/retry`);

async function view(orderId: string) {
  const { body } = await test.call('GET', `/orders/${orderId}`);
  return body as unknown as {
    payment: { id: string; status: string; refundedMinor: number };
    refunds: Refund[];
    attention: { kind: string; about: string; next: string }[];
  };
}

async function untilRefund(orderId: string, status: string): Promise<Refund> {
  return waitFor(async () => {
    const refund = (await view(orderId)).refunds.at(-1);
    if (refund?.status !== status) throw new Error(JSON.stringify(refund));
    return refund;
  });
}

async function events(orderId: string): Promise<{ type: string; data: object }[]> {
  const { body } = await test.call('GET', `/orders/${orderId}/events`);
  return body.items as unknown as { type: string; data: object }[];
}

const codeOf = ({ status, body }: Reply) => [status, body.code];

describe('a refund that an operator asks for', () => {
  it('is made by the saga of an order that has ended, once for a key', async () => {
    const { orderId } = await shippedOrder();
    const key = newId();
    const wanted = { amountMinor: 300, reason: 'late delivery' };
    const first = await ask(orderId, wanted, key);
    expect(first).toMatchObject({ status: 201, body: { ...wanted, status: 'planned' } });
    const again = await ask(orderId, wanted, key);
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(codeOf(await ask(orderId, { ...wanted, amountMinor: 301 }, key))).toEqual([
      422,
      'IDEMPOTENCY_KEY_REUSED',
    ]);
    const made = await untilRefund(orderId, 'succeeded');
    expect(made.id).toBe(first.body.id);
    expect(await view(orderId)).toMatchObject({
      payment: { status: 'partially_refunded', refundedMinor: 300 },
      refunds: [{ amountMinor: 300 }],
    });
    expect(await saga(orderId).result()).toEqual({ status: 'fulfilled' });
    expect((await events(orderId)).filter(({ type }) => type.startsWith('refund'))).toMatchObject([
      { type: 'refund_started', data: { reason: 'late delivery', actor: ADMIN_CALLER } },
      { type: 'refund_succeeded' },
    ]);
    await expectAtRest(test.stack.db);
  });

  it('is at most what is left, and says so', async () => {
    const { orderId } = await shippedOrder();
    const reason = 'goodwill';
    expect(await ask(orderId, { amountMinor: 2_001, reason })).toMatchObject({
      status: 409,
      body: { code: 'REFUND_EXCEEDS_CAPTURE', leftMinor: 2_000 },
    });
    const both = await Promise.all([1, 2].map(() => ask(orderId, { amountMinor: 1_500, reason })));
    expect(both.map(({ status }) => status).sort()).toEqual([201, 409]);
    const { payment } = await view(orderId);
    expect((await ask(orderId, { paymentId: payment.id, amountMinor: 500, reason })).status).toBe(201);
    expect(codeOf(await ask(orderId, { amountMinor: 1, reason }))).toEqual([409, 'NOT_REFUNDABLE']);
    await waitFor(async () => (await view(orderId)).payment.status === 'refunded');
  });

  it('is refused without a key, for what makes no sense, and where there is no order', async () => {
    const { orderId } = await shippedOrder();
    const wanted = { amountMinor: 100, reason: 'goodwill' };
    expect(codeOf(await ask(orderId, wanted, null))).toEqual([422, 'IDEMPOTENCY_KEY_REQUIRED']);
    for (const body of [
      {},
      { ...wanted, amountMinor: 0 },
      { ...wanted, amountMinor: 1.5 },
      { ...wanted, amountMinor: -1 },
      { ...wanted, reason: '' },
      { ...wanted, paymentId: 'no uuid' },
    ])
      expect(codeOf(await ask(orderId, body))).toEqual([422, 'VALIDATION_FAILED']);
    expect(codeOf(await ask(newId(), wanted))).toEqual([404, 'NOT_FOUND']);
    expect(await ask(orderId, { ...wanted, paymentId: newId() })).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED', errors: [{ path: 'paymentId' }] },
    });
    expect((await view(orderId)).refunds).toEqual([]);
    expect(await ask(orderId, { ...wanted, madeElsewhere: 're_1' })).toMatchObject({
      status: 201,
      body: { status: 'settled_by_hand', settledReference: 're_1', amountMinor: 100 },
    });
    expect(codeOf(await ask(orderId, { ...wanted, madeElsewhere: 're_1' }))).toEqual([409, 'REFUND_MADE']);
  });
});

describe('a refund that the gateway refuses for good', () => {
  it('waits for a person, who tries again, or records what was done instead', async () => {
    const { orderId } = await shippedOrder('tok_refund_fails');
    await ask(orderId, { amountMinor: 700, reason: 'damaged' });
    const { id } = await untilRefund(orderId, 'failed');
    const [attention] = (await view(orderId)).attention;
    expect(attention).toMatchObject({ kind: 'refund_failed', about: id });
    expect(attention?.next).toContain('/resolve');
    await saga(orderId).result();

    await gatewayAskedLongAgo(test.stack.db);
    expect(await retry(id)).toMatchObject({ status: 200, body: { id, status: 'planned' } });
    await untilRefund(orderId, 'failed');
    expect((await view(orderId)).attention).toMatchObject([{ kind: 'refund_failed' }]);

    const done = { outcome: 'made_elsewhere', reference: 'bank 17', reason: 'the card is closed' };
    for (let n = 0; n < 2; n++)
      expect(await resolve(id, done)).toMatchObject({
        status: 200,
        body: {
          id,
          status: 'settled_by_hand',
          actor: ADMIN_CALLER,
          settledAs: 'made_elsewhere',
          settledReference: 'bank 17',
          settledBy: ADMIN_CALLER,
        },
      });
    for (const other of [{ outcome: 'waived' }, { reference: 'bank 18' }])
      expect(codeOf(await resolve(id, { ...done, ...other }))).toEqual([409, 'REFUND_SETTLED']);
    expect(codeOf(await retry(id))).toEqual([409, 'REFUND_SETTLED']);
    expect(await view(orderId)).toMatchObject({
      attention: [],
      payment: { status: 'captured', refundedMinor: 0 },
    });
    expect((await events(orderId)).slice(-3)).toMatchObject([
      { type: 'refund_retried', data: { refundId: id, actor: ADMIN_CALLER } },
      { type: 'refund_failed' },
      { type: 'refund_settled', data: { refundId: id, ...done, actor: ADMIN_CALLER } },
    ]);
  });

  it('is not resolved by what makes no sense, nor one that is not there or was made', async () => {
    const { orderId } = await shippedOrder();
    await ask(orderId, { amountMinor: 100, reason: 'goodwill' });
    const { id } = await untilRefund(orderId, 'succeeded');
    const done = { outcome: 'waived', reason: 'agreed' };
    for (const body of [{}, { outcome: 'lost', reason: 'x' }, { outcome: 'waived', reason: '' }])
      expect(codeOf(await resolve(id, body))).toEqual([422, 'VALIDATION_FAILED']);
    expect(codeOf(await resolve(id, done))).toEqual([409, 'REFUND_MADE']);
    expect(codeOf(await retry(id))).toEqual([409, 'REFUND_MADE']);
    expect(codeOf(await resolve(newId(), done))).toEqual([404, 'NOT_FOUND']);
    expect(codeOf(await retry(newId()))).toEqual([404, 'NOT_FOUND']);
  });
});

it('a saga that waits for a refund of a gateway that is away ends once a person has settled it', async () => {
  const { orderId } = await shippedOrder();
  const back = await takeAway(test.stack, 'refunds');
  try {
    const { body } = await ask(orderId, { amountMinor: 100, reason: 'goodwill' });
    await waitFor(async () => (await view(orderId)).refunds[0]?.lastError);
    expect((await saga(orderId).describe()).status.name).toBe('RUNNING');
    await resolve(body.id, { outcome: 'made_elsewhere', reference: 'cash', reason: 'the gateway is away' });
    expect(await saga(orderId).result()).toEqual({ status: 'fulfilled' });
  } finally {
    await back();
  }
  expect(await view(orderId)).toMatchObject({ refunds: [{ status: 'settled_by_hand' }], attention: [] });
});

describe('a return', () => {
  const step = (path: string, body: object, key = newId()) =>
    test.call('POST', path, { body, headers: { 'idempotency-key': key } });

  async function cameIn({ orderId, sku }: ShippedOrder, terms: object = {}): Promise<string> {
    const items = [{ sku, quantity: 2 }];
    const made = await step('/returns', {
      orderId,
      items: [{ sku, quantity: 2, reason: 'too large' }],
      ...terms,
    });
    const at = `/returns/${made.body.id}`;
    await step(`${at}/receive`, { location: 'AMS', items });
    return at;
  }

  it('gives the price less the fee back on inspection, once for a key, although the order has ended', async () => {
    const shipped = await shippedOrder();
    const { orderId, sku } = shipped;
    const at = await cameIn(shipped);
    const key = newId();
    for (let n = 0; n < 2; n++)
      expect(await step(`${at}/inspect`, { results: [{ sku, restock: 1 }] }, key)).toMatchObject({
        status: 200,
        body: {
          refund: 'price',
          restockingFee: { percent: 12.5 },
          refundMinor: 875,
          items: [{ refunded: 1 }],
        },
      });
    expect(await untilRefund(orderId, 'succeeded')).toMatchObject({ amountMinor: 875 });
    const result = { sku, writeOff: 1, refundQuantity: 1, restockingFee: { amountMinor: 0 } };
    expect(await step(`${at}/inspect`, { results: [result] })).toMatchObject({
      body: { status: 'completed', refundMinor: 1_875 },
    });
    await waitFor(async () => (await view(orderId)).payment.refundedMinor === 1_875);
    await saga(orderId).result();
  });

  it('that was authorised without money gives none back', async () => {
    const shipped = await shippedOrder();
    const at = await cameIn(shipped, { refund: 'none', restockingFee: { amountMinor: 100 } });
    const { sku, orderId } = shipped;
    expect(await step(`${at}/inspect`, { results: [{ sku, restock: 2 }] })).toMatchObject({
      body: { refund: 'none', restockingFee: { amountMinor: 100 }, refundMinor: 0 },
    });
    expect((await view(orderId)).refunds).toEqual([]);
  });

  it('is refused with terms that make no sense', async () => {
    const shipped = await shippedOrder();
    const { sku, orderId } = shipped;
    const items = [{ sku, quantity: 1, reason: 'x' }];
    for (const terms of [
      { refund: 'half' },
      { restockingFee: {} },
      { restockingFee: { percent: 101 } },
      { restockingFee: { percent: -1 } },
      { restockingFee: { percent: 1.005 } },
      { restockingFee: { amountMinor: 0.5 } },
      { restockingFee: { percent: 1, amountMinor: 1 } },
    ])
      expect(codeOf(await step('/returns', { orderId, items, ...terms }))).toEqual([
        422,
        'VALIDATION_FAILED',
      ]);
    const at = await cameIn(shipped);
    for (const result of [
      { restock: 1, refundQuantity: 2 },
      { restock: 1, refundQuantity: -1 },
    ])
      expect(codeOf(await step(`${at}/inspect`, { results: [{ sku, ...result }] }))).toEqual([
        422,
        'VALIDATION_FAILED',
      ]);
  });
});
