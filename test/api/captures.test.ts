import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { newId } from '../../platform/ids';
import { gatewayAskedLongAgo } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { withStock } from '../support/stock';
import { waitFor } from '../support/wait';
import { NEVER_MS } from '../workflows/carrier';
import { openStackApi, type StackApi } from './stack-api';
import { order, type Reply } from './support';

let test: StackApi;

beforeAll(async () => {
  test = await openStackApi({
    slowMs: NEVER_MS,
    settings: { SANDBOX_CARRIER_DELAY_MS: NEVER_MS },
  });
});
afterEach(() => expectAtRest(test.stack.db));
afterAll(() => test.stack.stop());

interface Payment {
  id: string;
  status: string;
  amountMinor: number;
  capturedMinor: number;
  refundedMinor: number;
  captureBefore?: string;
  nextAction?: { type: string; url: string };
  captures: { id: string; shipmentId?: string; amountMinor: number; status: string; lastError?: string }[];
}
interface View {
  id: string;
  status: string;
  payments: Payment[];
  refunds: { amountMinor: number; status: string }[];
  shipments: { id: string; warehouse: string; status: string }[];
  attention: { kind: string; about: string; next: string }[];
}

const RETURN_URL = 'https://shop.example/thanks';
const codeOf = ({ status, body }: Reply) => [status, body.code];
const view = async (orderId: string) =>
  (await test.call('GET', `/orders/${orderId}`)).body as unknown as View;
const until = (orderId: string, is: (order: View) => boolean) =>
  waitFor(async () => {
    const found = await view(orderId);
    if (!is(found)) throw new Error(JSON.stringify(found));
    return found;
  });
const ended = (orderId: string) =>
  test.stack.temporal.client.workflow.getHandle(test.stack.names.orderWorkflowId(orderId)).result();

/** An order of a unit, whose money is taken on shipment; its parcel is booked. */
async function authorised(token = 'tok_ok'): Promise<View> {
  const { status, body } = await test.place(
    order(await test.newSku(1), 1, { capture: 'on_shipment', payment: { method: 'card', token } }),
  );
  expect(status).toBe(201);
  return until(body.id, ({ shipments }) => shipments.length === 1 && shipments[0]!.status === 'booked');
}

async function pickUp({ shipments }: View, warehouse?: string): Promise<void> {
  const left = shipments.filter((one) => warehouse === undefined || one.warehouse === warehouse);
  const events = left.map(({ id }) => ({ eventId: newId(), shipmentId: id, type: 'picked_up' as const }));
  await applyCarrierEvents(withStock(test.stack.db), 'sandbox', events);
}

const pay = (orderId: string, token: string, { key, returnUrl }: { key?: string; returnUrl?: string } = {}) =>
  test.call('POST', `/orders/${orderId}/payments`, {
    body: { method: 'card', token, returnUrl },
    headers: key === undefined ? {} : { 'idempotency-key': key },
  });

