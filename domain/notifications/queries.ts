import {
  execute,
  many,
  maybeOne,
  one,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../platform/database/pages';
import type { Channel, NotificationKind, NotificationView, PreferenceChange } from './types';

const NOTIFICATION = `n.id, n.kind, json_build_object('type', n.subject_type, 'id', n.subject_id) as subject, n.data,
  ${utc('n.created_at')} as "createdAt", ${utc('n.read_at')} as "readAt", ${utcMicros('n.created_at')} as "createdAtMicros"`;

export type NotificationRow = Omit<NotificationView, 'title'> & { createdAtMicros: string };

/** What somebody is told of: notifications of other kinds are of what they were before. */
export interface Readable {
  userId: string;
  kinds: readonly NotificationKind[];
}

export interface NotificationFilter extends PageRequest, Readable {
  unread: boolean;
}

/** Newest first; one more than asked for. */
export function selectPage(db: Database, filter: NotificationFilter): Promise<NotificationRow[]> {
  const query = db
    .builder('notifications as n')
    .select(db.builder.raw(NOTIFICATION))
    .where('n.user_id', filter.userId)
    .whereIn('n.kind', filter.kinds);
  if (filter.unread) void query.whereNull('n.read_at');
  return db.list<NotificationRow>(newestFirst(query, { time: 'n.created_at', id: 'n.id' }, filter));
}

/** How many somebody has not read, up to `limit`. */
export async function countUnread(
  on: Queryable,
  { userId, kinds }: Readable,
  limit: number,
): Promise<number> {
  const { count } = await one<{ count: number }>(
    on,
    'notifications.count_unread',
    `select count(*)::int as count from (
       select from notifications where user_id = $1 and kind = any ($2::text[]) and read_at is null limit $3) n`,
    [userId, kinds, limit],
  );
  return count;
}

/** Returns it; undefined: they have none with this id. */
export function setRead(
  on: Queryable,
  { userId, kinds }: Readable,
  id: string,
): Promise<NotificationRow | undefined> {
  return maybeOne<NotificationRow & Record<string, unknown>>(
    on,
    'notifications.set_read',
    `update notifications n set read_at = coalesce(read_at, clock_timestamp()) where id = $2 and user_id = $1 and kind = any ($3::text[])
     returning ${NOTIFICATION}`,
    [userId, id, kinds],
  );
}

/** Those that were made no later than one of them; null: than now. Returns how many. */
export function setAllRead(on: Queryable, userId: string, upTo: string | null): Promise<number> {
  return execute(
    on,
    'notifications.set_all_read',
    `update notifications set read_at = clock_timestamp()
     where user_id = $1 and read_at is null
       and ($2::uuid is null or (created_at, id) <= (select created_at, id from notifications where id = $2 and user_id = $1))`,
    [userId, upTo],
  );
}

export interface ChosenRow {
  userId: string;
  kind: NotificationKind;
  channel: Channel;
  enabled: boolean;
}

export function selectChosen(on: Queryable, userIds: readonly string[]): Promise<ChosenRow[]> {
  return many<ChosenRow & Record<string, unknown>>(
    on,
    'notification_preferences.of_users',
    'select user_id as "userId", kind, channel, enabled from notification_preferences where user_id = any ($1::uuid[])',
    [userIds],
  );
}

/** @param changes each kind and channel once */
export function upsertChosen(
  tx: Transaction,
  userId: string,
  changes: readonly PreferenceChange[],
): Promise<number> {
  return execute(
    tx,
    'notification_preferences.upsert',
    `insert into notification_preferences (user_id, kind, channel, enabled)
     select $1, kind, channel, enabled from unnest($2::text[], $3::text[], $4::bool[]) as c (kind, channel, enabled)
     order by kind, channel
     on conflict (user_id, kind, channel) do update set enabled = excluded.enabled`,
    [
      userId,
      changes.map(({ kind }) => kind),
      changes.map(({ channel }) => channel),
      changes.map(({ enabled }) => enabled),
    ],
  );
}
