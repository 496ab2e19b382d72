import type { Role } from '../types';

/** Roles of people. */
export const USER_ROLES = ['customer', 'operator', 'admin'] as const satisfies readonly Role[];
export type UserRole = (typeof USER_ROLES)[number];

/** `disabled`: nobody signs in as this user any more. */
export const USER_STATUSES = ['active', 'disabled'] as const;
export type UserStatus = (typeof USER_STATUSES)[number];

/** Languages in which people are written to. */
export const LOCALES = ['en', 'de'] as const;
export type Locale = (typeof LOCALES)[number];

/**
 * Mails about an account. `account_exists`: somebody registers an address that has an account, or wants to have it; `password_changed`, and
 * `email_changed` to the address before: for its owner to notice what they did not do.
 */
export const MAIL_KINDS = [
  'confirm_email',
  'reset_password',
  'change_email',
  'account_exists',
  'password_changed',
  'email_changed',
] as const;
export type MailKind = (typeof MAIL_KINDS)[number];

/** What a token in a mail is good for. */
export type TokenKind = Extract<MailKind, 'confirm_email' | 'reset_password' | 'change_email'>;

/** A person as they and administrators see them. Without e-mail address: erased, or of another provider. */
export interface User {
  id: string;
  email: string | null;
  /** The address that takes its place once it is confirmed; null: none is to. */
  pendingEmail: string | null;
  name: string | null;
  locale: Locale;
  role: UserRole;
  status: UserStatus;
  emailConfirmed: boolean;
  /** Since when the address is known to take no mail; null: it is not. */
  undeliverableSince: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

/** A mail as it is sent. `id`: the same mail again has the same. */
export interface Mail {
  id: string;
  to: string;
  /** One line. */
  subject: string;
  text: string;
  html: string;
}

/** What delivers mails. A mail with an id that was delivered before may be delivered again. */
export interface Mailer {
  /** @throws `MailRefused` where a server does not take it and says for whose sake; else it may be tried again */
  send(mail: Mail): Promise<void>;
  /** Removes a mail from where it waits to be sent on. What was sent on is out of reach. Again, or of none, it does nothing. */
  withdraw(mailId: string): Promise<void>;
}

/** A mail that is not taken, and will not be: `ofAddress` where the address takes none, else because of what it says. */
export class MailRefused extends Error {
  override readonly name = 'MailRefused';

  constructor(
    message: string,
    readonly ofAddress: boolean,
  ) {
    super(message);
  }
}

/** Hashes passwords. Both may wait for their turn: a hash takes a processor and 19 MiB for some 30 ms. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** Takes as long without a hash, and is then false. */
  verify(hash: string | null, password: string): Promise<boolean>;
}

declare module '../../../platform/database/outbox' {
  interface OutboxTopics {
    'account-mail.send': 'mailId';
  }
}
