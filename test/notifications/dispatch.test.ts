import { resetPassword } from '../../domain/identity/accounts/change-password';
import { planNotifications } from '../../domain/notifications/plan';
import { reportBounce } from '../../domain/notifications/bounces';
import { mailsAreDue, sendMail } from '../../domain/notifications/dispatch';
import { readUser } from '../../domain/identity/accounts/users';
import type { Mailer } from '../../domain/identity/accounts/types';
import type { Database } from '../../platform/database/database';
import { accountsOf, PASSWORD, tokenIn } from '../identity/people';
import { appendEvents } from '../../domain/orders/events';
import { numberAll } from '../events/support';
import { waitFor } from '../support/wait';
import { headerOf, partsOf, startMailServer } from './mail-server';
import { askFor, openNotifiedShop, type NotifiedShop } from './support';

let shop: NotifiedShop;
beforeEach(async () => {
  shop = await openNotifiedShop();
});
afterEach(() => shop.close());

const subjects = () => shop.server.mails.map((mail) => headerOf(mail, 'Subject'));
const outcomes = async () => (await shop.mails()).map(({ kind, status }) => [kind, status]);

async function paidOrder(more?: Parameters<NotifiedShop['addPerson']>[0]) {
  const person = await shop.addPerson(more);
  const orderId = await shop.addOrder(person.id);
  await shop.happen(orderId, 'payment_captured');
  return { person, orderId };
}

test('a customer gets a mail of what happens to their order, in their language, with nothing in it that is markup', async () => {
  await shop.db.pool.query(
    `insert into products (sku, name, price_minor, currency) values ('S1', $1, 1000, 'USD')`,
    ['<script>alert(1)</script> & "Co"'],
  );
  const person = await shop.addPerson({ locale: 'de', name: '<b>Ada</b>\r\nBcc: eve@example.com' });
  const orderId = await shop.addOrder(person.id);
  await shop.happen(orderId, 'order_placed', {
    type: 'shipment_picked_up',
    data: { carrier: 'sandbox', trackingNumber: 'T<1>', note: 'of staff' },
  });
  expect(await shop.dispatch()).toEqual({ sent: 2, failed: 0, msLeft: null });
  const [placed, left] = [...shop.server.mails].sort((a, b) => a.source.length - b.source.length).reverse();
  expect(placed?.to).toBe(person.email);
  const { text, html } = partsOf(placed!);
  expect(text).toContain('wir haben Ihre Bestellung erhalten');
  expect(text).toContain('2 × <script>alert(1)</script> & "Co": 20,00 USD');
  expect(text).toContain('Summe: 20,00 USD');
  expect(html).toContain('2 × &#60;script&#62;alert(1)&#60;/script&#62; &#38; &#34;Co&#34;');
  expect(html).toContain('Guten Tag &#60;b&#62;Ada&#60;/b&#62;');
  expect(html).not.toMatch(/<script|<b>/);
  expect(headerOf(placed!, 'Bcc')).toBeUndefined();
  expect(partsOf(left!).html).toContain('sandbox T&#60;1&#62;');
  expect(left!.source).not.toContain('of staff');
});

test('who has not confirmed their address, is disabled or has no account gets no mail', async () => {
  const [unconfirmed, disabled] = [await shop.addPerson(), await shop.addPerson()];
  await shop.happen(await shop.addOrder(unconfirmed.id), 'payment_captured');
  await shop.happen(await shop.addOrder(disabled.id), 'payment_captured');
  await shop.happen(await shop.addOrder('c-42'), 'payment_captured');
  await shop.db.pool.query('update users set email_confirmed_at = null where id = $1', [unconfirmed.id]);
  await shop.db.pool.query(`update users set status = 'disabled' where id = $1`, [disabled.id]);
  await shop.dispatch();
  expect(await outcomes()).toEqual([
    ['order_paid', 'suppressed'],
    ['order_paid', 'suppressed'],
  ]);
  expect(shop.server.mails).toEqual([]);
});

test('a server that is away for an hour costs no mail: each comes once, when it is back', async () => {
  const { port } = new URL(shop.server.url);
  await paidOrder();
  await shop.server.stop();
  const tries: number[] = [];
  for (let minute = 0; minute < 60; minute++) {
    tries.push((await shop.sendDue()).length);
    await shop.letTimePass(60);
  }
  const made = tries.reduce((sum, n) => sum + n, 0);
  expect(made).toBeGreaterThanOrEqual(4);
  expect(made).toBeLessThan(12);
  expect(await outcomes()).toEqual([['order_paid', 'pending']]);
  shop.server = await startMailServer({ port: Number(port) });
  await shop.letTimePass(3_600);
  expect(await shop.sendDue()).toEqual(['sent']);
  expect(shop.server.mails).toHaveLength(1);
  expect(await shop.sendDue()).toEqual([]);
});

