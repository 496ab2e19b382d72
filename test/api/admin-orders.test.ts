import type { OrderView } from '../../domain/ordering/types';
import { newId } from '../../platform/ids';
import { createKey } from '../../domain/identity/keys';
import { ADMIN_CALLER } from '../support/access-keys';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { openStackApi, type StackApi } from './stack-api';
import { order } from './support';

let test: StackApi;
let service: string;
beforeAll(async () => {
  test = await openStackApi();
  const made = await createKey(test.stack.db, {
    service: 'shop',
    role: 'service',
    kind: 'live',
    scopes: ['orders'],
    label: null,
    expiresInSeconds: null,
    actor: 'test',
  });
  service = made.key;
});
afterEach(() => expectInvariants(test.stack.db));
afterAll(() => test.stack.stop());

interface AdminOrder extends OrderView {
  owner: string;
  tags: string[];
  noteCount: number;
}

const card = (token: string) => ({ method: 'card', token });

/** An order of a service, with what staff see of it. */
async function placed(rest: object = {}): Promise<{ id: string; sku: string }> {
  const sku = await test.newSku(10);
  const { status, body } = await test.call('POST', '/orders', {
    body: { ...order(sku, 2), ...rest },
    key: service,
  });
  expect(status).toBe(201);
  return { id: body.id, sku };
}

const adminView = async (id: string) =>
  (await test.call('GET', `/admin/orders/${id}`)).body as unknown as AdminOrder;
const found = async (query: string) =>
  (await test.call('GET', `/admin/orders?${query}&limit=100`)).body.items.map(({ id }) => id);
const note = (id: string, text: string, key = newId()) =>
  test.call('POST', `/admin/orders/${id}/notes`, { body: { text }, headers: { 'idempotency-key': key } });
const setStatus = (id: string, body: object) => test.call('PUT', `/admin/orders/${id}/status`, { body });

