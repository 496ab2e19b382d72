import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { needsEngine, runChecks } from '../../cli/verify';
import { CHECK_IDS } from '../../domain/assurance/types';
import { sealLog } from '../../domain/assurance/seals/sealed-logs';
import { sealLedger } from '../../domain/assurance/seals/seal';
import { continueErasure } from '../../domain/erasure/erase';
import { keepOrigin } from '../../domain/audit/origin';
import { keepContact } from '../../domain/notifications/contacts';
import { appendEvents } from '../../domain/orders/events';
import { createFileMailer } from '../../integrations/file-mailer/mailer';
import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { waitFor } from '../support/wait';
import { asPerson, signUp } from '../api/people-api';
import { openStackApi, type StackApi } from '../api/stack-api';
import { PASSWORD } from '../identity/people';
import { tablesWith, totals } from './everything';

let test: StackApi;
let mailFolder: string;
const db = () => test.stack.db;

beforeAll(async () => {
  mailFolder = await mkdtemp(join(tmpdir(), 'holdfast-mail-'));
  const SIGNING_KEYS_SECRET = Buffer.alloc(32, 3).toString('base64');
  test = await openStackApi({ settings: { SIGNING_KEYS_SECRET, MAIL_FOLDER: mailFolder } });
});
afterEach(() => expectInvariants(db()));
afterAll(async () => {
  await test.stack.stop();
  await rm(mailFolder, { recursive: true });
});

