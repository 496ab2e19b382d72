import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import type { NotificationKind, Told } from './types';

/** Whether there are events that were not looked at. */
export async function existsUnseen(on: Queryable): Promise<boolean> {
  const { there } = await one<{ there: boolean }>(
    on,
    'notifications.exists_unseen',
    `select (select position from notification_head) < (select next_position - 1 from event_head) as there`,
  );
  return there;
}

/** For how long the oldest event that was not looked at has had a position, seconds; 0: there is none. */
export async function selectBehindSeconds(on: Queryable): Promise<number> {
  const { seconds } = await one<{ seconds: number }>(
    on,
    'notifications.behind_seconds',
    `select coalesce(greatest(extract(epoch from clock_timestamp() - (
       select b.numbered_at from event_batches b
       where b.last_position > h.position
         and b.first_position >= coalesce((select max(first_position) from event_batches where first_position <= h.position + 1), 0)
       order by b.first_position limit 1)), 0), 0)::float8 as seconds
     from notification_head h`,
  );
  return seconds;
}

/** Takes the head until the transaction ends; undefined: somebody else has it. */
export function lockHead(tx: Transaction): Promise<{ position: number } | undefined> {
  return maybeOne<{ position: number }>(
    tx,
    'notifications.lock_head',
    'select position from notification_head for no key update skip locked',
    [],
  );
}

export async function moveHead(tx: Transaction, position: number): Promise<void> {
  await execute(tx, 'notifications.move_head', 'update notification_head set position = $1', [position]);
}

export interface OrderRow {
  id: string;
  customerId: string;
  hasContact: boolean;
  isRefused: boolean;
  /** It was cancelled whole, or not paid in time. */
  isCancelled: boolean;
}

/** Whose orders these are. `isRefused`: it was refused as it was placed, and whoever placed it was told. */
export function selectOrders(on: Queryable, orderIds: readonly string[]): Promise<OrderRow[]> {
  return many<OrderRow & Record<string, unknown>>(
    on,
    'notifications.orders',
    `select o.id, o.customer_id as "customerId", exists (select from order_contacts c where c.order_id = o.id) as "hasContact", o.status in ('rejected', 'failed') as "isRefused",
       o.status in ('cancelled', 'expired') as "isCancelled"
     from orders o where o.id = any ($1::uuid[]) and o.erased_at is null`,
    [orderIds],
  );
}

/** Mails of these kinds that were planned within the last hour, by person and kind; without those that had nothing to tell any more. */
export function countStaffMails(
  on: Queryable,
  userIds: readonly string[],
  kinds: readonly NotificationKind[],
): Promise<{ userId: string; kind: NotificationKind; count: number }[]> {
  return many(
    on,
    'mails.count_staff',
    `select user_id as "userId", kind, count(*)::int as count from mails
     where user_id = any ($1::uuid[]) and kind = any ($2::text[]) and created_at > clock_timestamp() - interval '1 hour'
       and status <> 'suppressed'
     group by user_id, kind`,
    [userIds, kinds],
  );
}

type NewRow = Told & { id: string };
type NewNotification = NewRow & { userId: string };

const columns = (rows: readonly NewRow[]) => [
  rows.map(({ id }) => id),
  rows.map(({ userId }) => userId),
  rows.map(({ kind }) => kind),
  rows.map(({ subject }) => subject.id),
  rows.map(({ data }) => JSON.stringify(data)),
];

export function insertNotifications(tx: Transaction, rows: readonly NewNotification[]): Promise<number> {
  return execute(
    tx,
    'notifications.insert',
    `insert into notifications (id, user_id, kind, subject_id, data, position, subject_type)
     select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::bigint[], $7::text[])`,
    [...columns(rows), rows.map(({ position }) => position), rows.map(({ subject }) => subject.type)],
  );
}

export function insertMails(tx: Transaction, rows: readonly NewRow[]): Promise<number> {
  return execute(
    tx,
    'mails.insert',
    `insert into mails (id, user_id, kind, subject_id, data)
     select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[])`,
    columns(rows),
  );
}

/** One about an account, once. */
export function insertAccountMail(tx: Transaction, id: string, userId: string): Promise<number> {
  return execute(
    tx,
    'mails.insert_account',
    `insert into mails (id, user_id, kind) values ($1, $2, 'account') on conflict (id) do nothing`,
    [id, userId],
  );
}