describe('an order whose money is taken on shipment', () => {
  it('shows what was authorised, what is captured of it as it leaves, and what went back', async () => {
    const placed = await authorised();
    expect(placed.payments).toMatchObject([
      { status: 'authorized', amountMinor: 1000, capturedMinor: 0, refundedMinor: 0, captures: [] },
    ]);
    expect(Date.parse(placed.payments[0]!.captureBefore!)).toBeGreaterThan(Date.now());
    await pickUp(placed);
    const left = await until(placed.id, ({ payments }) => payments[0]!.status === 'captured');
    expect(left).toMatchObject({
      status: 'fulfilled',
      payments: [
        {
          capturedMinor: 1000,
          captures: [{ shipmentId: placed.shipments[0]!.id, amountMinor: 1000, status: 'succeeded' }],
        },
      ],
      refunds: [],
    });
    expect(left.payments[0]).not.toHaveProperty('captureBefore');
    await ended(placed.id);
  });

  it('is voided when it is cancelled, and the response says so', async () => {
    const placed = await authorised();
    const reply = await test.call('POST', `/orders/${placed.id}/cancel`);
    expect(reply).toMatchObject({
      status: 200,
      body: { status: 'cancelled', payments: [{ status: 'voided' }], refunds: [] },
    });
    await ended(placed.id);
  });

  it('is authorised when it is paid later, and the same key returns the same', async () => {
    const { body } = await test.place(order(await test.newSku(1), 1, { capture: 'on_shipment' }));
    const key = newId();
    const paid = await pay(body.id, 'tok_ok', { key });
    expect(paid).toMatchObject({ status: 200, body: { status: 'authorized', capturedMinor: 0 } });
    expect((await pay(body.id, 'tok_ok', { key })).body).toEqual(paid.body);
    expect((await test.call('POST', `/orders/${body.id}/cancel`)).status).toBe(200);
    await ended(body.id);
  });

  it.each([
    ['a way to capture that there is not', { capture: 'later' }, 'capture'],
    ['a way to capture that is no text', { capture: 1 }, 'capture'],
    [
      'a return address that is none',
      { payment: { method: 'card', token: 'tok_ok', returnUrl: 'shop' } },
      'payment.returnUrl',
    ],
    [
      'a return address that runs a script',
      { payment: { method: 'card', token: 'tok_ok', returnUrl: 'javascript:alert(1)' } },
      'payment.returnUrl',
    ],
    [
      'a return address that is too long',
      {
        payment: { method: 'card', token: 'tok_ok', returnUrl: `https://shop.example/${'a'.repeat(2_000)}` },
      },
      'payment.returnUrl',
    ],
  ])('is refused with %s', async (_, more, path) => {
    const reply = await test.place(order('A', 1, more));
    expect(codeOf(reply)).toEqual([422, 'VALIDATION_FAILED']);
    expect(reply.body.errors).toMatchObject([{ path }]);
  });
});

describe('a payment that wants the customer', () => {
  async function placed(): Promise<string> {
    return (await test.place(order(await test.newSku(1), 1))).body.id;
  }

  it('is 202 with where to go on; the same key tells how it stands, and in the end that it is captured', async () => {
    const orderId = await placed();
    const key = newId();
    const first = await pay(orderId, 'tok_3ds', { key, returnUrl: RETURN_URL });
    expect(first).toMatchObject({
      status: 202,
      body: {
        status: 'requires_action',
        nextAction: { type: 'redirect', url: expect.stringContaining('/sandbox/3ds/') as string },
      },
    });
    expect(first.headers.get('location')).toContain(orderId);
    expect(await view(orderId)).toMatchObject({
      status: 'reserved',
      payments: [{ nextAction: { type: 'redirect' } }],
    });
    const { url } = (first.body as unknown as { nextAction: { url: string } }).nextAction;
    const page = `${test.stack.url.replace('/api/v1', '')}${new URL(url).pathname}`;
    await fetch(`${page}/authenticate`, { method: 'POST', redirect: 'manual' });
    const paid = await waitFor(async () => {
      const again = await pay(orderId, 'tok_3ds', { key, returnUrl: RETURN_URL });
      if (again.status !== 200) throw new Error(again.text);
      return again;
    });
    expect(paid.body).toMatchObject({ id: first.body.id, status: 'captured' });
    expect(paid.body).not.toHaveProperty('nextAction');
    expect((await view(orderId)).payments).toHaveLength(1);
    await pickUp(await until(orderId, ({ shipments }) => shipments[0]?.status === 'booked'));
    await ended(orderId);
  });

  it('is declined when nobody came, and its key then says so', async () => {
    const orderId = await placed();
    const key = newId();
    expect((await pay(orderId, 'tok_3ds_abandoned', { key })).status).toBe(202);
    // The time is over in which the customer may authenticate.
    await test.stack.db.pool.query(
      'update payments set action_until = clock_timestamp(), next_try_at = null where order_id = $1',
      [orderId],
    );
    await test.stack.temporal.client.workflow
      .getHandle(test.stack.names.orderWorkflowId(orderId))
      .signal('wake');
    await until(orderId, ({ payments }) => payments[0]!.status === 'declined');
    expect(await pay(orderId, 'tok_3ds_abandoned', { key })).toMatchObject({
      status: 402,
      body: { code: 'PAYMENT_DECLINED', declineCode: 'abandoned' },
    });
    expect((await pay(orderId, 'tok_ok')).status).toBe(200);
    await pickUp(await until(orderId, ({ shipments }) => shipments[0]?.status === 'booked'));
    await ended(orderId);
  });

  it('gives way to a second card', async () => {
    const orderId = await placed();
    expect((await pay(orderId, 'tok_3ds_abandoned')).status).toBe(202);
    expect(await pay(orderId, 'tok_ok')).toMatchObject({ status: 200, body: { status: 'captured' } });
    const { payments } = await until(orderId, (found) => found.payments[0]!.status === 'declined');
    expect(payments.map(({ status }) => status)).toEqual(['declined', 'captured']);
    await pickUp(await until(orderId, ({ shipments }) => shipments[0]?.status === 'booked'));
    await ended(orderId);
  });
});

