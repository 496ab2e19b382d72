import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  askForNewPassword,
  changePassword,
  resetPassword,
} from '../../domain/identity/accounts/change-password';
import { sendAccountMail } from '../../domain/identity/accounts/mails';
import { confirmEmail } from '../../domain/identity/accounts/confirm-email';
import { register } from '../../domain/identity/accounts/register';
import { logIn } from '../../domain/identity/accounts/sign-in';
import { changeRights, readUser } from '../../domain/identity/accounts/users';
import { refreshSession } from '../../domain/identity/sessions/sessions';
import { planAccountMail } from '../../domain/notifications/plan';
import { createFileMailer } from '../../integrations/file-mailer/mailer';
import { isAppError } from '../../platform/errors';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';
import {
  accountsOf,
  ADDRESS,
  addCustomer,
  deliver,
  failingAt,
  forgetMails,
  idOf,
  keepingMailer,
  newEmail,
  PASSWORD,
  tokenIn,
  waitingMails,
} from './people';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterAll(() => shop.close());
beforeEach(async () => {
  await shop.db.pool.query('delete from sign_in_attempts');
  await shop.db.pool.query('delete from outbox');
});

const signIn = (email: string, password = PASSWORD) =>
  logIn(accountsOf(shop.db), { email, password, address: ADDRESS });
const registerAs = (email: string, password = PASSWORD) =>
  register(accountsOf(shop.db), { email, name: null, password, address: ADDRESS, actor: null });

const confirm = (token: string, password: string | undefined = PASSWORD, signedIn: string | null = null) =>
  confirmEmail(accountsOf(shop.db), { token, password, signedIn, address: ADDRESS });

const NEW_PASSWORD = 'another password altogether';

describe('registering', () => {
  test('makes a customer who signs in, in any case of the address, and confirms it by mail', async () => {
    const { id, email } = await addCustomer(shop.db);
    await expect(signIn(email.toUpperCase())).resolves.toMatchObject({ userId: id, role: 'customer' });
    const [mail] = await deliver(shop.db);
    expect(mail).toMatchObject({ to: email, subject: 'Confirm your e-mail address' });
    await confirm(tokenIn(mail!));
    await confirm(tokenIn(mail!));
    await expect(readUser(shop.db, id)).resolves.toMatchObject({ emailConfirmed: true, name: 'Ada' });
  });

  test('an address that a stranger has registered is not confirmed by its owner for the stranger', async () => {
    const email = newEmail();
    await registerAs(email, 'the password of a stranger');
    const userId = await idOf(shop.db, email);
    const [mail] = await deliver(shop.db);
    const token = tokenIn(mail!);
    // Its owner clicks, signed in to nothing or to an account of theirs, or with a password of their own.
    const other = await addCustomer(shop.db);
    const unproven = { code: 'CONFIRMATION_UNPROVEN' };
    const click = (signedIn: string | null, password?: string) =>
      confirmEmail(accountsOf(shop.db), { token, password, signedIn, address: ADDRESS });
    await expect(click(null)).rejects.toMatchObject(unproven);
    await expect(click(other.id)).rejects.toMatchObject(unproven);
    await expect(click(null, PASSWORD)).rejects.toMatchObject({ code: 'PASSWORD_NOT_RIGHT' });
    await expect(readUser(shop.db, userId)).resolves.toMatchObject({ emailConfirmed: false });
    // What they can do: the mail says it. The stranger is out.
    const stranger = await signIn(email, 'the password of a stranger');
    await askForNewPassword(shop.db, { email, address: ADDRESS });
    const reset = (await deliver(shop.db)).find(({ subject }) => subject === 'Choose a new password');
    await resetPassword(accountsOf(shop.db), { token: tokenIn(reset!), password: PASSWORD });
    await expect(signIn(email, 'the password of a stranger')).rejects.toMatchObject({
      code: 'SIGN_IN_FAILED',
    });
    await expect(refreshSession(shop.db, stranger.refreshToken, testLogger())).rejects.toMatchObject({
      code: 'SESSION_ENDED',
    });
    await expect(signIn(email)).resolves.toMatchObject({ userId });
  });

  test('who is signed in to the account confirms it without a password', async () => {
    const { id } = await addCustomer(shop.db);
    const token = tokenIn((await deliver(shop.db))[0]!);
    const given = { token, password: undefined, signedIn: id, address: ADDRESS };
    await confirmEmail(accountsOf(shop.db), given);
    await expect(readUser(shop.db, id)).resolves.toMatchObject({ emailConfirmed: true });
  });

  test('tries of a password by the token of a mail are counted as those of a sign-in', async () => {
    await addCustomer(shop.db);
    const token = tokenIn((await deliver(shop.db))[0]!);
    for (let n = 0; n < 5; n++)
      await expect(confirm(token, 'wrong password')).rejects.toMatchObject({ code: 'PASSWORD_NOT_RIGHT' });
    await expect(confirm(token)).rejects.toMatchObject({ code: 'TOO_MANY_ATTEMPTS' });
  });

  test('an address that has an account changes nothing and tells its owner', async () => {
    const { email } = await addCustomer(shop.db);
    await confirm(tokenIn((await deliver(shop.db))[0]!));
    await registerAs(email.toUpperCase(), NEW_PASSWORD);
    await expect(signIn(email, NEW_PASSWORD)).rejects.toMatchObject({ code: 'SIGN_IN_FAILED' });
    await expect(signIn(email)).resolves.toBeDefined();
    const mails = await deliver(shop.db);
    expect(mails.map(({ to, subject }) => ({ to, subject }))).toEqual([
      { to: email, subject: 'You have an account already' },
    ]);
  });

  test('ten times at once an address makes one account', async () => {
    const email = newEmail();
    await Promise.all(Array.from({ length: 10 }, () => registerAs(email)));
    const { rows } = await shop.db.pool.query<{ users: number; profiles: number }>(
      `select (select count(*) from users u where not exists (select from user_profiles p where p.user_id = u.id)) as users,
              (select count(*) from user_profiles where email = $1) as profiles`,
      [email],
    );
    expect(rows[0]).toEqual({ users: 0, profiles: 1 });
    expect(await deliver(shop.db)).toHaveLength(1);
  });

  test.each(['users', 'user_profiles', 'account_mails', 'outbox'])(
    'when the process dies at its write of %s, nothing is left, and registering again is right',
    async (table) => {
      const email = newEmail();
      await expect(
        register(accountsOf(failingAt(shop.db, `insert into ${table} `)), {
          email,
          name: null,
          password: PASSWORD,
          address: null,
          actor: null,
        }),
      ).rejects.toThrow('it died');
      const { rows } = await shop.db.pool.query<{ left: number }>(
        `select (select count(*) from user_profiles where email = $1)
              + (select count(*) from users u where not exists (select from user_profiles p where p.user_id = u.id)) as left`,
        [email],
      );
      expect(rows[0]!.left).toBe(0);
      await registerAs(email);
      await confirm(tokenIn((await deliver(shop.db))[0]!));
      await expect(signIn(email)).resolves.toMatchObject({ userId: await idOf(shop.db, email) });
    },
  );
});

