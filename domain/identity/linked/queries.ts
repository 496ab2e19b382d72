import { execute, maybeOne, type Queryable, type Transaction } from '../../../platform/database/database';

export function findLinked(
  on: Queryable,
  { issuer, subject }: { issuer: string; subject: string },
): Promise<{ userId: string; status: string } | undefined> {
  return maybeOne(
    on,
    'user_identities.find',
    `select u.id as "userId", u.status from user_identities i join users u on u.id = i.user_id
     where i.issuer = $1 and i.subject = $2`,
    [issuer, subject],
  );
}

/** Returns whether it was linked: another request of the same person may have come first. */
export async function insertLink(
  tx: Transaction,
  { issuer, subject, userId }: { issuer: string; subject: string; userId: string },
): Promise<boolean> {
  const added = await execute(
    tx,
    'user_identities.insert',
    'insert into user_identities (issuer, subject, user_id) values ($1, $2, $3) on conflict do nothing',
    [issuer, subject, userId],
  );
  return added > 0;
}

export async function deleteLinks(tx: Transaction, userId: string): Promise<void> {
  await execute(tx, 'user_identities.delete', 'delete from user_identities where user_id = $1', [userId]);
}

/** SHA-256 of issuer and subject, two SQL expressions. */
const hashOf = (issuer: string, subject: string) =>
  `sha256(convert_to(json_build_array(${issuer}, ${subject})::text, 'UTF8'))`;

/** Remembers, by hashes only, that who is linked to a user stays out. */
export async function refuseLinks(tx: Transaction, userId: string): Promise<void> {
  await execute(
    tx,
    'refused_identities.insert',
    `insert into refused_identities (hash) select ${hashOf('issuer', 'subject')} from user_identities where user_id = $1
     on conflict do nothing`,
    [userId],
  );
}

export async function isRefused(
  on: Queryable,
  { issuer, subject }: { issuer: string; subject: string },
): Promise<boolean> {
  const found = await maybeOne(
    on,
    'refused_identities.find',
    `select from refused_identities where hash = ${hashOf('$1::text', '$2::text')}`,
    [issuer, subject],
  );
  return found !== undefined;
}
