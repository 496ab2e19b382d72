import { join } from 'node:path';
import type { Mailer } from '../domain/identity/accounts/types';
import type { Settings } from '../platform/config';
import { createFileMailer } from './file-mailer/mailer';

/** The folder that mails are written to: the one that is set, or that of the home beside its own database. Undefined: none. */
export function mailFolderOf({
  MAIL_FOLDER,
  DATABASE_URL,
  HOLDFAST_HOME,
}: Pick<Settings, 'MAIL_FOLDER' | 'DATABASE_URL' | 'HOLDFAST_HOME'>): string | undefined {
  return MAIL_FOLDER ?? (DATABASE_URL === undefined ? join(HOLDFAST_HOME, 'mail') : undefined);
}

/** What delivers mails; null where nothing is set up, so that they wait. */
export function openMailer(settings: Settings): Mailer | null {
  const folder = mailFolderOf(settings);
  return folder === undefined ? null : createFileMailer(folder);
}
