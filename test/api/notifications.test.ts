import { randomBytes } from 'node:crypto';
import { planNotifications } from '../../domain/notifications/plan';
import type { Inbox } from '../../domain/notifications/notifications';
import type { Preference } from '../../domain/notifications/types';
import { appendEvents } from '../../domain/orders/events';
import { newId } from '../../platform/ids';
import { numberAll } from '../events/support';
import { addPaidOrder, addStock } from '../support/fixtures';
import { keyOf } from './access-table';
import { asPerson, signUp, type Person } from './people-api';
import { openTestApi, type TestApi } from './support';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi({ env: { SIGNING_KEYS_SECRET: randomBytes(32).toString('base64') } });
});
afterAll(() => test.close());

async function happen(customerId: string, ...types: string[]): Promise<string> {
  const sku = `S-${newId().slice(-8)}`;
  await addStock(test.db, sku, 'AMS', 1);
  const { orderId } = await addPaidOrder(test.db, [{ sku, warehouse: 'AMS', quantity: 1 }]);
  await test.db.pool.query('update orders set customer_id = $2 where id = $1', [orderId, customerId]);
  for (const type of types) await test.db.transaction((tx) => appendEvents(tx, [{ orderId, type }]));
  await numberAll(test.db);
  while ((await planNotifications(test.db, { sendsMail: true })).hasMore);
  return orderId;
}

async function inboxOf(person: Person, query = ''): Promise<Inbox & { nextCursor: string | null }> {
  const { status, text } = await asPerson(test, person, 'GET', `/notifications${query}`);
  expect(status).toBe(200);
  return JSON.parse(text) as Inbox & { nextCursor: string | null };
}

async function preferencesOf(person: Person): Promise<Preference[]> {
  const { text } = await asPerson(test, person, 'GET', '/notification-preferences');
  return (JSON.parse(text) as { items: Preference[] }).items;
}

const change = (person: Person, ...items: object[]) =>
  asPerson(test, person, 'PUT', '/notification-preferences', { body: { items } });

it('shows people what they were told, newest first, page by page, and what they have not read', async () => {
  const [ada, bob] = [await signUp(test), await signUp(test)];
  const orderId = await happen(
    ada.id,
    'order_placed',
    'payment_captured',
    'order_fulfilled',
    'order_cancelled',
  );
  const first = await inboxOf(ada, '?limit=2');
  expect(first.unread).toBe(3);
  expect(first.items.map(({ kind }) => kind)).toEqual(['order_cancelled', 'order_paid']);
  expect(first.items[0]).toMatchObject({
    title: `Your order ${orderId.slice(-12).toUpperCase()} was cancelled`,
    subject: { type: 'order', id: orderId },
    readAt: null,
  });
  const rest = await inboxOf(ada, `?limit=2&cursor=${first.nextCursor}`);
  expect(rest.items.map(({ kind }) => kind)).toEqual(['order_placed']);
  expect(rest.nextCursor).toBeNull();
  expect((await inboxOf(bob)).items).toEqual([]);

  const id = first.items[0]?.id ?? '';
  expect((await asPerson(test, bob, 'POST', `/notifications/${id}/read`)).status).toBe(404);
  const read = await asPerson(test, ada, 'POST', `/notifications/${id}/read`);
  expect(read).toMatchObject({ status: 200, body: { id, readAt: expect.any(String) as string } });
  expect((await asPerson(test, ada, 'POST', `/notifications/${id}/read`)).text).toBe(read.text);
  expect(await inboxOf(ada, '?unread=true')).toMatchObject({ unread: 2, items: [{}, {}] });

  const upTo = rest.items[0]?.id;
  expect(await asPerson(test, ada, 'POST', '/notifications/read', { body: { upTo } })).toMatchObject({
    status: 200,
    body: { read: 1 },
  });
  expect((await asPerson(test, ada, 'POST', '/notifications/read')).body).toEqual({ read: 1 });
  expect((await inboxOf(ada)).unread).toBe(0);
});

