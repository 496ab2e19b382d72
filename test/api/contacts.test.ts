import { randomBytes } from 'node:crypto';
import { newId } from '../../platform/ids';
import { tablesWith } from '../erasure/everything';
import { keyOf } from './access-table';
import { asPerson, signUp } from './people-api';
import { openStackApi, type StackApi } from './stack-api';
import { recordingLines } from '../support/recording-logger';
import { order } from './support';

let test: StackApi;
const { log, lines } = recordingLines();
beforeAll(async () => {
  test = await openStackApi({
    settings: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64') },
    log,
  });
});
afterAll(() => test.stack.stop());

const EMAIL = 'Wintergreen.Buyer@example.com';
const CONTACT = { email: EMAIL, language: 'de' };

it('a service gives the contact of its customer: it is kept beside the order, and nowhere else', async () => {
  const shop = await keyOf(test.stack, 'a shop', ['orders']);
  const body = { ...order(await test.newSku(1), 1), customerId: 'c-42', contact: CONTACT };
  const headers = { 'idempotency-key': newId() };
  const place = () => test.call('POST', '/orders', { key: shop, body, headers });
  const placed = await place();
  expect(placed.status).toBe(201);
  expect(placed.text).not.toContain('intergreen');
  const again = await place();
  expect([again.status, again.body.id]).toEqual([201, placed.body.id]);
  const other = { ...body, contact: { email: 'another@example.com' } };
  expect(await test.call('POST', '/orders', { key: shop, body: other, headers })).toMatchObject({
    status: 422,
    body: { code: 'IDEMPOTENCY_KEY_REUSED' },
  });

  const at = `/orders/${placed.body.id}/contact`;
  const kept = { orderId: placed.body.id, ...CONTACT, suppressed: null };
  expect(await test.call('GET', at, { key: shop })).toMatchObject({ status: 200, body: kept });
  expect(await tablesWith(test.stack.db, EMAIL)).toEqual(['public.order_contacts']);
  const { temporal, names } = test.stack;
  const handle = temporal.client.workflow.getHandle(names.orderWorkflowId(placed.body.id));
  const history = JSON.stringify((await handle.fetchHistory()).events).replaceAll(
    /"data":"([^"]*)"/g,
    (_, data: string) => Buffer.from(data, 'base64').toString(),
  );
  expect(history).toContain(body.items[0]?.sku);
  expect(history).not.toContain('intergreen');
  for (const path of [`/orders/${placed.body.id}`, `/orders/${placed.body.id}/events`, '/events?limit=1000'])
    expect((await test.call('GET', path)).text).not.toContain('intergreen');
  expect(lines.filter((line) => line.toLowerCase().includes('wintergreen'))).toEqual([]);

  // Of another service, and of the customers of this one.
  const stranger = await keyOf(test.stack, 'another shop', ['orders']);
  for (const method of ['GET', 'DELETE'])
    expect((await test.call(method, at, { key: stranger })).status).toBe(404);
  const changed = await test.call('PUT', at, { key: shop, body: { email: 'new@example.com' } });
  expect(changed).toMatchObject({ status: 200, body: { email: 'new@example.com', language: 'en' } });
  expect((await test.call('DELETE', at, { key: shop })).status).toBe(204);
  expect((await test.call('DELETE', at, { key: shop })).status).toBe(204);
  expect((await test.call('GET', at, { key: shop })).status).toBe(404);
  expect(await tablesWith(test.stack.db, EMAIL)).toEqual([]);
});

it('what is no address, or of somebody with an account, is refused', async () => {
  const sku = await test.newSku(5);
  const place = (contact: unknown, customerId = 'c-42') =>
    test.call('POST', '/orders', { body: { ...order(sku, 1), customerId, contact } });
  for (const email of [
    '',
    'x',
    'a@b',
    'a@example.com, b@example.com',
    'a@example.com\r\nBcc: eve@example.com',
    '"a b"@example.com',
    'Ada <a@example.com>',
    `${'a'.repeat(300)}@example.com`,
    null,
    7,
  ])
    expect([email, (await place({ email })).status]).toEqual([email, 422]);
  for (const contact of [{}, { email: EMAIL, language: 'fr' }, { email: EMAIL, name: 'Ada' }, EMAIL])
    expect((await place(contact)).status).toBe(422);
  const ada = await signUp(test);
  expect(await place(CONTACT, ada.id)).toMatchObject({ status: 422, body: { code: 'CONTACT_NOT_TAKEN' } });
  const own = { ...order(sku, 1), customerId: undefined, contact: CONTACT };
  expect(await asPerson(test, ada, 'POST', '/orders', { body: own })).toMatchObject({
    status: 403,
    body: { code: 'MEMBERS_NOT_ALLOWED', members: ['contact'] },
  });
  const mine = await asPerson(test, ada, 'POST', '/orders', { body: { ...own, contact: undefined } });
  const at = `/orders/${mine.body.id}/contact`;
  expect((await asPerson(test, ada, 'GET', at)).status).toBe(403);
  expect(await test.call('PUT', at, { body: CONTACT })).toMatchObject({
    status: 422,
    body: { code: 'CONTACT_NOT_TAKEN' },
  });
  expect(await test.call('POST', '/mail/unsubscribe', { key: null, body: { token: 'x' } })).toMatchObject({
    status: 422,
    body: { code: 'MAIL_TOKEN_INVALID' },
  });
});
