import { randomBytes } from 'node:crypto';
import { sendAccountMail } from '../../domain/identity/accounts/mails';
import { passwords } from '../../domain/identity/accounts/passwords';
import { register } from '../../domain/identity/accounts/register';
import type { AccountDeps } from '../../domain/identity/accounts/sign-in';
import type { Mail, MailKind, Mailer } from '../../domain/identity/accounts/types';
import type { Database, Transaction } from '../../platform/database/database';

export const PASSWORD = 'correct horse battery staple';
/** Where those who try come from, unless a test is about that. */
export const ADDRESS = '192.0.2.1';

export const accountsOf = (db: Database): AccountDeps => ({ db, passwords });

/** An address that nobody else in the test has. */
export const newEmail = () => `p${randomBytes(6).toString('hex')}@example.com`;

/** Registers a customer and returns their id. */
export async function addCustomer(db: Database, email = newEmail()): Promise<{ id: string; email: string }> {
  await register(accountsOf(db), { email, name: 'Ada', password: PASSWORD, address: null, actor: null });
  return { id: await idOf(db, email), email };
}

export async function idOf(db: Database, email: string): Promise<string> {
  const { rows } = await db.pool.query<{ user_id: string }>(
    'select user_id from user_profiles where email = $1',
    [email],
  );
  return rows[0]!.user_id;
}

/** A mailer that keeps what it is given. */
export function keepingMailer(): Mailer & { mails: Mail[] } {
  const mails: Mail[] = [];
  return {
    mails,
    send(mail) {
      mails.push(mail);
      return Promise.resolve();
    },
    withdraw(mailId) {
      const at = mails.findIndex(({ id }) => id === mailId);
      if (at >= 0) mails.splice(at, 1);
      return Promise.resolve();
    },
  };
}

/** Ids of mails that wait in the outbox, oldest first. */
export async function waitingMails(db: Database): Promise<string[]> {
  const { rows } = await db.pool.query<{ key: string }>(
    `select key from outbox where topic = 'account-mail.send' order by id`,
  );
  return rows.map(({ key }) => key);
}

/** Sends what waits, as the relay does, and returns the mails. */
export async function deliver(db: Database): Promise<Mail[]> {
  const mailer = keepingMailer();
  for (const id of await waitingMails(db)) {
    await sendAccountMail({ db, mailer, pagesUrl: undefined }, id);
    await db.pool.query('delete from outbox where key = $1', [id]);
  }
  return mailer.mails;
}

export function tokenIn({ text }: Pick<Mail, 'text'>): string {
  const [, token] = /Token: ([\w-]{43})/.exec(text) ?? [];
  if (token === undefined) throw new Error(`no token in: ${text}`);
  return token;
}

/** Lets a user get another mail of a kind at once. */
export async function forgetMails(db: Database, userId: string, kind: MailKind): Promise<void> {
  await db.pool.query(
    `update account_mails set created_at = created_at - interval '1 hour' where user_id = $1 and kind = $2`,
    [userId, kind],
  );
}

/** A database whose connection is lost at the first statement that has this text. */
export function failingAt(db: Database, text: string): Database {
  const dying = (tx: Transaction): Transaction => ({
    ...tx,
    query: (statement) =>
      statement.text.includes(text) ? Promise.reject(new Error('it died')) : tx.query(statement),
  });
  return { ...db, retrying: (work, limits) => db.retrying((tx) => work(dying(tx)), limits) };
}
