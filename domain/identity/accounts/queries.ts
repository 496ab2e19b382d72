import { validate } from 'uuid';
import {
  execute,
  many,
  maybeOne,
  type Database,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { listOf } from '../../../platform/database/list-parameter';
import { newestFirst, utcMicros, type PageRequest } from '../../../platform/database/pages';
import type { Locale, User, UserRole, UserStatus } from './types';

const USER = `u.id, p.email, p.pending_email as "pendingEmail", p.name, coalesce(p.locale, 'en') as locale, u.role, u.status,
  u.email_confirmed_at is not null as "emailConfirmed", p.undeliverable_at as "undeliverableSince", u.created_at as "createdAt", u.updated_at as "updatedAt"`;

export interface SignInRow {
  userId: string;
  status: UserStatus;
  passwordHash: string | null;
  emailConfirmed: boolean;
}

/** In any case: addresses differ by it for nobody. */
export function findByEmail(on: Queryable, email: string): Promise<SignInRow | undefined> {
  return maybeOne<SignInRow>(
    on,
    'users.find_by_email',
    `select u.id as "userId", u.status, u.password_hash as "passwordHash", u.email_confirmed_at is not null as "emailConfirmed"
     from user_profiles p join users u on u.id = p.user_id
     where lower(p.email collate "C") = lower($1::text collate "C")`,
    [email],
  );
}

export function findPassword(
  on: Queryable,
  userId: string,
): Promise<{ passwordHash: string | null; email: string | null } | undefined> {
  return maybeOne(
    on,
    'users.find_password',
    `select u.password_hash as "passwordHash", p.email from users u left join user_profiles p on p.user_id = u.id where u.id = $1`,
    [userId],
  );
}

export function findUser(on: Queryable, userId: string): Promise<User | undefined> {
  return maybeOne<User>(
    on,
    'users.find',
    `select ${USER} from users u left join user_profiles p on p.user_id = u.id where u.id = $1`,
    [userId],
  );
}

export function selectUsers(on: Queryable, limit: number): Promise<User[]> {
  return many<User>(
    on,
    'users.newest',
    `select ${USER} from users u left join user_profiles p on p.user_id = u.id
     order by u.created_at desc, u.id desc limit $1`,
    [limit],
  );
}

export interface UserFilter extends PageRequest {
  role?: UserRole | undefined;
  status?: UserStatus | undefined;
  /** What the e-mail address begins with, in any case; or the whole id. */
  text?: string | undefined;
}

export interface UserRow extends User {
  createdAtMicros: string;
}

/** Newest first; one more than asked for, to tell whether there are more. */
export function selectUserPage(db: Database, filter: UserFilter): Promise<UserRow[]> {
  const query = db
    .builder('users as u')
    .leftJoin('user_profiles as p', 'p.user_id', 'u.id')
    .select(db.builder.raw(`${USER}, ${utcMicros('u.created_at')} as "createdAtMicros"`));
  if (filter.role !== undefined) void query.where('u.role', filter.role);
  if (filter.status !== undefined) void query.where('u.status', filter.status);
  if (filter.text !== undefined) {
    const prefix = filter.text.toLowerCase();
    void query.whereRaw(`u.id in (${FOUND_BY_TEXT})`, [
      prefix,
      `${prefix}${LAST_OF_ASCII}`,
      validate(filter.text) ? filter.text : null,
    ]);
  }
  return db.list<UserRow>(newestFirst(query, { time: 'u.created_at', id: 'u.id' }, filter));
}

/** Addresses are ASCII: those that begin with a text sort before the text with this behind it. */
const LAST_OF_ASCII = '\x7f';

const FOUND_BY_TEXT = `
  select e.user_id from user_profiles e
  where lower(e.email collate "C") >= cast(? as text) collate "C" and lower(e.email collate "C") < cast(? as text) collate "C"
  union select cast(? as uuid)`;

export interface NewUserRow {
  userId: string;
  email: string;
  name: string | null;
  locale: Locale;
  role: UserRole;
  passwordHash: string;
  isConfirmed: boolean;
}

/** Returns whether it was added: the address may have an account. The profile comes first, so that of two at once one is refused whole. */
export async function insertUser(tx: Transaction, row: NewUserRow): Promise<boolean> {
  await execute(
    tx,
    'users.insert',
    `insert into users (id, role, password_hash, email_confirmed_at)
     values ($1, $2, $3, case when $4 then clock_timestamp() end)`,
    [row.userId, row.role, row.passwordHash, row.isConfirmed],
  );
  const added = await execute(
    tx,
    'user_profiles.insert',
    `insert into user_profiles (user_id, email, name, locale) values ($1, $2, $3, $4)
     on conflict ((lower(email collate "C"))) do nothing`,
    [row.userId, row.email, row.name, row.locale],
  );
  if (added === 0) await execute(tx, 'users.take_back', 'delete from users where id = $1', [row.userId]);
  return added > 0;
}

/** Returns whether it was set. `instead`: only where the account has this hash. */
export async function setPassword(
  tx: Transaction,
  userId: string,
  passwordHash: string,
  instead: string | null,
): Promise<boolean> {
  const set = await execute(
    tx,
    'users.set_password',
    `update users set password_hash = $2, updated_at = clock_timestamp()
     where id = $1 and ($3::text is null or password_hash = $3)`,
    [userId, passwordHash, instead],
  );
  return set > 0;
}

/** A token that came by mail also proves the address, and that it takes mail. */
export async function setConfirmed(tx: Transaction, userId: string): Promise<void> {
  await execute(
    tx,
    'user_profiles.set_deliverable',
    `update user_profiles set undeliverable_at = null, undeliverable_reason = null
     where user_id = $1 and undeliverable_at is not null`,
    [userId],
  );
  await execute(
    tx,
    'users.set_confirmed',
    `update users set email_confirmed_at = coalesce(email_confirmed_at, clock_timestamp()), updated_at = clock_timestamp()
     where id = $1`,
    [userId],
  );
}

/** Of somebody whose personal values another provider has. */
export async function insertUnnamed(tx: Transaction, userId: string): Promise<void> {
  await execute(tx, 'users.insert_unnamed', 'insert into users (id) values ($1)', [userId]);
}

/** Returns what they were called before; undefined: they have no profile. */
export async function setName(
  tx: Transaction,
  userId: string,
  name: string | null,
): Promise<{ name: string | null; secondsAgo: number | null } | undefined> {
  const before = await maybeOne<{ name: string | null; secondsAgo: number | null }>(
    tx,
    'user_profiles.set_name',
    `update user_profiles
     set name = $2, renamed_at = case when name is distinct from $2 then clock_timestamp() else renamed_at end
     where user_id = $1
     returning old.name, extract(epoch from clock_timestamp() - old.renamed_at)::float8 as "secondsAgo"`,
    [userId, name],
  );
  await execute(tx, 'users.touch', 'update users set updated_at = clock_timestamp() where id = $1', [userId]);
  return before;
}

/** Returns the language before; undefined: it was this one already, or they have no profile. */
export function setLocale(
  tx: Transaction,
  userId: string,
  locale: Locale,
): Promise<{ locale: Locale } | undefined> {
  return maybeOne<{ locale: Locale }>(
    tx,
    'user_profiles.set_locale',
    'update user_profiles set locale = $2 where user_id = $1 and locale <> $2 returning old.locale',
    [userId, locale],
  );
}

export async function setRights(
  tx: Transaction,
  userId: string,
  { role, status }: { role: UserRole; status: UserStatus },
): Promise<void> {
  await execute(
    tx,
    'users.set_rights',
    'update users set role = $2, status = $3, updated_at = clock_timestamp() where id = $1',
    [userId, role, status],
  );
}

/** The id of a user who is an active admin now; of people of a provider, whose roles are in their tokens, who is active. */
export function selectAdmin(on: Queryable, userId: string): Promise<{ id: string } | undefined> {
  return maybeOne<{ id: string }>(
    on,
    'users.admin',
    `select id from users u where id = $1 and status = 'active'
       and (role = 'admin' or exists (select from user_identities i where i.user_id = u.id))`,
    [userId],
  );
}

/** Of these users those whose accounts are not disabled. */
export function selectActiveUsers(on: Queryable, ids: readonly string[]): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    on,
    'users.active',
    `select id from users where id = any (${listOf(1, 'uuid')}) and status = 'active'`,
    [ids],
  );
}

export interface RightsRow {
  userId: string;
  role: UserRole;
  status: UserStatus;
}

/** Locks the user and all admins that could remain, in the order of their ids. */
export function lockRights(tx: Transaction, userId: string): Promise<RightsRow[]> {
  return many(
    tx,
    'users.lock_rights',
    `select id as "userId", role, status from users
     where id = $1 or (role = 'admin' and status = 'active') order by id for update`,
    [userId],
  );
}
