import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newId } from '../../platform/ids';
import { tokenIn } from '../identity/people';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { listen } from './listen';
import { asPerson, logIn, sessionOf, signUp, type Session } from './people-api';
import { openStackApi, type StackApi } from './stack-api';

let test_: StackApi;
let mailFolder: string;
beforeAll(async () => {
  mailFolder = await mkdtemp(join(tmpdir(), 'holdfast-mail-'));
  const SIGNING_KEYS_SECRET = randomBytes(32).toString('base64');
  test_ = await openStackApi({ settings: { SIGNING_KEYS_SECRET, MAIL_FOLDER: mailFolder } });
});
afterAll(async () => {
  await expectInvariants(test_.stack.db);
  await test_.stack.stop();
  await rm(mailFolder, { recursive: true });
});

/** The mail with a token that somebody gets. */
function mailTo(email: string): Promise<{ text: string }> {
  return waitFor(async () => {
    const texts = await Promise.all(
      (await readdir(mailFolder))
        .filter((name) => name.endsWith('.txt'))
        .map((name) => readFile(join(mailFolder, name), 'utf8')),
    );
    const text = texts.find((one) => one.includes(email) && one.includes('Token: '));
    return text === undefined ? undefined : { text };
  });
}

/** Reads an order's live events as somebody until one of a type has come. */
async function watch({ accessToken }: Session, orderId: string, until: string): Promise<string[]> {
  const api = { url: test_.stack.url.replace('/api/v1', '') };
  const stream = await listen({ api }, `/orders/${orderId}/events`, { accessToken });
  expect(stream.status).toBe(200);
  const types = () =>
    [...stream.text().matchAll(/^data: (\{.*\})$/gm)].map(
      ([, data = '{}']) => (JSON.parse(data) as { type: string }).type,
    );
  await waitFor(() => types().includes(until));
  stream.leave();
  return types();
}

it('a customer registers, confirms their address, signs in, orders, pays and watches; an operator finds what needs a person, acts, and is in the audit log', async () => {
  const sku = await test_.newSku(5);
  // The shop's pages need no sign-in.
  expect((await test_.call('GET', `/products/${sku}`, { key: null })).status).toBe(200);

  const registered = await signUp(test_);
  const token = tokenIn(await mailTo(registered.email));
  const confirmed = await asPerson(test_, registered, 'POST', '/auth/confirm-email', { body: { token } });
  expect(confirmed.status).toBe(204);
  const customer = sessionOf(await logIn(test_, registered.email));

  const placed = await asPerson(test_, customer, 'POST', '/orders', {
    body: { items: [{ sku, quantity: 1 }] },
    headers: { 'idempotency-key': newId() },
  });
  expect(placed).toMatchObject({ status: 201, body: { status: 'reserved', customerId: registered.id } });
  const { id: orderId } = placed.body;
  const paid = await asPerson(test_, customer, 'POST', `/orders/${orderId}/payments`, {
    body: { method: 'card', token: 'tok_refund_fails' },
    headers: { 'idempotency-key': newId() },
  });
  expect(paid.status).toBe(200);
  const seen = await watch(customer, orderId, 'order_fulfilled');
  expect(seen).toEqual(
    expect.arrayContaining(['order_placed', 'stock_reserved', 'payment_captured', 'shipment_booked']),
  );
  // Another customer is told that there is none.
  const stranger = await signUp(test_, 'Eve');
  expect((await asPerson(test_, stranger, 'GET', `/orders/${orderId}`)).status).toBe(404);

  const hired = await signUp(test_, 'Olive');
  await test_.call('PUT', `/users/${hired.id}`, { body: { role: 'operator' } });
  const operator = sessionOf(await logIn(test_, hired.email));
  const asOperator = (method: string, path: string, body?: unknown) =>
    asPerson(test_, operator, method, path, { body, headers: { 'idempotency-key': newId() } });
  const refund = await asOperator('POST', `/orders/${orderId}/refunds`, { amountMinor: 1, reason: 'late' });
  expect(refund.status).toBe(201);
  const waiting = async () => {
    const { body } = await asOperator('GET', '/admin/attention?kind=refund_failed');
    return (body.items as unknown as { subject: { id: string }; next: string; actions: string[] }[]).find(
      ({ subject }) => subject.id === orderId,
    );
  };
  const found = await waitFor(waiting);
  expect(found.next).not.toBe('');
  expect(found.actions.join('\n')).toContain(`/refunds/${refund.body.id}/`);
  const settled = await asOperator('POST', `/refunds/${refund.body.id}/resolve`, {
    outcome: 'made_elsewhere',
    reference: 'bank 1',
    reason: 'the card is closed',
  });
  expect(settled.status).toBe(200);
  await waitFor(async () => (await waiting()) === undefined);

  const { body: log } = await test_.call('GET', `/admin/audit?actor=user:${operator.user.id}`);
  const about = log.items.filter(
    (entry) => (entry as unknown as { subject: { id: string } }).subject.id === orderId,
  );
  expect(about).toMatchObject([
    {
      action: 'order.refund_settled',
      onBehalfOf: registered.id,
      address: '127.0.0.1',
      requestId: settled.headers.get('x-holdfast-request-id'),
    },
    { action: 'order.refund_started', onBehalfOf: registered.id, address: '127.0.0.1' },
  ]);
});