it('what somebody was told as an operator is not for the customer that they are now', async () => {
  const ada = await signUp(test);
  const { rows } = await test.db.pool.query<{ id: string }>(
    `insert into notifications (id, user_id, kind, position, subject_type, subject_id, data)
     values (gen_random_uuid(), $1, 'alert_critical', 1, 'alert', 'x', '{"sku": "SECRET"}') returning id`,
    [ada.id],
  );
  expect(await inboxOf(ada)).toMatchObject({ items: [], unread: 0 });
  expect((await asPerson(test, ada, 'POST', `/notifications/${rows[0]?.id ?? ''}/read`)).status).toBe(404);
});

it('people choose of what they are told, and how; mails about the account cannot be switched off', async () => {
  const ada = await signUp(test);
  const before = await preferencesOf(ada);
  expect(before).toContainEqual({ kind: 'account', channel: 'email', enabled: true, isFixed: true });
  expect(before.some(({ kind }) => kind === 'alert_critical')).toBe(false);
  const off = { kind: 'order_paid', channel: 'email', enabled: false };
  expect((await change(ada, off, { ...off, channel: 'in_app' })).status).toBe(200);
  expect(await preferencesOf(ada)).toContainEqual({ ...off, isFixed: false });
  await happen(ada.id, 'payment_captured', 'order_cancelled');
  expect((await inboxOf(ada)).items.map(({ kind }) => kind)).toEqual(['order_cancelled']);
  const { rows } = await test.db.pool.query<{ kind: string }>(
    `select kind from mails where user_id = $1 and kind <> 'account'`,
    [ada.id],
  );
  expect(rows).toEqual([{ kind: 'order_cancelled' }]);

  expect(await change(ada, { kind: 'account', channel: 'email', enabled: false })).toMatchObject({
    status: 422,
    body: { code: 'NOTIFICATION_FIXED' },
  });
  expect(await change(ada, { kind: 'attention', channel: 'email', enabled: true })).toMatchObject({
    status: 422,
    body: { code: 'NOTIFICATION_NOT_OFFERED' },
  });
  for (const items of [[off, off], [], [{ ...off, kind: 'nothing' }], [{ ...off, channel: 'sms' }]])
    expect((await change(ada, ...items)).status).toBe(422);
});

it('tells people in their language, which they choose as they register or later', async () => {
  const ada = await signUp(test);
  const body = { locale: 'de' };
  expect(await asPerson(test, ada, 'PUT', `/users/${ada.id}`, { body })).toMatchObject({ status: 200, body });
  await happen(ada.id, 'payment_captured');
  expect((await inboxOf(ada)).items[0]?.title).toMatch(/^Wir haben Ihre Zahlung zur Bestellung /);
  expect((await asPerson(test, ada, 'PUT', `/users/${ada.id}`, { body: { locale: 'xx' } })).status).toBe(422);
});

it('a program has no notifications, and reports mails that came back by a key for that', async () => {
  expect(await test.call('GET', '/notifications')).toMatchObject({
    status: 422,
    body: { code: 'NOTIFICATION_NOT_OFFERED' },
  });
  const ada = await signUp(test);
  await happen(ada.id, 'payment_captured');
  const { rows } = await test.db.pool.query<{ id: string }>(
    `update mails set status = 'sent', next_try_at = null, ended_at = now(), address_hash = sha256(convert_to(lower($2), 'UTF8'))
     where user_id = $1 and kind = 'order_paid' returning id`,
    [ada.id, ada.email],
  );
  const key = await keyOf(test, 'a mail room', ['mail:bounces']);
  const report = (messageId: string, as: string | null = key) =>
    test.call('POST', '/mail/bounces', { key: as, body: { messageId, reason: '5.1.1 No such user' } });
  expect((await report(`<${newId()}@shop.example>`)).status).toBe(404);
  expect((await report('none of ours')).status).toBe(404);
  const messageId = `<${rows[0]?.id}@shop.example>`;
  expect((await report(messageId, await keyOf(test, 'a shop', ['orders']))).status).toBe(403);
  expect(await report(messageId)).toMatchObject({ status: 200, body: { marked: true } });
  const user = await asPerson(test, ada, 'GET', `/users/${ada.id}`);
  expect(user.body).toMatchObject({ undeliverableSince: expect.any(String) as string });
});
