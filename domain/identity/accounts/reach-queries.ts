import {
  execute,
  many,
  maybeOne,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import type { Locale, UserRole } from './types';

/** Where and how somebody is written to. */
export interface Reach {
  email: string;
  name: string | null;
  locale: Locale;
  role: UserRole;
}

/** Of people who are active, whose address is confirmed, and not known to take no mail. */
export function selectReach(on: Queryable, userId: string): Promise<Reach | undefined> {
  return maybeOne<Reach & Record<string, unknown>>(
    on,
    'user_profiles.reach',
    `select p.email, p.name, p.locale, u.role from users u join user_profiles p on p.user_id = u.id
     where u.id = $1 and u.status = 'active' and u.email_confirmed_at is not null and p.undeliverable_at is null`,
    [userId],
  );
}

export function selectLocale(on: Queryable, userId: string): Promise<{ locale: Locale } | undefined> {
  return maybeOne<{ locale: Locale }>(
    on,
    'user_profiles.locale',
    'select locale from user_profiles where user_id = $1',
    [userId],
  );
}

export function selectStaff(on: Queryable): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    on,
    'users.staff',
    `select id from users where role in ('operator', 'admin') and status = 'active' order by id`,
    [],
  );
}

/** Returns how many were marked: none where it is no longer their address. */
export function setUndeliverable(
  tx: Transaction,
  { userId, addressHash, reason }: { userId: string; addressHash: Buffer; reason: string },
): Promise<number> {
  return execute(
    tx,
    'user_profiles.set_undeliverable',
    `update user_profiles set undeliverable_at = clock_timestamp(), undeliverable_reason = $3
     where user_id = $1 and sha256(convert_to(lower(email collate "C"), 'UTF8')) = $2 and undeliverable_at is null`,
    [userId, addressHash, reason],
  );
}