describe('notes about an order', () => {
  it('are added once for a key, listed newest first, found by their words and removed', async () => {
    const { id } = await placed();
    const other = await placed();
    const key = newId();
    const first = await note(id, 'Customer rang.\nWants the blue one.', key);
    expect(first).toMatchObject({
      status: 201,
      body: { text: 'Customer rang.\nWants the blue one.', actor: ADMIN_CALLER },
    });
    expect((await note(id, 'Customer rang.\nWants the blue one.', key)).body).toEqual(first.body);
    expect((await note(id, 'Something else', key)).body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    await note(id, 'Rang again');
    await note(other.id, 'The blue customer');
    const page = await test.call('GET', `/admin/orders/${id}/notes?limit=1`);
    expect(page.body.items).toMatchObject([{ text: 'Rang again' }]);
    const rest = await test.call('GET', `/admin/orders/${id}/notes?cursor=${page.body.nextCursor ?? ''}`);
    expect(rest.body).toMatchObject({ items: [{ id: first.body.id }], nextCursor: null });
    expect(await adminView(id)).toMatchObject({ noteCount: 2 });

    expect(await found('text=customer+BLUE')).toEqual(expect.arrayContaining([id, other.id]));
    expect(await found('text=rang+blue')).toEqual([id]);
    const at = `/admin/orders/${id}/notes/${first.body.id}`;
    expect((await test.call('DELETE', `/admin/orders/${other.id}/notes/${first.body.id}`)).status).toBe(404);
    expect((await test.call('DELETE', at)).status).toBe(204);
    expect((await test.call('DELETE', at)).status).toBe(404);
    expect(await found('text=rang+blue')).toEqual([]);
  });

  it('are refused where there is no such order, or no text', async () => {
    expect((await note(newId(), 'x')).status).toBe(404);
    expect((await test.call('GET', `/admin/orders/${newId()}/notes`)).status).toBe(404);
    const { id } = await placed();
    for (const text of ['', '  ', 'a\u0000b', 'x'.repeat(2_001)])
      expect((await note(id, text)).status).toBe(422);
  });
});

describe('tags of an order', () => {
  it('are given and taken, in small letters, and list its orders', async () => {
    const { id } = await placed();
    const at = `/admin/orders/${id}/tags`;
    expect((await test.call('PUT', `${at}/Fraud-Check`)).body).toEqual({ tags: ['fraud-check'] });
    expect((await test.call('PUT', `${at}/fraud-check`)).body).toEqual({ tags: ['fraud-check'] });
    expect((await test.call('PUT', `${at}/${encodeURIComponent('a b/c')}`)).body).toEqual({
      tags: ['a b/c', 'fraud-check'],
    });
    expect(await found('tag=FRAUD-check')).toEqual([id]);
    expect(await found('tag=fraud')).toEqual([]);
    expect((await test.call('DELETE', `${at}/fraud-check`)).body).toEqual({ tags: ['a b/c'] });
    expect((await test.call('DELETE', `${at}/fraud-check`)).body).toEqual({ tags: ['a b/c'] });
    expect(await found('tag=fraud-check')).toEqual([]);
    expect((await test.call('PUT', `/admin/orders/${newId()}/tags/x`)).status).toBe(404);
  });

  it('are bounded, also when several are given at once', async () => {
    const { id } = await placed();
    const replies = await Promise.all(
      Array.from({ length: 23 }, (_, at) => test.call('PUT', `/admin/orders/${id}/tags/t${at}`)),
    );
    const refused = replies.filter(({ status }) => status === 409);
    expect(refused).toHaveLength(3);
    expect(refused[0]?.body).toMatchObject({ code: 'TAGS_EXCEEDED', limit: 20 });
    expect((await adminView(id)).tags).toHaveLength(20);
  });

  it('and notes are seen by nobody but staff', async () => {
    const { id } = await placed();
    await note(id, 'looks like the secretword');
    await test.call('PUT', `/admin/orders/${id}/tags/secrettag`);
    for (const path of [
      `/orders/${id}`,
      `/orders/${id}/events`,
      `/orders/${id}/status`,
      '/orders?limit=100',
    ]) {
      const { status, text } = await test.call('GET', path, { key: service });
      expect(status).toBe(200);
      expect(text).not.toMatch(/secret|noteCount|"tags"/);
    }
    const refused = await test.call('GET', `/admin/orders/${id}`, { key: service });
    expect(refused).toMatchObject({ status: 403, body: { code: 'NOT_ALLOWED' } });
  });
});

it('what staff note about an order is in the audit log, once, without its text', async () => {
  const { id } = await placed();
  const noted = await note(id, 'about Ada Lovelace');
  await test.call('PUT', `/admin/orders/${id}/tags/vip`);
  await test.call('PUT', `/admin/orders/${id}/tags/vip`);
  await test.call('DELETE', `/admin/orders/${id}/tags/vip`);
  await test.call('DELETE', `/admin/orders/${id}/tags/vip`);
  await test.call('DELETE', `/admin/orders/${id}/notes/${noted.body.id}`);
  const { rows } = await test.stack.db.pool.query<{ action: string }>(
    `select action, actor, before, after from audit_log where subject_id = $1 order by id`,
    [id],
  );
  expect(rows).toMatchObject([
    { action: 'order.noted', actor: ADMIN_CALLER, after: { noteId: noted.body.id } },
    { action: 'order.tagged', before: { tags: 0 }, after: { tags: 1 } },
    { action: 'order.tagged', before: { tags: 1 }, after: { tags: 0 } },
    { action: 'order.note_removed', before: { noteId: noted.body.id } },
  ]);
  expect(JSON.stringify(rows)).not.toMatch(/Lovelace|vip/);
});

describe('the list of orders', () => {
  it('is filtered by status, customer, product, time, reason and what belongs to them', async () => {
    const { id, sku } = await placed({ customerId: `c-${newId()}` });
    const view = await adminView(id);
    expect(view).toMatchObject({ status: 'reserved', tags: [], noteCount: 0 });
    expect(view.owner).toMatch(/^service:/);
    expect(await found(`sku=${sku}`)).toEqual([id]);
    expect(await found(`customerId=${view.customerId}&status=reserved`)).toEqual([id]);
    expect(await found(`customerId=${view.customerId}&status=paid`)).toEqual([]);
    expect(await found(`sku=${sku}&from=${view.createdAt}`)).toEqual([id]);
    expect(await found(`sku=${sku}&to=${view.createdAt}`)).toEqual([]);
    for (const text of [id, view.reservation?.id ?? '']) expect(await found(`text=${text}`)).toEqual([id]);
    expect(await found('attention=any')).not.toContain(id);
    const page = await test.call('GET', `/admin/orders?text=${id}`);
    expect(page.body.items).toMatchObject([{ id, owner: view.owner, tags: [], noteCount: 0 }]);
    for (const query of ['attention=nothing', 'tags=x', 'status=lost', 'cursor=e30'])
      expect((await test.call('GET', `/admin/orders?${query}`)).status).toBe(422);
  });

  it('finds an order by its payment, its parcel and the number on its label', async () => {
    const { id } = await placed({ payment: card('tok_ok') });
    await waitFor(async () => typeof (await adminView(id)).shipments[0]?.trackingNumber === 'string');
    const { payment, shipments } = await adminView(id);
    const [parcel] = shipments;
    for (const text of [payment?.id, parcel?.id, parcel?.trackingNumber])
      expect(await found(`text=${text ?? ''}`)).toEqual([id]);
  });
});

describe('the status of an order', () => {
  it('is cancelled through the saga, with the actor in its history; again it is the same', async () => {
    const { id, sku } = await placed();
    expect(await setStatus(id, { status: 'cancelled', reason: 'asked by phone' })).toMatchObject({
      status: 200,
      body: { id, status: 'cancelled', cancelReason: 'asked by phone' },
    });
    expect(await setStatus(id, { status: 'cancelled' })).toMatchObject({ status: 200 });
    expect(await test.reserved(sku)).toBe(0);
    const { body } = await test.call('GET', `/orders/${id}/events?limit=100`);
    expect(body.items).toContainEqual(
      expect.objectContaining({ type: 'cancel_requested', actor: ADMIN_CALLER }),
    );
  });

  it('is paid by a charge, once for a key, and by nothing else', async () => {
    const { id } = await placed();
    expect(await setStatus(id, { status: 'paid' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'payment' }] },
    });
    expect(await setStatus(id, { status: 'paid', payment: card('tok_typo') })).toMatchObject({ status: 422 });
    expect(await setStatus(id, { status: 'cancelled', payment: card('tok_ok') })).toMatchObject({
      status: 422,
    });
    expect(await setStatus(id, { status: 'paid', payment: card('tok_declined') })).toMatchObject({
      status: 402,
      body: { code: 'PAYMENT_DECLINED' },
    });
    const key = newId();
    const pay = () =>
      test.call('PUT', `/admin/orders/${id}/status`, {
        body: { status: 'paid', payment: card('tok_ok') },
        headers: { 'idempotency-key': key },
      });
    const paid = await pay();
    expect(paid.status).toBe(200);
    expect((await pay()).body).toEqual(paid.body);
    const { payments } = await adminView(id);
    expect(payments.filter(({ status }) => status === 'captured')).toHaveLength(1);
  });

  it.each([
    [
      'reserved',
      ['reserved', 'fulfilling', 'fulfilled', 'expired', 'failed', 'rejected'],
      ['paid', 'cancelled'],
    ],
    ['cancelled', ['reserved', 'fulfilled', 'failed'], []],
  ] as const)(
    'of one that is %s is not set by hand where goods or money tell it',
    async (from, wanted, allowed) => {
      const { id } = await placed();
      if (from === 'cancelled') await setStatus(id, { status: 'cancelled' });
      const before = await adminView(id);
      for (const status of wanted.filter((one) => one !== from)) {
        const { body, ...reply } = await setStatus(id, { status });
        expect(reply.status).toBe(409);
        expect(body).toMatchObject({ code: 'STATUS_NOT_ALLOWED', orderStatus: from, allowed });
        expect(body).toHaveProperty('how');
      }
      expect(await adminView(id)).toEqual(before);
      if (from === 'reserved')
        expect(await setStatus(id, { status: 'reserved' })).toMatchObject({ status: 200 });
    },
  );

  it('of what is no order, or no status, is refused', async () => {
    expect((await setStatus(newId(), { status: 'cancelled' })).status).toBe(404);
    const { id } = await placed();
    expect((await setStatus(id, { status: 'lost' })).status).toBe(422);
    expect(await setStatus(id, { status: 'cancelled', resaon: 'x' })).toMatchObject({
      status: 422,
      body: { errors: [{ path: 'resaon' }] },
    });
  });
});
