import { askForEmailChange } from '../../domain/identity/accounts/change-email';
import {
  askForNewPassword,
  changePassword,
  resetPassword,
} from '../../domain/identity/accounts/change-password';
import { confirmEmail } from '../../domain/identity/accounts/confirm-email';
import { readUser } from '../../domain/identity/accounts/users';
import { openTestShop, type TestShop } from '../support/fixtures';
import { accountsOf, ADDRESS, addCustomer, deliver, failingAt, newEmail, PASSWORD, tokenIn } from './people';

const NEW_PASSWORD = 'another password altogether';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());
beforeEach(async () => {
  await shop.db.pool.query('delete from sign_in_attempts');
  await shop.db.pool.query('delete from outbox');
});

/** Somebody whose registration's mail was sent. */
async function addPerson() {
  const person = await addCustomer(shop.db);
  await deliver(shop.db);
  return person;
}

const ask = (userId: string, email: string, password = PASSWORD, deps = accountsOf(shop.db)) =>
  askForEmailChange(deps, userId, { email, password, address: ADDRESS });
const confirm = (token: string, password = PASSWORD, deps = accountsOf(shop.db)) =>
  confirmEmail(deps, { token, password, signedIn: null, address: ADDRESS });
/** As if a minute had passed since somebody asked. */
const later = (userId: string) =>
  shop.db.pool.query(
    `update user_profiles set pending_at = pending_at - interval '1 minute' where user_id = $1`,
    [userId],
  );
const emailOf = async (userId: string) => (await readUser(shop.db, userId))?.email;

test('counts once it is confirmed, tells the address before, and keeps that no longer', async () => {
  const { id, email } = await addPerson();
  const wanted = newEmail();
  await ask(id, wanted);
  await expect(readUser(shop.db, id)).resolves.toMatchObject({ email, pendingEmail: wanted });
  const [mail] = await deliver(shop.db);
  expect(mail).toMatchObject({ to: wanted, subject: 'Confirm your new e-mail address' });
  expect(mail?.text).not.toContain('Ada');
  await confirm(tokenIn(mail!));
  await confirm(tokenIn(mail!));
  await expect(readUser(shop.db, id)).resolves.toMatchObject({
    email: wanted,
    pendingEmail: null,
    emailConfirmed: true,
  });
  const notes = await deliver(shop.db);
  expect(notes.map(({ to, subject }) => [to, subject])).toEqual([[email, 'Your e-mail address was changed']]);
  const { rows } = await shop.db.pool.query('select from user_profiles where former_email is not null');
  expect(rows).toEqual([]);
});

test('the token is of the address that was asked for last, and of no other', async () => {
  const { id } = await addPerson();
  const [first, second] = [newEmail(), newEmail()];
  await ask(id, first);
  const [mail] = await deliver(shop.db);
  await expect(ask(id, second)).rejects.toMatchObject({ code: 'TOO_MANY_ATTEMPTS' });
  await later(id);
  await ask(id, second);
  await expect(confirm(tokenIn(mail!))).rejects.toMatchObject({ code: 'MAIL_TOKEN_INVALID' });
  const [other] = await deliver(shop.db);
  await confirm(tokenIn(other!));
  expect(await emailOf(id)).toBe(second);
});

test('of an address that has an account says the same, and its owner is told', async () => {
  const [ada, bob] = [await addPerson(), await addPerson()];
  await ask(ada.id, bob.email.toUpperCase());
  await expect(readUser(shop.db, ada.id)).resolves.toMatchObject({ pendingEmail: bob.email.toUpperCase() });
  const mails = await deliver(shop.db);
  expect(mails.map(({ to, subject }) => [to, subject])).toEqual([[bob.email, 'You have an account already']]);
  // Asked again at once it is refused alike, whether or not there is an account.
  await expect(ask(ada.id, newEmail())).rejects.toMatchObject({ code: 'TOO_MANY_ATTEMPTS' });
});

test('of two who want an address at once one gets it', async () => {
  const [ada, bob] = [await addPerson(), await addPerson()];
  const wanted = newEmail();
  await ask(ada.id, wanted);
  await ask(bob.id, wanted);
  const tokens = (await deliver(shop.db)).map(tokenIn);
  const outcomes = await Promise.allSettled(tokens.map((token) => confirm(token)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  expect(refused?.reason).toMatchObject({ code: 'EMAIL_TAKEN' });
});

test('is called off by the present address, and by a new password', async () => {
  const { id, email } = await addPerson();
  await ask(id, newEmail());
  const [first] = await deliver(shop.db);
  await ask(id, email.toUpperCase());
  await expect(confirm(tokenIn(first!))).rejects.toMatchObject({ code: 'MAIL_TOKEN_INVALID' });
  await later(id);
  await ask(id, newEmail());
  const [second] = await deliver(shop.db);
  await changePassword(accountsOf(shop.db), id, {
    current: PASSWORD,
    password: NEW_PASSWORD,
    address: ADDRESS,
  });
  await expect(confirm(tokenIn(second!), NEW_PASSWORD)).rejects.toMatchObject({ code: 'MAIL_TOKEN_INVALID' });
  expect(await emailOf(id)).toBe(email);
});

test('leaves no way in by a mail that went to the address before', async () => {
  const { id, email } = await addPerson();
  await askForNewPassword(shop.db, { email, address: ADDRESS });
  const [reset] = await deliver(shop.db);
  await ask(id, newEmail());
  const [mail] = await deliver(shop.db);
  await confirm(tokenIn(mail!));
  await expect(
    resetPassword(accountsOf(shop.db), { token: tokenIn(reset!), password: NEW_PASSWORD }),
  ).rejects.toMatchObject({ code: 'MAIL_TOKEN_INVALID' });
});

test('needs the password, tries of which are counted', async () => {
  const { id } = await addPerson();
  for (let n = 0; n < 5; n++)
    await expect(ask(id, newEmail(), 'wrong password')).rejects.toMatchObject({ code: 'PASSWORD_NOT_RIGHT' });
  await expect(ask(id, newEmail())).rejects.toMatchObject({ code: 'TOO_MANY_ATTEMPTS' });
  expect(await deliver(shop.db)).toEqual([]);
});

test.each(['update user_profiles', 'insert into account_mails', 'insert into outbox'])(
  'when the process dies as it asks (%s), nothing is left and asking again is right',
  async (statement) => {
    const { id } = await addPerson();
    const dying = { ...accountsOf(shop.db), db: failingAt(shop.db, statement) };
    await expect(ask(id, newEmail(), PASSWORD, dying)).rejects.toThrow('it died');
    await expect(readUser(shop.db, id)).resolves.toMatchObject({ pendingEmail: null });
    const wanted = newEmail();
    await ask(id, wanted);
    expect((await deliver(shop.db)).map(({ to }) => to)).toEqual([wanted]);
  },
);

test.each(['update user_profiles', 'update users', 'insert into account_mails', 'insert into outbox'])(
  'when the process dies as it is confirmed (%s), the token is good for another try',
  async (statement) => {
    const { id, email } = await addPerson();
    const wanted = newEmail();
    await ask(id, wanted);
    const token = tokenIn((await deliver(shop.db))[0]!);
    const dying = { ...accountsOf(shop.db), db: failingAt(shop.db, statement) };
    await expect(confirm(token, PASSWORD, dying)).rejects.toThrow('it died');
    expect(await emailOf(id)).toBe(email);
    await confirm(token);
    expect(await emailOf(id)).toBe(wanted);
  },
);