test('tries end three days after the first', async () => {
  await paidOrder();
  shop.server.onData = () => ({ code: 451, text: '4.3.0 Not now' });
  for (let n = 0; n < 30 && (await outcomes())[0]?.[1] === 'pending'; n++) {
    await shop.sendDue();
    await shop.letTimePass(12 * 3_600);
  }
  expect(await shop.mails()).toMatchObject([
    { status: 'failed', answer: expect.stringContaining('451') as string },
  ]);
});

test('a refusal that passes is followed by one that does not: the address gets no more mail until it is confirmed anew', async () => {
  const { person, orderId } = await paidOrder();
  shop.server.onRecipient = () => ({ code: 450, text: '4.2.1 Busy' });
  expect(await shop.sendDue()).toEqual(['postponed']);
  expect((await readUser(shop.db, person.id))?.undeliverableSince).toBeNull();
  shop.server.onRecipient = () => ({ code: 550, text: '5.1.1 No such user' });
  await shop.letTimePass(60);
  expect(await shop.sendDue()).toEqual(['bounced']);
  expect((await readUser(shop.db, person.id))?.undeliverableSince).not.toBeNull();
  shop.server.onRecipient = () => null;
  await shop.happen(orderId, 'order_cancelled');
  expect(await shop.sendDue()).toEqual(['suppressed']);
  // Of the mails about the account only what the owner asks for to show that it takes mail again.
  await askFor(shop.db, person.id, 'password_changed');
  expect(await shop.sendDue()).toEqual([]);
  await askFor(shop.db, person.id, 'reset_password');
  expect(await shop.sendDue()).toEqual(['sent']);
  expect(shop.server.mails).toHaveLength(1);
  const token = tokenIn(partsOf(shop.server.mails[0]!));
  await resetPassword(accountsOf(shop.db), { token, password: `${PASSWORD}!` });
  expect((await readUser(shop.db, person.id))?.undeliverableSince).toBeNull();
  await shop.happen(orderId, 'order_refunded', { type: 'refund_succeeded', data: { amountMinor: 500 } });
  expect(await shop.sendDue()).toContain('sent');
});

test('two dispatchers send each mail once', async () => {
  const person = await shop.addPerson();
  for (let n = 0; n < 12; n++) await shop.happen(await shop.addOrder(person.id), 'payment_captured');
  const other = { ...shop.context, mailer: shop.server.mailer() };
  const rounds = await Promise.all([shop.dispatch(), shop.dispatch(other)]);
  expect(rounds.reduce((sum, { sent }) => sum + sent, 0)).toBe(12);
  expect(new Set(shop.server.mails.map((mail) => headerOf(mail, 'Message-ID'))).size).toBe(12);
  expect(shop.server.mails).toHaveLength(12);
});

test('one that dies after it has sent a mail has it sent again, under the same Message-ID', async () => {
  await paidOrder();
  const [mail] = await shop.mails();
  const real = shop.context.mailer!;
  const dying: Mailer = {
    ...real,
    async send(made) {
      await real.send(made);
      // The process is gone: nothing is written of it.
      await new Promise(() => undefined);
    },
  };
  void sendMail({ ...shop.context, mailer: dying }, mail!.id);
  await waitFor(() => shop.server.mails.length === 1);
  // Its lease keeps the others from it, for two minutes.
  expect(await mailsAreDue(shop.db)).toBe(false);
  expect(await sendMail({ ...shop.context, mailer: real }, mail!.id)).toBeNull();
  await shop.letTimePass(121);
  expect(await shop.sendDue()).toEqual(['sent']);
  const ids = shop.server.mails.map((taken) => headerOf(taken, 'Message-ID'));
  expect(ids).toEqual([`<${mail!.id}@shop.example>`, `<${mail!.id}@shop.example>`]);
});

