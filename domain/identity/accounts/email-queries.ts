import { execute, maybeOne, type Queryable, type Transaction } from '../../../platform/database/database';

/**
 * Notes the address that somebody wants to have, in place of another that they wanted; null: none. Returns false where one was noted
 * within `apartSeconds`.
 */
export async function setPending(
  tx: Transaction,
  userId: string,
  pending: { email: string; mailId: string; apartSeconds: number } | null,
): Promise<boolean> {
  const set = await execute(
    tx,
    'user_profiles.set_pending',
    `update user_profiles
     set pending_email = $2, pending_mail_id = $3, pending_at = case when $2::text is null then pending_at else clock_timestamp() end
     where user_id = $1
       and ($2::text is null or pending_at is null or pending_at <= clock_timestamp() - make_interval(secs => $4))`,
    [userId, pending?.email ?? null, pending?.mailId ?? null, pending?.apartSeconds ?? 0],
  );
  return set > 0;
}

/** Makes the address that is to be confirmed by this mail somebody's address. Returns both; undefined: it was not to be confirmed by it. */
export function takePending(
  tx: Transaction,
  userId: string,
  mailId: string,
): Promise<{ former: string; email: string } | undefined> {
  return maybeOne<{ former: string; email: string }>(
    tx,
    'user_profiles.take_pending',
    `update user_profiles set former_email = email, email = pending_email, pending_email = null, pending_mail_id = null,
       undeliverable_at = null, undeliverable_reason = null
     where user_id = $1 and pending_mail_id = $2 and pending_email is not null
     returning former_email as former, email`,
    [userId, mailId],
  );
}

/** Forgets the address that somebody had before, of whom this mail is. */
export async function forgetFormer(on: Queryable, mailId: string): Promise<void> {
  await execute(
    on,
    'user_profiles.forget_former',
    `update user_profiles set former_email = null
     where user_id = (select user_id from account_mails where id = $1 and kind = 'email_changed')`,
    [mailId],
  );
}

/** A token by which an address is confirmed, of a mail that has not expired. */
export interface ConfirmationRow {
  userId: string;
  mailId: string;
  kind: 'confirm_email' | 'change_email';
  emailConfirmed: boolean;
}

export function findConfirmation(on: Queryable, hash: Buffer): Promise<ConfirmationRow | undefined> {
  return maybeOne<ConfirmationRow>(
    on,
    'account_tokens.find_confirmation',
    `select m.user_id as "userId", m.id as "mailId", m.kind, u.email_confirmed_at is not null as "emailConfirmed"
     from account_tokens t join account_mails m on m.id = t.mail_id join users u on u.id = m.user_id
     where t.token_hash = $1 and m.kind in ('confirm_email', 'change_email') and t.expires_at > clock_timestamp()`,
    [hash],
  );
}
