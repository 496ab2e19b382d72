import type { Database, Queryable, Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { newId } from '../../../platform/ids';
import { newToken } from '../secret-token';
import { forgetFormer } from './email-queries';
import { findMail, insertMail, insertToken, setGivenUp, setSent } from './mail-queries';
import { hasToken, mailText, TOKEN_SECONDS } from './mail-texts';
import type { Mailer, MailKind } from './types';

/** Nobody gets two mails of the same kind within so many seconds, whoever asks for them. */
export const APART_SECONDS = 60;

/** Asks for a mail in the transaction of what it is about. `userId` null: nobody gets it, and it takes as long. */
export async function askForMail(
  tx: Transaction,
  userId: string | null,
  kind: MailKind,
  { id = newId(), apartSeconds = APART_SECONDS }: { id?: string; apartSeconds?: number } = {},
): Promise<void> {
  if (await insertMail(tx, { id, userId, kind }, apartSeconds))
    await enqueue(tx, [{ topic: 'account-mail.send', key: id }]);
}

/**
 * Sends a mail that was asked for. Its token is made now, and only its hash is kept. Sent again it has a token of its own, and either is
 * good, once.
 *
 * @returns `nobody` where nobody is to get it: they were erased, or their address is known to take no mail
 * @throws what the mailer does
 */
export async function sendAccountMail(
  { db, mailer, pagesUrl }: { db: Database; mailer: Pick<Mailer, 'send'>; pagesUrl: string | undefined },
  mailId: string,
): Promise<'sent' | 'sent_before' | 'nobody'> {
  const mail = await findMail(db, mailId);
  if (mail?.isSent) return 'sent_before';
  // Without an address there is nobody to tell.
  if (!mail || mail.isGivenUp || mail.email === null) return 'nobody';
  const { kind, email, name, locale } = mail;
  const token = hasToken(kind) ? await makeToken(db, mailId, TOKEN_SECONDS[kind]) : null;
  await mailer.send({ id: mailId, to: email, ...mailText(kind, { name, token, pagesUrl, locale }) });
  await setSent(db, mailId);
  if (kind === 'email_changed') await forgetFormer(db, mailId);
  return 'sent';
}

/** Whose mail this is, where it is still to be sent to somebody; null: it is not. */
export async function readerOfMail(on: Queryable, mailId: string): Promise<string | null> {
  const mail = await findMail(on, mailId);
  return mail && !mail.isSent && !mail.isGivenUp && mail.email !== null ? mail.userId : null;
}

/** Nothing more is tried: no server has taken a mail for days, one has refused it, or there is nobody to get it. Of one that was sent nothing. */
export async function giveUpMail(tx: Transaction, mailId: string): Promise<void> {
  await setGivenUp(tx, mailId);
  await forgetFormer(tx, mailId);
}

async function makeToken(db: Database, mailId: string, seconds: number): Promise<string> {
  const { token, hash } = newToken();
  await insertToken(db, { hash, mailId, seconds });
  return token;
}