describe('a capture that the gateway refuses for good', () => {
  const resolve = (id: string, body: object) => test.call('POST', `/captures/${id}/resolve`, { body });
  const retry = (id: string) => test.call('POST', `/captures/${id}/retry`);

  it('is told with what to do, may be tried again, and is settled by hand once', async () => {
    const placed = await authorised('tok_capture_fails');
    await pickUp(placed);
    const failed = await until(placed.id, ({ attention }) => attention.length > 0);
    const [capture] = failed.payments[0]!.captures;
    expect(capture).toMatchObject({ status: 'failed', lastError: 'the issuer of the card refuses it' });
    expect(failed.attention).toMatchObject([{ kind: 'capture_failed', about: capture!.id }]);
    expect(failed.attention[0]!.next).toContain('/captures/{id}/resolve');
    // What waits for a person is not under way: the order has ended.
    expect(codeOf(await test.call('POST', `/orders/${placed.id}/cancel`))).toEqual([409, 'NOT_CANCELLABLE']);

    expect(await retry(capture!.id)).toMatchObject({ status: 200, body: { status: 'failed' } });
    await gatewayAskedLongAgo(test.stack.db);
    expect(await retry(capture!.id)).toMatchObject({ status: 200, body: { status: 'planned' } });
    await until(placed.id, ({ attention }) => attention.length > 0);
    const how = { outcome: 'made_elsewhere', reference: 'T-1', reason: 'paid by transfer' };
    const settled = await resolve(capture!.id, how);
    expect(settled).toMatchObject({
      status: 200,
      body: { status: 'settled_by_hand', settledAs: 'made_elsewhere', settledReference: 'T-1' },
    });
    expect((await resolve(capture!.id, how)).body).toEqual(settled.body);
    expect(codeOf(await resolve(capture!.id, { ...how, outcome: 'waived' }))).toEqual([
      409,
      'CAPTURE_SETTLED',
    ]);
    expect(codeOf(await retry(capture!.id))).toEqual([409, 'CAPTURE_SETTLED']);
    const after = await until(placed.id, ({ payments }) => payments[0]!.status === 'failed');
    expect(after.attention).toEqual([]);
    await ended(placed.id);
  });

  it('is 404 where there is none, 409 where the money was taken, and 422 without a reason or with another outcome', async () => {
    const unknown = newId();
    expect((await resolve(unknown, { outcome: 'waived', reason: 'x' })).status).toBe(404);
    expect((await retry(unknown)).status).toBe(404);
    const placed = await authorised();
    await pickUp(placed);
    const { payments } = await until(placed.id, (found) => found.payments[0]!.status === 'captured');
    const { id } = payments[0]!.captures[0]!;
    expect(codeOf(await resolve(id, { outcome: 'waived', reason: 'x' }))).toEqual([409, 'CAPTURE_MADE']);
    expect(codeOf(await retry(id))).toEqual([409, 'CAPTURE_MADE']);
    expect((await resolve(id, { outcome: 'waived' })).status).toBe(422);
    expect((await resolve(id, { outcome: 'maybe', reason: 'x' })).status).toBe(422);
    await ended(placed.id);
  });
});