describe('mails', () => {
  test('one that is sent twice has two tokens, of which one is used', async () => {
    const { id } = await addCustomer(shop.db);
    const [mailId] = (await waitingMails(shop.db)).slice(-1);
    const mailer = keepingMailer();
    const send = () => sendAccountMail({ db: shop.db, mailer, pagesUrl: undefined }, mailId!);
    // It was sent, and its process died before it had written that down.
    await send();
    await shop.db.pool.query('update account_mails set sent_at = null where id = $1', [mailId]);
    await send();
    await send();
    const [first, second] = mailer.mails.map(tokenIn);
    expect(mailer.mails.map((mail) => mail.id)).toEqual([mailId, mailId]);
    await forgetMails(shop.db, id, 'reset_password');
    await confirm(first!);
    await confirm(second!);
    const { rows } = await shop.db.pool.query<{ used: number }>(
      'select count(*) as used from account_mails where user_id = $1 and used_at is not null',
      [id],
    );
    expect(rows[0]!.used).toBe(1);
    await deliver(shop.db);
  });

  test('has no text of who registered while nobody has confirmed the address', async () => {
    const email = newEmail();
    const name = 'Buy now at http://spam.example';
    const registered = { email, name, password: PASSWORD, address: null, actor: null };
    await register(accountsOf(shop.db), registered);
    await askForNewPassword(shop.db, { email, address: ADDRESS });
    const mails = await deliver(shop.db);
    expect(mails).toHaveLength(2);
    for (const { subject, text } of mails) expect(`${subject}${text}`).not.toContain('spam');
    await confirm(tokenIn(mails[0]!));
    await register(accountsOf(shop.db), registered);
    expect((await deliver(shop.db))[0]?.text).toContain(name);
  });

  test('waits where no mailer is set up', async () => {
    await addCustomer(shop.db);
    const [mailId] = (await waitingMails(shop.db)).slice(-1);
    await expect(planAccountMail(shop.db, mailId!, { sendsMail: false })).rejects.toMatchObject({
      code: 'MAIL_NOT_SET_UP',
    });
    expect((await shop.db.pool.query('select from mails')).rowCount).toBe(0);
    expect(await deliver(shop.db)).toHaveLength(1);
  });

  test('the token is in neither the outbox nor the database, and only in the fragment of the address', async () => {
    await addCustomer(shop.db);
    const [mailId] = (await waitingMails(shop.db)).slice(-1);
    const mailer = keepingMailer();
    await sendAccountMail({ db: shop.db, mailer, pagesUrl: 'https://shop.example/account/' }, mailId!);
    const [, address, token] = /(https:\/\/\S+)#token=([\w-]+)/.exec(mailer.mails[0]!.text) ?? [];
    expect(address).toBe('https://shop.example/account/confirm-email');
    const { rows } = await shop.db.pool.query<{ found: boolean }>(
      `select exists (select from outbox o where o::text like $1)
           or exists (select from account_tokens t where t::text || encode(t.token_hash, 'escape') like $1) as found`,
      [`%${token}%`],
    );
    expect(rows[0]!.found).toBe(false);
    await deliver(shop.db);
  });

  test('are files for their owner only, whole, and once each', async () => {
    const home = await mkdtemp(join(tmpdir(), 'holdfast-mail-'));
    try {
      const folder = join(home, 'mail');
      const mailer = createFileMailer(folder);
      const mail = { id: 'one', to: 'a@example.com', subject: 'Hello', text: 'first', html: '<p>first</p>' };
      await mailer.send(mail);
      await mailer.send({ ...mail, text: 'second' });
      expect(await readdir(folder)).toEqual(['one.txt']);
      expect(await readFile(join(folder, 'one.txt'), 'utf8')).toBe(
        'To: a@example.com\nSubject: Hello\n\nsecond\n',
      );
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
      expect((await stat(join(folder, 'one.txt'))).mode & 0o777).toBe(0o600);
    } finally {
      await rm(home, { recursive: true });
    }
  });
});

