import {
  execute,
  many,
  maybeOne,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';

/** Deletes somebody's personal values and password; returns the e-mail address that they had, null where they had none or were erased. */
export async function deleteProfile(tx: Transaction, userId: string): Promise<string | null> {
  const profile = await maybeOne<{ email: string }>(
    tx,
    'user_profiles.delete',
    'delete from user_profiles where user_id = $1 returning email',
    [userId],
  );
  return profile?.email ?? null;
}

/** A user of whom nothing is left but what they did: nobody signs in as them. */
export async function setErased(tx: Transaction, userId: string): Promise<void> {
  await execute(
    tx,
    'users.set_erased',
    `update users set status = 'disabled', password_hash = null, email_confirmed_at = null,
       erased_at = coalesce(erased_at, clock_timestamp()), updated_at = clock_timestamp()
     where id = $1`,
    [userId],
  );
}

/** Tokens of mails that were sent: none is good any more. */
export async function deleteTokens(tx: Transaction, userId: string): Promise<void> {
  await execute(
    tx,
    'account_tokens.delete_of_user',
    'delete from account_tokens where mail_id in (select id from account_mails where user_id = $1)',
    [userId],
  );
}

export function selectMails(on: Queryable, userId: string): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    on,
    'account_mails.of_user',
    'select id from account_mails where user_id = $1',
    [userId],
  );
}

export async function deleteMailsOf(tx: Transaction, userId: string): Promise<void> {
  await execute(tx, 'account_mails.delete_of_user', 'delete from account_mails where user_id = $1', [userId]);
}
