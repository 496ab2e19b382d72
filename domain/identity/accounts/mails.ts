import type { Database, Transaction } from '../../../platform/database/database';
import { enqueue } from '../../../platform/database/outbox';
import { AppError } from '../../../platform/errors';
import { newId } from '../../../platform/ids';
import { hashOfToken, newToken } from '../secret-token';
import { forgetFormer } from './email-queries';
import { findMail, insertMail, insertToken, setSent } from './mail-queries';
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
 * @param mailer null where none is set up
 * @throws AppError `MAIL_NOT_SET_UP` where there is no mailer: the message waits for one
 */
export async function sendAccountMail(
  { db, mailer, pagesUrl }: { db: Database; mailer: Mailer | null; pagesUrl: string | undefined },
  mailId: string,
): Promise<void> {
  const mail = await findMail(db, mailId);
  // Without an address there is nobody to tell.
  if (!mail || mail.isSent || mail.email === null) return;
  if (mailer === null) throw new AppError('MAIL_NOT_SET_UP', 'Mails about accounts wait: set MAIL_FOLDER.');
  const { kind, email, name } = mail;
  const token = hasToken(kind) ? await makeToken(db, mailId, TOKEN_SECONDS[kind]) : null;
  await mailer.send({ id: mailId, to: email, ...mailText(kind, { name, token, pagesUrl }) });
  await setSent(db, mailId);
  if (kind === 'email_changed') await forgetFormer(db, mailId);
}

async function makeToken(db: Database, mailId: string, seconds: number): Promise<string> {
  const token = newToken();
  const hash = hashOfToken(token);
  if (hash === null) throw new Error('a new token is not of the shape of tokens');
  await insertToken(db, { hash, mailId, seconds });
  return token;
}
