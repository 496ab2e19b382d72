import { asHtml, asText, type Letter } from '../../../platform/letter';
import type { Locale, Mail, MailKind, TokenKind } from './types';

/** How long a token in a mail is good, seconds. */
export const TOKEN_SECONDS: Readonly<Record<TokenKind, number>> = {
  confirm_email: 7 * 86_400,
  reset_password: 3_600,
  change_email: 86_400,
};

/** Whether a mail of this kind has a token. */
export function hasToken(kind: MailKind): kind is TokenKind {
  return kind in TOKEN_SECONDS;
}

/**
 * The words of a mail.
 *
 * @param about.token what the mail is for; null for a mail without
 * @param about.pagesUrl of the shop's own pages, which take the token; without it the mail has the token alone
 */
export function mailText(
  kind: MailKind,
  about: { name: string | null; token: string | null; pagesUrl: string | undefined; locale: Locale },
): Pick<Mail, 'subject' | 'text' | 'html'> {
  const { name, token, pagesUrl, locale } = about;
  const { subject, lines } = TEXTS[locale][kind];
  const letter: Letter = {
    subject,
    greeting: greet(locale, name),
    paragraphs: lines,
    ...(token === null ? {} : { link: linkOf(kind, token, { pagesUrl, action: subject }) }),
  };
  return { subject, text: asText(letter), html: asHtml(letter, locale) };
}

/** How a mail begins. */
export function greet(locale: Locale, name: string | null): string {
  return `${locale === 'de' ? 'Guten Tag' : 'Hello'}${name === null ? '' : ` ${name}`},`;
}

/** The token is in the fragment, which browsers send to nobody, so that no log has it. */
function linkOf(
  kind: MailKind,
  token: string,
  { pagesUrl, action }: { pagesUrl: string | undefined; action: string },
): { label: string; url: string } {
  if (pagesUrl === undefined) return { label: 'Token', url: token };
  const page = kind === 'reset_password' ? 'reset-password' : 'confirm-email';
  return { label: action, url: `${pagesUrl.replace(/\/$/, '')}/${page}#token=${token}` };
}

interface Text {
  subject: string;
  lines: readonly string[];
}

const ENGLISH: Readonly<Record<MailKind, Text>> = {
  confirm_email: {
    subject: 'Confirm your e-mail address',
    lines: [
      'an account was registered with this e-mail address. Confirm within 7 days that the address is yours, with your password.',
      'If you have not registered, do nothing: it was somebody else. If you do not know the password, ask for a new one.',
    ],
  },
  reset_password: {
    subject: 'Choose a new password',
    lines: [
      'a new password was asked for. Choose it within an hour; everywhere else you are then signed out.',
      'If you have not asked for it, do nothing: your password stays.',
    ],
  },
  change_email: {
    subject: 'Confirm your new e-mail address',
    lines: [
      'an account is to have this e-mail address. Confirm within a day that the address is yours, with the password of the account.',
      'If you have not asked for it, do nothing: it was somebody else.',
    ],
  },
  account_exists: {
    subject: 'You have an account already',
    lines: [
      'somebody wanted to use this e-mail address for an account, and it has one already. Nothing was changed.',
      'If it was you, sign in with your password, or ask for a new one.',
    ],
  },
  password_changed: {
    subject: 'Your password was changed',
    lines: [
      'the password of your account was changed, and you are signed out everywhere.',
      'If it was not you, ask for a new password at once.',
    ],
  },
  email_changed: {
    subject: 'Your e-mail address was changed',
    lines: [
      'your account has another e-mail address now, which was confirmed by who knows its password.',
      'If it was not you, tell those who run the shop at once.',
    ],
  },
};

const GERMAN: Readonly<Record<MailKind, Text>> = {
  confirm_email: {
    subject: 'Bestätigen Sie Ihre E-Mail-Adresse',
    lines: [
      'mit dieser E-Mail-Adresse wurde ein Konto angelegt. Bestätigen Sie innerhalb von 7 Tagen mit Ihrem Passwort, dass die Adresse Ihnen gehört.',
      'Wenn Sie kein Konto angelegt haben, tun Sie nichts: Es war jemand anderes. Wenn Sie das Passwort nicht kennen, fordern Sie ein neues an.',
    ],
  },
  reset_password: {
    subject: 'Wählen Sie ein neues Passwort',
    lines: [
      'ein neues Passwort wurde angefordert. Wählen Sie es innerhalb einer Stunde; überall sonst werden Sie dann abgemeldet.',
      'Wenn Sie es nicht angefordert haben, tun Sie nichts: Ihr Passwort bleibt.',
    ],
  },
  change_email: {
    subject: 'Bestätigen Sie Ihre neue E-Mail-Adresse',
    lines: [
      'ein Konto soll diese E-Mail-Adresse bekommen. Bestätigen Sie innerhalb eines Tages mit dem Passwort des Kontos, dass die Adresse Ihnen gehört.',
      'Wenn Sie das nicht wollten, tun Sie nichts: Es war jemand anderes.',
    ],
  },
  account_exists: {
    subject: 'Sie haben schon ein Konto',
    lines: [
      'jemand wollte diese E-Mail-Adresse für ein Konto verwenden, und sie hat schon eines. Nichts wurde geändert.',
      'Wenn Sie es waren, melden Sie sich mit Ihrem Passwort an, oder fordern Sie ein neues an.',
    ],
  },
  password_changed: {
    subject: 'Ihr Passwort wurde geändert',
    lines: [
      'das Passwort Ihres Kontos wurde geändert, und Sie sind überall abgemeldet.',
      'Wenn Sie es nicht waren, fordern Sie sofort ein neues Passwort an.',
    ],
  },
  email_changed: {
    subject: 'Ihre E-Mail-Adresse wurde geändert',
    lines: [
      'Ihr Konto hat jetzt eine andere E-Mail-Adresse. Sie wurde von jemandem bestätigt, der das Passwort kennt.',
      'Wenn Sie es nicht waren, wenden Sie sich sofort an den Betreiber des Shops.',
    ],
  },
};

const TEXTS: Readonly<Record<Locale, Readonly<Record<MailKind, Text>>>> = { en: ENGLISH, de: GERMAN };