describe('a new password', () => {
  async function resetToken(email: string): Promise<string> {
    await askForNewPassword(shop.db, { email, address: ADDRESS });
    const mail = (await deliver(shop.db)).find(({ subject }) => subject === 'Choose a new password');
    return tokenIn(mail!);
  }

  test('by mail ends every session, confirms the address, and lets in who was held up', async () => {
    const { id, email } = await addCustomer(shop.db);
    const session = await signIn(email);
    for (let n = 0; n < 5; n++) await signIn(email, 'wrong password').catch(() => undefined);
    await expect(signIn(email)).rejects.toMatchObject({ code: 'TOO_MANY_ATTEMPTS' });
    await resetPassword(accountsOf(shop.db), { token: await resetToken(email), password: NEW_PASSWORD });
    await expect(refreshSession(shop.db, session.refreshToken, testLogger())).rejects.toMatchObject({
      code: 'SESSION_ENDED',
    });
    await expect(signIn(email, NEW_PASSWORD)).resolves.toMatchObject({ userId: id });
    await expect(readUser(shop.db, id)).resolves.toMatchObject({ emailConfirmed: true });
    expect((await deliver(shop.db)).map(({ subject }) => subject)).toEqual(['Your password was changed']);
  });

  test('is set by a token once, and by none that has expired, is of another kind or was never sent', async () => {
    const { id, email } = await addCustomer(shop.db);
    const confirmation = tokenIn((await deliver(shop.db))[0]!);
    const token = await resetToken(email);
    const reset = (given: string) =>
      resetPassword(accountsOf(shop.db), { token: given, password: NEW_PASSWORD });
    const refusal = { code: 'MAIL_TOKEN_INVALID' };
    await expect(confirm(token)).rejects.toMatchObject(refusal);
    for (const bad of [confirmation, 'x'.repeat(43), '', '\u0000'])
      await expect(reset(bad)).rejects.toMatchObject(refusal);
    const outcomes = await Promise.allSettled([reset(token), reset(token), reset(token)]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(reset(token)).rejects.toMatchObject(refusal);
    await forgetMails(shop.db, id, 'reset_password');
    const late = await resetToken(email);
    await shop.db.pool.query('update account_tokens set expires_at = now()');
    await expect(reset(late)).rejects.toMatchObject(refusal);
  });

  test('makes the other mails of its kind useless', async () => {
    const { id, email } = await addCustomer(shop.db);
    const first = await resetToken(email);
    await forgetMails(shop.db, id, 'reset_password');
    const second = await resetToken(email);
    await resetPassword(accountsOf(shop.db), { token: second, password: NEW_PASSWORD });
    await expect(
      resetPassword(accountsOf(shop.db), { token: first, password: PASSWORD }),
    ).rejects.toMatchObject({ code: 'MAIL_TOKEN_INVALID' });
  });

  test('of nobody is asked for with the same writes, and no mail; of somebody once a minute', async () => {
    await askForNewPassword(shop.db, { email: newEmail(), address: ADDRESS });
    expect(await waitingMails(shop.db)).toHaveLength(1);
    expect(await deliver(shop.db)).toEqual([]);
    const { email } = await addCustomer(shop.db);
    await Promise.all(
      Array.from({ length: 5 }, () => askForNewPassword(shop.db, { email, address: ADDRESS })),
    );
    const subjects = (await deliver(shop.db)).map(({ subject }) => subject);
    expect(subjects.filter((subject) => subject === 'Choose a new password')).toHaveLength(1);
  });

  test('needs the present one where there is no mail, and ends every session', async () => {
    const { id, email } = await addCustomer(shop.db);
    const { refreshToken } = await signIn(email);
    const change = (current: string) =>
      changePassword(accountsOf(shop.db), id, { current, password: NEW_PASSWORD, address: ADDRESS });
    await expect(change('wrong password')).rejects.toMatchObject({ code: 'PASSWORD_NOT_RIGHT' });
    await change(PASSWORD);
    await expect(refreshSession(shop.db, refreshToken, testLogger())).rejects.toMatchObject({
      code: 'SESSION_ENDED',
    });
    await expect(signIn(email, NEW_PASSWORD)).resolves.toBeDefined();
  });
});

describe('signing in', () => {
  test('says the same of a wrong password, of nobody, and of an account that is disabled', async () => {
    const { id, email } = await addCustomer(shop.db);
    await changeRights(shop.db, id, { actor: 'test', status: 'disabled' });
    const { email: another } = await addCustomer(shop.db);
    const errors = await Promise.all(
      [signIn(email), signIn(newEmail()), signIn(another, 'wrong password')].map((each) =>
        each.then(
          () => null,
          (error: unknown) => (isAppError(error) ? { code: error.code, message: error.message } : error),
        ),
      ),
    );
    expect(errors[0]).toMatchObject({ code: 'SIGN_IN_FAILED' });
    expect(errors[1]).toEqual(errors[0]);
    expect(errors[2]).toEqual(errors[0]);
  });

  test('hashes as often without an account as with one', async () => {
    const { email } = await addCustomer(shop.db);
    const hashed: (string | null)[] = [];
    const counting = {
      db: shop.db,
      passwords: {
        ...accountsOf(shop.db).passwords,
        verify: (hash: string | null) => {
          hashed.push(hash);
          return Promise.resolve(false);
        },
      },
    };
    for (const tried of [email, newEmail()])
      await expect(logIn(counting, { email: tried, password: PASSWORD, address: ADDRESS })).rejects.toThrow();
    expect(hashed).toEqual([expect.stringMatching(/^\$argon2id\$/), null]);
  });
});

test('the last admin is neither disabled nor made anything else, also of two at once', async () => {
  const [a, b] = [await addCustomer(shop.db), await addCustomer(shop.db)];
  for (const { id } of [a, b]) await changeRights(shop.db, id, { actor: 'test', role: 'admin' });
  const outcomes = await Promise.allSettled([
    changeRights(shop.db, a.id, { actor: 'test', role: 'operator' }),
    changeRights(shop.db, b.id, { actor: 'test', status: 'disabled' }),
  ]);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  expect(failed?.reason).toMatchObject({ code: 'LAST_ADMIN' });
});

test('erasing personal values is one statement, and leaves the account without them', async () => {
  const { id, email } = await addCustomer(shop.db);
  await signIn(email);
  await shop.db.query({
    name: 'test.erase',
    text: 'delete from user_profiles where user_id = $1',
    values: [id],
  });
  await expect(readUser(shop.db, id)).resolves.toMatchObject({ email: null, name: null });
  await expect(signIn(email)).rejects.toMatchObject({ code: 'SIGN_IN_FAILED' });
  expect(await deliver(shop.db)).toEqual([]);
});