async function addPerson(name: string | null = null) {
  const person = await signUp(test, name);
  return {
    ...person,
    as: (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
      asPerson(test, person, method, path, { body, headers }),
  };
}

const line = async (units = 1) => [{ sku: await test.newSku(5), quantity: units }];
const PAID = { payment: { method: 'card', token: 'tok_ok' } };
const eraseLate = (userId: string, lateSeconds = -1) =>
  continueErasure({ db: db(), mailer: createFileMailer(mailFolder), lateSeconds }, userId);
const erasedOrders = async (userId: string) =>
  (await db().pool.query<{ orders: number }>('select orders from erasures where user_id = $1', [userId]))
    .rows[0]?.orders;

/** A receiver of webhooks has answered to an event of an order. */
async function answeredBy(webhookId: string, orderId: string, answer: string): Promise<void> {
  await db().pool.query(
    `with receiver as (
       insert into webhooks (id, url, types, disabled, disabled_at, secret, position, created_by)
       values ($1, 'https://example.com', '{order.*}', 'by_hand', now(), '', 0, 'test')
     ), delivery as (
       insert into webhook_deliveries (webhook_id, position, type, subject_id, status, next_try_at)
       values ($1, 1, 'order.paid', $2, 'delivered', null)
     )
     insert into webhook_tries (webhook_id, position, millis, headers, status, answer) values ($1, 1, 7, '{}', 200, $3)`,
    [webhookId, orderId, answer],
  );
}

/** The saga and the carrier have done what they do. */
async function delivered(orderId: string): Promise<void> {
  const { temporal, names } = test.stack;
  await waitFor(async () => (await test.status(orderId)) === 'fulfilled');
  await temporal.client.workflow.getHandle(names.orderWorkflowId(orderId)).result();
}

it('of a person who was erased nothing is left in the database or among the mails, and all totals are as before', async () => {
  const person = await addPerson('Philomena Wintergreen');
  const words = {
    name: 'Wintergreen',
    email: person.email,
    address: 'Elmstreet 5 Secretville',
    latitude: '52.3712345',
    cancelled: 'because I move to Hiddenham',
    amended: 'Otherstreet 9',
    returned: 'too small for Philomena',
    refunded: 'told Philomena on the phone',
    behalf: 'Behalfstreet 7',
    noted: 'Philomena called about it',
    tagged: 'tag-of-philomena',
    carried: 'left with Mr. Wintergreen junior',
    askedFrom: '2001:db8::5ec:e7',
    answered: 'thanks, order of Wintergreen received',
    contact: 'former-address-of-p@example.com',
  };
  // One that was amended, paid, refunded by a person and partly sent back.
  const first = await person.as(
    'POST',
    '/orders',
    { items: await line(2), shipTo: { region: words.address } },
    { 'idempotency-key': newId() },
  );
  expect(first.status).toBe(201);
  const orderId = first.body.id;
  const amended = await person.as(
    'PATCH',
    `/orders/${orderId}`,
    { shipTo: { region: words.amended } },
    { 'idempotency-key': newId() },
  );
  expect(amended.status).toBe(200);
  expect((await person.as('POST', `/orders/${orderId}/payments`, PAID.payment)).status).toBe(200);
  await delivered(orderId);
  const refund = { amountMinor: 100, reason: words.refunded };
  const refunded = await test.call('POST', `/orders/${orderId}/refunds`, {
    body: refund,
    headers: { 'idempotency-key': newId() },
  });
  expect(refunded.status).toBe(201);
  const noted = await test.call('POST', `/admin/orders/${orderId}/notes`, {
    body: { text: words.noted },
    headers: { 'idempotency-key': newId() },
  });
  expect(noted.status).toBe(201);
  expect((await test.call('PUT', `/admin/orders/${orderId}/tags/${words.tagged}`)).status).toBeLessThan(300);
  const [item] = (await test.call('GET', `/orders/${orderId}`)).body.items;
  const returned = await test.call('POST', '/returns', {
    body: { orderId, items: [{ sku: item?.sku, quantity: 1, reason: words.returned }] },
    headers: { 'idempotency-key': newId() },
  });
  expect(returned.status).toBe(201);

  // One that is cancelled, and one that a service places for the person.
  const second = await person.as('POST', '/orders', {
    items: await line(),
    shipTo: { latitude: Number(words.latitude), longitude: 4.9 },
  });
  const behalf = await test.call('POST', '/orders', {
    body: { items: await line(), customerId: person.id, shipTo: { region: words.behalf }, ...PAID },
    headers: { 'idempotency-key': newId() },
  });
  await delivered(behalf.body.id);

  const refused = await person.as('DELETE', `/users/${person.id}`, { password: PASSWORD });
  expect(refused).toMatchObject({ status: 409, body: { code: 'ORDERS_OPEN' } });
  expect(new Set((refused.body as unknown as { orders: string[] }).orders)).toEqual(
    new Set([orderId, second.body.id]),
  );
  expect((await test.call('POST', `/returns/${returned.body.id}/cancel`)).status).toBe(200);
  await person.as('POST', `/orders/${second.body.id}/cancel`, { reason: words.cancelled });
  await waitFor(async () => (await test.status(second.body.id)) === 'cancelled');
  await waitFor(async () => {
    const { rows } = await db().pool.query(`select from refunds where status in ('planned', 'pending')`);
    return rows.length === 0;
  });
  await waitFor(async () => (await readdir(mailFolder)).length > 0);
  await db().transaction((tx) =>
    appendEvents(tx, [{ orderId, type: 'shipment_lost', data: { detail: words.carried } }]),
  );
  await answeredBy(newId(), orderId, words.answered);
  await keepContact(db(), orderId, { email: words.contact, locale: 'en' });
  await db().runFor({ requestId: newId(), address: words.askedFrom }, () =>
    keepOrigin(db(), `user:${person.id}`),
  );
  await sealLedger(db());
  await sealLog(db(), 'audit_log');

  for (const word of Object.values(words))
    expect({ word, in: (await tablesWith(db(), word)).length > 0 }).toEqual({ word, in: true });
  const before = await totals(db());

  const begun = await person.as('DELETE', `/users/${person.id}`, { password: PASSWORD });
  expect(begun).toMatchObject({ status: 202, body: { userId: person.id, status: 'erasing' } });
  await waitFor(async () => (await erasedOrders(person.id)) === 3);
  await eraseLate(person.id);
  expect(await test.call('DELETE', `/users/${person.id}`)).toMatchObject({
    status: 200,
    body: { status: 'erased', orders: 3 },
  });

  for (const word of Object.values(words))
    expect({ word, in: await tablesWith(db(), word) }).toEqual({ word, in: [] });
  for (const file of await readdir(mailFolder))
    expect(await readFile(join(mailFolder, file), 'utf8')).not.toContain(person.email);
  expect(await totals(db())).toEqual(before);
  const checks = CHECK_IDS.filter((id) => !needsEngine(id));
  const { results } = await runChecks(db(), { mode: 'full', checks });
  expect(results.filter(({ findings }) => findings > 0)).toEqual([]);
  // It is read as before, without what was erased.
  expect((await test.call('GET', `/orders/${orderId}`)).body).toMatchObject({
    status: 'fulfilled',
    shipTo: null,
  });
  expect((await test.call('GET', `/orders/${orderId}/events`)).status).toBe(200);
  // Nothing that is written about it now would be erased.
  const notes = `/admin/orders/${orderId}/notes`;
  const late = { body: { text: words.noted }, headers: { 'idempotency-key': newId() } };
  for (const refused of [
    await test.call('POST', notes, late),
    await test.call('PUT', `/admin/orders/${orderId}/tags/${words.tagged}`),
  ])
    expect(refused).toMatchObject({ status: 409, body: { code: 'ORDER_ERASED' } });
});

it('one erases oneself with the password, others as an admin; nobody signs in as who was erased, and again it changes nothing', async () => {
  const [one, other] = [await addPerson(), await addPerson()];
  const path = `/users/${one.id}`;
  expect(await one.as('DELETE', path)).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
  expect(await one.as('DELETE', path, { password: 'another password' })).toMatchObject({
    status: 422,
    body: { code: 'PASSWORD_NOT_RIGHT' },
  });
  expect(await other.as('DELETE', path, { password: PASSWORD })).toMatchObject({ status: 404 });
  expect(await tablesWith(db(), one.email)).not.toEqual([]);
  await db().pool.query('delete from sign_in_attempts');

  expect(await one.as('DELETE', path, { password: PASSWORD })).toMatchObject({ status: 202 });
  expect(await one.as('DELETE', path, { password: PASSWORD })).toMatchObject({ status: 202 });
  const credentials = { email: one.email, password: PASSWORD };
  expect(await test.call('POST', '/auth/login', { body: credentials, key: null })).toMatchObject({
    status: 401,
  });
  const both = await Promise.all([1, 2].map(() => test.call('DELETE', `/users/${other.id}`)));
  expect(both.map(({ status }) => status)).toEqual([202, 202]);
  expect(await test.call('DELETE', `/users/${newId()}`)).toMatchObject({ status: 404 });
  const { rows } = await db().pool.query<{ requested_by: string }>(
    'select requested_by from erasures where user_id = any ($1) order by requested_at',
    [[one.id, other.id]],
  );
  expect(rows.map(({ requested_by: by }) => by)).toEqual([
    `user:${one.id}`,
    expect.stringMatching(/^service:/),
  ]);
});

it('what comes late of a token that was still good is erased too, once it has ended', async () => {
  const person = await addPerson();
  expect((await person.as('DELETE', `/users/${person.id}`, { password: PASSWORD })).status).toBe(202);
  const late = await person.as('POST', '/orders', { items: await line(), shipTo: { region: 'Lateham' } });
  expect(late.status).toBe(201);
  await eraseLate(person.id);
  // It is open: its address is needed.
  expect((await test.call('DELETE', `/users/${person.id}`)).status).toBe(202);
  expect(await tablesWith(db(), 'Lateham')).not.toEqual([]);
  const waiting = async () => (await test.call('GET', '/admin/attention?kind=erasure_waits')).body.items;
  expect(await waiting()).toEqual([]);
  await db().pool.query(
    `update erasures set requested_at = requested_at - interval '61 minutes' where user_id = $1`,
    [person.id],
  );
  expect(await waiting()).toMatchObject([
    { subject: { type: 'user', id: person.id }, actions: [`holdfast why order ${late.body.id}`] },
  ]);
  await test.call('POST', `/orders/${late.body.id}/cancel`, { body: {} });
  await waitFor(async () => (await test.status(late.body.id)) === 'cancelled');
  await eraseLate(person.id);
  expect(await tablesWith(db(), 'Lateham')).toEqual([]);
  expect(await waiting()).toEqual([]);
  expect((await test.call('DELETE', `/users/${person.id}`)).status).toBe(200);
});

it('what somebody was told is forgotten, what a server said of them, and mails that lie in the folder', async () => {
  const person = await addPerson('Ottilie Summerfield');
  await db().pool.query('update users set email_confirmed_at = clock_timestamp() where id = $1', [person.id]);
  const placed = await person.as('POST', '/orders', { items: await line(), ...PAID });
  await delivered(placed.body.id);
  const lying = async () =>
    (
      await Promise.all((await readdir(mailFolder)).map((name) => readFile(join(mailFolder, name), 'utf8')))
    ).filter((text) => text.includes(person.email));
  await waitFor(async () => (await lying()).length > 1, 30_000);
  await db().pool.query(`update mails set answer = $2 where user_id = $1`, [
    person.id,
    `550 5.1.1 <${person.email}> unknown`,
  ]);
  expect((await person.as('DELETE', `/users/${person.id}`, { password: PASSWORD })).status).toBe(202);
  await waitFor(async () => (await lying()).length === 0, 30_000);
  await eraseLate(person.id);
  await eraseLate(person.id);
  expect(await tablesWith(db(), person.email)).toEqual([]);
  for (const table of ['mails', 'notifications', 'notification_preferences'])
    expect((await db().pool.query(`select from ${table} where user_id = $1`, [person.id])).rowCount).toBe(0);
});

it('a run that breaks off is gone on with by the next, from where it came', async () => {
  const person = await addPerson();
  const placed = await person.as('POST', '/orders', {
    items: await line(),
    shipTo: { region: 'Brokenham' },
    ...PAID,
  });
  await delivered(placed.body.id);
  // Nobody else goes on with it.
  await test.stack.stopWorker();
  expect((await person.as('DELETE', `/users/${person.id}`, { password: PASSWORD })).status).toBe(202);
  const broken = {
    send: () => Promise.resolve(),
    withdraw: () => Promise.reject(new Error('the folder is away')),
  };
  await expect(continueErasure({ db: db(), mailer: broken, lateSeconds: -1 }, person.id)).rejects.toThrow(
    'the folder is away',
  );
  expect(await erasedOrders(person.id)).toBe(1);
  expect((await test.call('DELETE', `/users/${person.id}`)).status).toBe(202);
  await eraseLate(person.id);
  await eraseLate(person.id);
  expect(await erasedOrders(person.id)).toBe(1);
  expect(await tablesWith(db(), 'Brokenham')).toEqual([]);
  expect((await test.call('DELETE', `/users/${person.id}`)).status).toBe(200);
  await test.stack.startWorker();
});

it('finds stored responses about orders by an index', async () => {
  const plan = await db().transaction(async (tx) => {
    await tx.query({ name: '', text: 'set local enable_seqscan = off', values: [] });
    const { rows } = await tx.query({
      name: '',
      text: `explain select from idempotency_keys where coalesce(body ->> 'orderId', body ->> 'id') = any ($1::text[])`,
      values: [[newId()]],
    });
    return JSON.stringify(rows);
  });
  expect(plan).toContain('idempotency_keys_about');
});

it('the events of an order that was not erased are append-only also for what erases', async () => {
  const person = await addPerson();
  const { body } = await person.as('POST', '/orders', { items: await line() });
  await person.as('POST', `/orders/${body.id}/cancel`, { reason: 'mine' });
  await waitFor(async () => (await test.status(body.id)) === 'cancelled');
  await expect(db().pool.query('select erase_order_events($1)', [[body.id]])).rejects.toMatchObject({
    constraint: 'append_only',
  });
});
