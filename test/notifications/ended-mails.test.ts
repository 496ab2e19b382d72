import { askFor, openNotifiedShop, type NotifiedShop } from './support';

let shop: NotifiedShop;
beforeEach(async () => {
  shop = await openNotifiedShop();
});
afterEach(() => shop.close());

const outcomes = async () => (await shop.mails()).map(({ kind, status }) => [kind, status]);

async function paidOrder(): Promise<string> {
  const person = await shop.addPerson();
  await shop.happen(await shop.addOrder(person.id), 'payment_captured');
  return person.id;
}

test('a mail that nobody has tried to send for days tells nothing new any more', async () => {
  await paidOrder();
  await shop.db.pool.query(`update mails set created_at = created_at - interval '73 hours'`);
  expect(await shop.sendDue()).toEqual(['suppressed']);
});

test('a mail that cannot be written by an error of ours is tried as one that a server does not take, until it is given up', async () => {
  const customerId = await paidOrder();
  await shop.db.pool.query(`update orders set currency = 'US' where customer_id = $1`, [customerId]);
  for (let n = 0; n < 30 && (await outcomes())[0]?.[1] === 'pending'; n++) {
    await expect(shop.sendDue()).rejects.toThrow('currency');
    await shop.letTimePass(12 * 3_600);
  }
  expect(await shop.mails()).toMatchObject([
    { status: 'failed', answer: expect.stringContaining('currency') as string },
  ]);
});

test('what is known of a mail about an account is over when it was given up, with the address of before', async () => {
  const { id } = await shop.addPerson();
  await shop.db.pool.query(`update user_profiles set former_email = 'old@example.com' where user_id = $1`, [
    id,
  ]);
  await askFor(shop.db, id, 'email_changed');
  shop.server.onRecipient = () => ({ code: 550, text: '5.1.1 No such user' });
  expect(await shop.sendDue()).toEqual(['bounced']);
  const { rows: former } = await shop.db.pool.query(
    'select 1 from user_profiles where user_id = $1 and former_email is not null',
    [id],
  );
  expect(former).toEqual([]);
  // Of an address that takes none, nobody is told: nor does it wait.
  await shop.db.pool.query(
    `update user_profiles set undeliverable_at = now(), undeliverable_reason = 'test' where user_id = $1`,
    [id],
  );
  await askFor(shop.db, id, 'password_changed');
  const { rows: waiting } = await shop.db.pool.query(
    `select kind from account_mails where sent_at is null and given_up_at is null and kind <> 'confirm_email'`,
  );
  expect(waiting).toEqual([]);
});
