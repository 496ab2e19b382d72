import { join } from 'node:path';
import type { Mailer } from '../domain/identity/accounts/types';
import { MAILS_AT_ONCE } from '../domain/notifications/dispatch';
import type { Settings } from '../platform/config';
import { createFileMailer } from './file-mailer/mailer';
import { createSmtpMailer } from './smtp-mailer/mailer';

/**
 * The folder that mails are written to where no SMTP server is set: the one that is set, or that of the home beside its own database.
 * Undefined: none.
 */
export function mailFolderOf({
  SMTP_URL,
  MAIL_FOLDER,
  DATABASE_URL,
  HOLDFAST_HOME,
}: Pick<Settings, 'SMTP_URL' | 'MAIL_FOLDER' | 'DATABASE_URL' | 'HOLDFAST_HOME'>): string | undefined {
  if (SMTP_URL !== undefined) return undefined;
  return MAIL_FOLDER ?? (DATABASE_URL === undefined ? join(HOLDFAST_HOME, 'mail') : undefined);
}

export interface OpenMailer extends Mailer {
  close(): void;
}

/** What delivers mails; null where nothing is set up, so that mails about accounts wait and others are not sent. */
export function openMailer(settings: Settings): OpenMailer | null {
  const { SMTP_URL: url, SMTP_TLS: tls, MAIL_FROM: from } = settings;
  if (url !== undefined && from !== undefined)
    return createSmtpMailer({ url, from, tls, connections: MAILS_AT_ONCE });
  const folder = mailFolderOf(settings);
  return folder === undefined ? null : { ...createFileMailer(folder), close: () => undefined };
}
