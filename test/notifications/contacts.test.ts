import {
  changeContact,
  eraseContactsOf,
  keepContact,
  readContact,
  removeContact,
  unsubscribe,
  withdrawContactMails,
} from '../../domain/notifications/contacts';
import { reportBounce } from '../../domain/notifications/bounces';
import { CONTACT_MAILS_AN_HOUR } from '../../domain/notifications/rules';
import { newId } from '../../platform/ids';
import { headerOf, partsOf, type TakenMail } from './mail-server';
import { openNotifiedShop, type NotifiedShop } from './support';

let shop: NotifiedShop;
beforeEach(async () => {
  shop = await openNotifiedShop();
});
afterEach(() => shop.close());

const ACTOR = 'service:shop';
const outcomes = async () => (await shop.mails()).map(({ kind, status }) => [kind, status]);
const written = () => shop.server.mails.map(({ to }) => to);

async function orderOf(email: string, locale: 'en' | 'de' = 'en', customerId = 'c-42'): Promise<string> {
  const orderId = await shop.addOrder(customerId);
  await keepContact(shop.db, orderId, { email, locale });
  return orderId;
}

/** The token that a mail has. */
function tokenOf(mail: TakenMail | undefined): string {
  const token = /(?<=[= ])[\w-]{43}(?=\s)/.exec(mail ? partsOf(mail).text : '')?.[0];
  if (token === undefined) throw new Error('the mail has no token');
  return token;
}

test('the contact of an order gets its mails in their language, and nobody has notifications', async () => {
  const orderId = await orderOf('buyer@example.com', 'de');
  await shop.happen(orderId, 'order_placed', 'payment_captured');
  await shop.dispatch({ ...shop.context, pagesUrl: 'https://shop.example' });
  expect(await outcomes()).toEqual([
    ['order_placed', 'sent'],
    ['order_paid', 'sent'],
  ]);
  expect(written()).toEqual(['buyer@example.com', 'buyer@example.com']);
  for (const mail of shop.server.mails) {
    const { text, html } = partsOf(mail);
    expect(text).toMatch(/^Guten Tag,/);
    expect(text).toContain(`https://shop.example/unsubscribe#token=${tokenOf(mail)}`);
    expect(html).toContain(`<a href="https://shop.example/unsubscribe#token=${tokenOf(mail)}">Keine Mails`);
  }
  expect((await shop.db.pool.query('select from notifications')).rowCount).toBe(0);
  // The first one stays, as often as the request comes again.
  await keepContact(shop.db, orderId, { email: 'another@example.com', locale: 'en' });
  expect(await readContact(shop.db, orderId)).toMatchObject({ email: 'buyer@example.com', locale: 'de' });
});

test('who has an account is written to at its address, whatever contact there is', async () => {
  const person = await shop.addPerson();
  const orderId = await orderOf('old@example.com', 'en', person.id);
  await shop.happen(orderId, 'payment_captured');
  await shop.dispatch();
  expect(written()).toEqual([person.email]);
  await expect(
    changeContact(shop.db, {
      orderId,
      contact: { email: 'x@example.com', locale: 'en' },
      actor: ACTOR,
      lifts: true,
    }),
  ).rejects.toMatchObject({ code: 'CONTACT_NOT_TAKEN' });
});

test('the token of a mail ends the mails to its address, of all its orders and in whatever capitals, until staff say otherwise', async () => {
  const [first, second] = [await orderOf('buyer@example.com'), await orderOf('Buyer@Example.com')];
  await shop.happen(first, 'payment_captured');
  await shop.dispatch();
  const token = tokenOf(shop.server.mails[0]);
  expect(JSON.stringify((await shop.db.pool.query('select * from contact_tokens')).rows)).not.toContain(
    token,
  );
  await unsubscribe(shop.db, { token, actor: 'anonymous' });
  await unsubscribe(shop.db, { token, actor: 'anonymous' });
  for (const wrong of ['', 'x', `${token}x`, newId(), 'A'.repeat(43)])
    await expect(unsubscribe(shop.db, { token: wrong, actor: 'anonymous' })).rejects.toMatchObject({
      code: 'MAIL_TOKEN_INVALID',
    });
  await shop.happen(second, 'payment_captured');
  await shop.happen(await orderOf('other@example.com'), 'payment_captured');
  await shop.dispatch();
  expect(written()).toEqual(['buyer@example.com', 'other@example.com']);
  expect(await readContact(shop.db, second)).toMatchObject({ suppressed: { cause: 'unsubscribed' } });
  const contact = { email: 'buyer@example.com', locale: 'en' } as const;
  const asShop = await changeContact(shop.db, { orderId: second, contact, actor: ACTOR, lifts: false });
  expect(asShop.suppressed).not.toBeNull();
  const asStaff = await changeContact(shop.db, { orderId: second, contact, actor: 'user:1', lifts: true });
  expect(asStaff.suppressed).toBeNull();
  await shop.happen(second, 'order_cancelled');
  await shop.dispatch();
  expect(written().at(-1)).toBe('buyer@example.com');
});

