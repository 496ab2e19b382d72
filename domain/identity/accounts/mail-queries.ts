import { execute, maybeOne, type Queryable, type Transaction } from '../../../platform/database/database';
import type { Locale, MailKind, TokenKind } from './types';

/** Returns whether it was added: one of the same kind that was asked for just now is enough. */
export async function insertMail(
  tx: Transaction,
  mail: { id: string; userId: string | null; kind: MailKind },
  apartSeconds: number,
): Promise<boolean> {
  // Requests for one user at the same time wait for each other, so that they see each other's mail.
  await maybeOne(tx, 'account_mails.lock_user', 'select from users where id = $1 for no key update', [
    mail.userId,
  ]);
  const added = await execute(
    tx,
    'account_mails.insert',
    `insert into account_mails (id, user_id, kind)
     select $1, $2, $3 where not exists (
       select from account_mails
       where user_id = $2 and kind = $3 and created_at > clock_timestamp() - make_interval(secs => $4))`,
    [mail.id, mail.userId, mail.kind, apartSeconds],
  );
  return added > 0;
}

export interface MailRow {
  userId: string | null;
  kind: MailKind;
  isSent: boolean;
  isGivenUp: boolean;
  /**
   * Null: nobody has the address, their personal values were erased, another address was asked for since, or it is known to take no mail
   * and this is not what its owner has asked for to show that it does.
   */
  email: string | null;
  locale: Locale;
  /** Null too where the address is not known to be theirs: whoever registered it may have chosen the name for whom it is sent to. */
  name: string | null;
}

export function findMail(on: Queryable, mailId: string): Promise<MailRow | undefined> {
  return maybeOne<MailRow>(
    on,
    'account_mails.find',
    `select m.user_id as "userId", m.kind, m.sent_at is not null as "isSent", m.given_up_at is not null as "isGivenUp",
            coalesce(p.locale, 'en') as locale,
            case m.kind when 'change_email' then case when p.pending_mail_id = m.id then p.pending_email end
              when 'email_changed' then p.former_email
              else case when p.undeliverable_at is null or m.kind in ('confirm_email', 'reset_password') then p.email end end as email,
            case when m.kind not in ('change_email', 'email_changed') and u.email_confirmed_at is not null then p.name end as name
     from account_mails m left join users u on u.id = m.user_id left join user_profiles p on p.user_id = m.user_id where m.id = $1`,
    [mailId],
  );
}

export async function insertToken(
  on: Queryable,
  { hash, mailId, seconds }: { hash: Buffer; mailId: string; seconds: number },
): Promise<void> {
  await execute(
    on,
    'account_tokens.insert',
    `insert into account_tokens (token_hash, mail_id, expires_at) values ($1, $2, clock_timestamp() + make_interval(secs => $3))`,
    [hash, mailId, seconds],
  );
}

export async function setSent(on: Queryable, mailId: string): Promise<void> {
  await execute(
    on,
    'account_mails.set_sent',
    'update account_mails set sent_at = coalesce(sent_at, clock_timestamp()) where id = $1',
    [mailId],
  );
}

export async function setGivenUp(tx: Transaction, mailId: string): Promise<void> {
  await execute(
    tx,
    'account_mails.set_given_up',
    'update account_mails set given_up_at = coalesce(given_up_at, clock_timestamp()) where id = $1 and sent_at is null',
    [mailId],
  );
}

/** Uses the mail of a token, once, and returns whose it is. Other mails of the kind that the user has are used with it. */
export async function useToken(tx: Transaction, hash: Buffer, kind: TokenKind): Promise<string | undefined> {
  const used = await maybeOne<{ userId: string }>(
    tx,
    'account_mails.use',
    `update account_mails m set used_at = clock_timestamp()
     from account_tokens t
     where t.token_hash = $1 and t.expires_at > clock_timestamp() and m.id = t.mail_id and m.kind = $2 and m.used_at is null
     returning m.user_id as "userId"`,
    [hash, kind],
  );
  if (used) await useOthers(tx, used.userId, kind);
  return used?.userId;
}

/** Uses every mail of a kind that somebody has: their tokens are good no more. */
export async function useOthers(tx: Transaction, userId: string, kind: TokenKind): Promise<void> {
  await execute(
    tx,
    'account_mails.use_others',
    'update account_mails set used_at = clock_timestamp() where user_id = $1 and kind = $2 and used_at is null',
    [userId, kind],
  );
}

export interface TokenRow {
  userId: string;
  /** It can still be used. */
  isGood: boolean;
}

/** A token that has not expired, used or not. */
export function findToken(on: Queryable, hash: Buffer, kind: TokenKind): Promise<TokenRow | undefined> {
  return maybeOne<TokenRow>(
    on,
    'account_tokens.find',
    `select m.user_id as "userId", m.used_at is null as "isGood"
     from account_tokens t join account_mails m on m.id = t.mail_id
     where t.token_hash = $1 and m.kind = $2 and t.expires_at > clock_timestamp()`,
    [hash, kind],
  );
}
