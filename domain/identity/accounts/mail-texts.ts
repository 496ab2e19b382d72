import type { Mail, MailKind, TokenKind } from './types';

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
 * @param token what the mail is for; null for a mail without
 * @param pagesUrl of the shop's own pages, which take the token; without it the mail has the token alone
 */
export function mailText(
  kind: MailKind,
  { name, token, pagesUrl }: { name: string | null; token: string | null; pagesUrl: string | undefined },
): Pick<Mail, 'subject' | 'text'> {
  const { subject, lines } = TEXTS[kind];
  const proof = token === null ? [] : [asLink(kind, token, pagesUrl), ''];
  return {
    subject,
    text: [`Hello${name === null ? '' : ` ${name}`},`, '', ...lines, '', ...proof].join('\n'),
  };
}

/** In the fragment, which browsers send to nobody, so that no log has it. */
function asLink(kind: MailKind, token: string, pagesUrl: string | undefined): string {
  if (pagesUrl === undefined) return `Token: ${token}`;
  return `${pagesUrl.replace(/\/$/, '')}/${kind === 'reset_password' ? 'reset-password' : 'confirm-email'}#token=${token}`;
}

const TEXTS: Readonly<Record<MailKind, { subject: string; lines: readonly string[] }>> = {
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