test('two planners tell each once, and one that dies tells nobody', async () => {
  const person = await shop.addPerson();
  const orderId = await shop.addOrder(person.id);
  const dying: Database = {
    ...shop.db,
    retrying: (work) =>
      shop.db.retrying(async (tx) => {
        await work(tx);
        throw new Error('it died');
      }),
  };
  await shop.happen(orderId);
  await shop.db.transaction(async (tx) => {
    await appendEvents(tx, [{ orderId, type: 'payment_captured' }]);
  });
  await numberAll(shop.db);
  await expect(planNotifications(dying, { sendsMail: true })).rejects.toThrow('it died');
  expect(await shop.mails()).toEqual([]);
  expect((await shop.db.pool.query('select from notifications')).rowCount).toBe(0);
  await Promise.all([1, 2, 3].map(() => planNotifications(shop.db, { sendsMail: true })));
  expect(await outcomes()).toEqual([['order_paid', 'pending']]);
  expect((await shop.db.pool.query('select from notifications')).rowCount).toBe(1);
});

test('operators get a mail of an alert by its severity, while it is not over', async () => {
  const operator = await shop.addPerson({ role: 'operator' });
  await shop.addPerson();
  await shop.db.pool.query(
    `insert into alerts (kind, subject, details) values ('work_failed', 'one', '{"advice": "Look at <it>."}'),
       ('ledger_tampered', 'two', '{"why": "A seal differs."}'), ('ledger_tampered', 'three', '{}')`,
  );
  await shop.plan();
  await shop.db.pool.query(
    `update alerts set status = 'resolved', resolved_at = now() where subject = 'three'`,
  );
  await shop.dispatch();
  expect(await outcomes()).toEqual(
    expect.arrayContaining([
      ['alert_critical', 'sent'],
      ['alert_critical', 'suppressed'],
    ]) as unknown,
  );
  expect(await shop.mails()).toHaveLength(2);
  expect(shop.server.mails.map(({ to }) => to)).toEqual([operator.email]);
  expect(subjects()[0]).toContain('Critical');
  expect(partsOf(shop.server.mails[0]!).text).toContain('A seal differs.');
  const { rows } = await shop.db.pool.query<{ kind: string }>('select kind from notifications order by kind');
  expect(rows.map(({ kind }) => kind)).toEqual(['alert_critical', 'alert_critical', 'alert_warning']);
});

test('a bounce that comes later marks the address that the mail went to, and no other', async () => {
  const { person, orderId } = await paidOrder();
  await shop.dispatch();
  const [first] = shop.server.mails;
  const messageId = headerOf(first!, 'Message-ID') ?? '';
  const reason = '5.2.1 The mailbox is closed';
  await expect(reportBounce(shop.db, { messageId: '<x@y>', reason, actor: 'test' })).rejects.toMatchObject({
    code: 'MAIL_NOT_FOUND',
  });
  // Another address by now.
  await shop.db.pool.query(`update user_profiles set email = 'new@example.com' where user_id = $1`, [
    person.id,
  ]);
  expect(await reportBounce(shop.db, { messageId, reason, actor: 'test' })).toEqual({ marked: false });
  await shop.happen(orderId, 'order_cancelled');
  await shop.dispatch();
  const second = headerOf(shop.server.mails[1]!, 'Message-ID') ?? '';
  expect(await reportBounce(shop.db, { messageId: second, reason, actor: 'test' })).toEqual({ marked: true });
  expect(await reportBounce(shop.db, { messageId: second, reason, actor: 'test' })).toEqual({
    marked: false,
  });
  expect((await readUser(shop.db, person.id))?.undeliverableSince).not.toBeNull();
  expect((await outcomes()).map(([, status]) => status)).toEqual(['bounced', 'bounced']);
});

test('what happened long ago is shown, and nobody is sent a mail; nor where no mailer is set up', async () => {
  const person = await shop.addPerson();
  const orderId = await shop.addOrder(person.id);
  await shop.db.pool.query(
    `with counted as (update orders set event_seq = event_seq + 1 where id = $1 returning id, event_seq)
     insert into order_events (order_id, seq, type, at)
     select id, event_seq, 'payment_captured', now() - interval '4 days' from counted`,
    [orderId],
  );
  await shop.plan();
  expect(await shop.mails()).toEqual([]);
  expect((await shop.db.pool.query('select from notifications')).rowCount).toBe(1);
  await shop.db.transaction((tx) => appendEvents(tx, [{ orderId, type: 'order_cancelled' }]));
  await numberAll(shop.db);
  await planNotifications(shop.db, { sendsMail: false });
  expect(await shop.mails()).toEqual([]);
  expect((await shop.db.pool.query('select from notifications')).rowCount).toBe(2);
  expect(await shop.dispatch({ ...shop.context, mailer: null })).toEqual({
    sent: 0,
    failed: 0,
    msLeft: null,
  });
});
