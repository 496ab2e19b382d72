import type { OrderView } from '../../domain/ordering/types';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { openStackApi, type StackApi } from './stack-api';
import { order } from './support';
import { ADMIN_CALLER } from '../support/access-keys';

let test: StackApi;
beforeAll(async () => {
  test = await openStackApi({ settings: { REVIEW_FROM: ['USD:2000'], REVIEW_SECONDS: 3_600 } });
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(() => test.stack.stop());

const view = async (id: string) => (await test.call('GET', `/orders/${id}`)).body as unknown as OrderView;

const review = (id: string, body: object) => test.call('POST', `/orders/${id}/review`, { body });

/** Two units of 1000 minor units, paid with the order, that wait for their review. */
async function inReview(): Promise<{ id: string; sku: string }> {
  const sku = await test.newSku(10);
  const payment = { method: 'card', token: 'tok_ok' };
  const { body } = await test.place({ ...order(sku, 2), payment });
  await waitFor(async () => (await view(body.id)).attention.length > 0);
  return { id: body.id, sku };
}

describe('the review of an order', () => {
  it('holds an order of a set total back, and not one of less', async () => {
    const { id } = await inReview();
    expect(await view(id)).toMatchObject({
      status: 'paid',
      review: { status: 'open', deadline: expect.stringMatching(/Z$/) as string },
      shipments: [],
      attention: [{ kind: 'review_open', about: id }],
    });
    const listed = await test.call('GET', '/orders?review=open&limit=100');
    expect(listed.body.items.map((one) => one.id)).toContain(id);
    const small = await test.place(order(await test.newSku(1), 1));
    expect(small.body).toMatchObject({ review: null });
    expect((await test.call('GET', '/orders?review=maybe')).status).toBe(422);
  });

  it('approved: the order is shipped and its money captured, once; the other decision is refused', async () => {
    const { id } = await inReview();
    const approved = await review(id, { decision: 'approve', note: 'known customer' });
    expect(approved).toMatchObject({
      status: 200,
      body: { id, review: { status: 'approved' }, attention: [] },
    });
    expect(approved.body.shipments).toHaveLength(1);
    expect((await review(id, { decision: 'approve' })).status).toBe(200);
    expect(await review(id, { decision: 'reject' })).toMatchObject({
      status: 409,
      body: { code: 'NOT_IN_REVIEW', review: 'approved' },
    });
    // Its saga takes the money beside the carrier's pick-up: neither waits for the other.
    await waitFor(async () => {
      const { status, payments } = await view(id);
      return status === 'fulfilled' && payments[0]?.status === 'captured';
    });
    expect((await view(id)).payments).toMatchObject([
      { status: 'captured', capturedMinor: 2_000, refundedMinor: 0 },
    ]);
    const { body } = await test.call('GET', `/orders/${id}/events?limit=100`);
    const decided = { type: 'review_approved', data: { actor: ADMIN_CALLER, note: 'known customer' } };
    expect(body.items).toContainEqual(expect.objectContaining(decided));
    expect(body.items.filter((event) => 'type' in event && event.type === 'review_approved')).toHaveLength(1);
  });

  it('rejected: the order is cancelled and its stock on sale again', async () => {
    const { id, sku } = await inReview();
    expect(await review(id, { decision: 'reject' })).toMatchObject({
      status: 200,
      body: { review: { status: 'rejected' } },
    });
    await waitFor(async () => (await view(id)).payment?.status === 'voided');
    expect(await view(id)).toMatchObject({ status: 'cancelled', refunds: [] });
    expect(await test.reserved(sku)).toBe(0);
    expect((await review(id, { decision: 'reject' })).status).toBe(200);
    expect((await review(id, { decision: 'approve' })).body.code).toBe('NOT_IN_REVIEW');
  });

  it('ends when the customer cancels', async () => {
    const { id } = await inReview();
    expect(await test.call('POST', `/orders/${id}/cancel`, { body: {} })).toMatchObject({
      status: 200,
      body: { status: 'cancelled', review: { status: 'ended' } },
    });
    expect(await review(id, { decision: 'approve' })).toMatchObject({
      status: 409,
      body: { code: 'NOT_IN_REVIEW', review: 'ended' },
    });
  });

  it('is refused before anything is authorised, whatever the order is amended to then', async () => {
    const sku = await test.newSku(10);
    const { body } = await test.place(order(sku, 2));
    expect(body).toMatchObject({ review: { status: 'open', deadline: null } });
    expect(await review(body.id, { decision: 'approve' })).toMatchObject({
      status: 409,
      body: {
        code: 'NOT_IN_REVIEW',
        review: 'open',
        detail: expect.stringContaining('authorised') as string,
      },
    });
    const listed = await test.call('GET', '/orders?review=open&limit=100');
    expect(listed.body.items.map((one) => one.id)).not.toContain(body.id);
  });

  it('is refused for an order that has none, that does not exist, and without a decision', async () => {
    const { body } = await test.place(order(await test.newSku(1), 1));
    expect(await review(body.id, { decision: 'approve' })).toMatchObject({
      status: 409,
      body: { code: 'NOT_IN_REVIEW', review: null },
    });
    expect(await review(newId(), { decision: 'approve' })).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND' },
    });
    expect(await review(body.id, { decision: 'perhaps' })).toMatchObject({
      status: 422,
      body: { code: 'VALIDATION_FAILED' },
    });
  });
});