test('an address that takes no mail gets no more, refused at once or later', async () => {
  const [first, later] = [await orderOf('gone@example.com'), await orderOf('full@example.com')];
  shop.server.onRecipient = (address) =>
    address.startsWith('gone') ? { code: 550, text: '5.1.1 gone@example.com: no such user' } : null;
  await shop.happen(first, 'payment_captured');
  await shop.happen(later, 'payment_captured');
  await shop.dispatch();
  expect((await outcomes()).map(([, status]) => status).sort()).toEqual(['bounced', 'sent']);
  const messageId = headerOf(shop.server.mails[0]!, 'Message-ID') ?? '';
  const report = () => reportBounce(shop.db, { messageId, reason: '5.2.1 Closed', actor: 'test' });
  expect(await report()).toEqual({ marked: true });
  expect(await report()).toEqual({ marked: false });
  shop.server.onRecipient = () => null;
  for (const orderId of [first, later]) {
    expect(await readContact(shop.db, orderId)).toMatchObject({ suppressed: { cause: 'bounced' } });
    await shop.happen(orderId, 'order_cancelled');
  }
  await shop.dispatch();
  expect(shop.server.mails).toHaveLength(1);
  // That its owner wants none is not ended by a bounce.
  const token = tokenOf(shop.server.mails[0]);
  await unsubscribe(shop.db, { token, actor: 'anonymous' });
  expect(await report()).toEqual({ marked: false });
  expect(await readContact(shop.db, later)).toMatchObject({ suppressed: { cause: 'unsubscribed' } });
});

test('a contact that is forgotten leaves nothing: mails that wait are not sent, those that lie are withdrawn, tokens end', async () => {
  const orderId = await orderOf('buyer@example.com');
  shop.server.onRecipient = () => ({ code: 450, text: '4.2.1 buyer@example.com is busy' });
  await shop.happen(orderId, 'payment_captured');
  expect(await shop.sendDue()).toEqual(['postponed']);
  shop.server.onRecipient = () => null;
  await shop.letTimePass(60);
  expect(await shop.sendDue()).toEqual(['sent']);
  const token = tokenOf(shop.server.mails[0]);
  await shop.happen(orderId, 'order_cancelled');
  expect(await removeContact(shop.db, { orderId, actor: ACTOR })).toBe(true);
  expect(await removeContact(shop.db, { orderId, actor: ACTOR })).toBe(false);
  expect(await shop.sendDue()).toEqual(['suppressed']);
  expect(shop.server.mails).toHaveLength(1);
  await expect(unsubscribe(shop.db, { token, actor: 'anonymous' })).rejects.toMatchObject({
    code: 'MAIL_TOKEN_INVALID',
  });
  const { rows } = await shop.db.pool.query('select answer, address_hash from mails');
  expect(rows).toEqual([
    { answer: null, address_hash: null },
    { answer: null, address_hash: null },
  ]);
  const asked = await shop.db.pool.query(`select key from outbox where topic = 'contact-mails.withdraw'`);
  expect(asked.rows).toEqual([{ key: orderId }]);
  const withdrawn: string[] = [];
  const mailer = {
    ...shop.context.mailer!,
    withdraw: (id: string) => Promise.resolve(void withdrawn.push(id)),
  };
  await withdrawContactMails(shop.db, mailer, [orderId]);
  expect(withdrawn.sort()).toEqual((await shop.mails()).map(({ id }) => id).sort());
});

test('an order that was erased takes no contact, and one that was kept before is erased with it', async () => {
  const orderId = await orderOf('buyer@example.com');
  await shop.happen(orderId, 'payment_captured');
  await shop.db.retrying((tx) => eraseContactsOf(tx, [orderId]));
  expect(await readContact(shop.db, orderId)).toBeNull();
  await shop.db.pool.query('update orders set erased_at = now() where id = $1', [orderId]);
  const contact = { email: 'buyer@example.com', locale: 'en' } as const;
  const change = (id: string) => changeContact(shop.db, { orderId: id, contact, actor: ACTOR, lifts: true });
  await expect(change(orderId)).rejects.toMatchObject({ code: 'ORDER_ERASED' });
  await expect(change(newId())).rejects.toMatchObject({ code: 'UNKNOWN_ORDER' });
  expect(await shop.sendDue()).toEqual(['suppressed']);
});

test('an address gets so many mails within an hour, of whatever orders, and others go on', async () => {
  const orderId = await orderOf('victim@example.com');
  await shop.db.pool.query(
    `insert into mails (id, kind, subject_id, status, next_try_at, ended_at, address_hash)
     select gen_random_uuid(), 'order_placed', gen_random_uuid()::text, 'sent', null, now(), address_hash
     from order_contacts, generate_series(1, $1)`,
    [CONTACT_MAILS_AN_HOUR - 1],
  );
  await shop.happen(orderId, 'payment_captured');
  await shop.dispatch();
  await shop.happen(orderId, 'order_cancelled');
  await shop.happen(await orderOf('other@example.com'), 'payment_captured');
  await shop.dispatch();
  expect(written().sort()).toEqual(['other@example.com', 'victim@example.com']);
  await shop.db.pool.query(
    `update mails set created_at = created_at - interval '1 hour' where status = 'sent'`,
  );
  await shop.happen(orderId, { type: 'refund_succeeded', data: { amountMinor: 500 } });
  await shop.dispatch();
  expect(written().filter((to) => to === 'victim@example.com')).toHaveLength(2);
});
