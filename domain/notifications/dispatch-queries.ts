import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { STALE_MS } from './rules';
import type { MailEnd, NotificationData, NotifiedMailKind } from './types';

const FREE = '(leased_until is null or leased_until < statement_timestamp())';

/** Mails that are due and that nobody sends. */
export function selectReady(on: Queryable, limit: number): Promise<{ id: string }[]> {
  return many<{ id: string }>(
    on,
    'mails.ready',
    `select id from mails where status = 'pending' and next_try_at <= statement_timestamp() and ${FREE}
     order by next_try_at, id limit $1`,
    [limit],
  );
}

/** Milliseconds until the next try is due; null: none waits. One that is being sent counts from the end of its lease. */
export async function selectMsLeft(on: Queryable): Promise<number | null> {
  const { msLeft } = await one<{ msLeft: number | null }>(
    on,
    'mails.ms_left',
    `select case when next_at is not null
       then greatest(0, ceil(extract(epoch from next_at - clock_timestamp()) * 1000)) end::float8 as "msLeft"
     from (select min(greatest(next_try_at, leased_until)) as next_at from (
       select next_try_at, leased_until from mails where status = 'pending' order by next_try_at, id limit 100) m) n`,
  );
  return msLeft;
}

/** For how long a mail has been due, seconds, of the one that waits for longest; 0: none is. */
export async function selectDueSeconds(on: Queryable): Promise<number> {
  const { seconds } = await one<{ seconds: number }>(
    on,
    'mails.due_seconds',
    `select coalesce(greatest(extract(epoch from clock_timestamp() - (
       select next_try_at from mails where status = 'pending' order by next_try_at, id limit 1)), 0), 0)::float8 as seconds`,
  );
  return seconds;
}

/** More are not counted. */
const COUNTED = 100_000;

/** How many mails are due, and how many have failed and wait for their next try. */
export function countWaiting(on: Queryable): Promise<{ due: number; postponed: number }> {
  return one<{ due: number; postponed: number }>(
    on,
    'mails.count_waiting',
    `select count(*) filter (where next_try_at <= clock_timestamp())::int as due,
       count(*) filter (where next_try_at > clock_timestamp())::int as postponed
     from (select next_try_at from mails where status = 'pending' limit ${COUNTED}) m`,
  );
}

/** For how long a mail has failed that is still tried, seconds, of the one that has for longest; 0: none is. */
export async function selectFailingSeconds(on: Queryable): Promise<number> {
  const { seconds } = await one<{ seconds: number }>(
    on,
    'mails.failing_seconds',
    `select coalesce(greatest(extract(epoch from clock_timestamp() - (
       select first_try_at from mails where status = 'pending' and first_try_at is not null order by first_try_at limit 1)), 0), 0)::float8 as seconds`,
  );
  return seconds;
}

export interface LeasedMail {
  id: string;
  /** Null: it goes to the contact of the order that it is about. */
  userId: string | null;
  kind: NotifiedMailKind;
  subjectId: string | null;
  data: NotificationData;
  tries: number;
  /** It was not tried for so long that it is no news. */
  isStale: boolean;
}

/** Takes a mail: nobody else sends it for so many seconds. Undefined: it is somebody else's, not due or has ended. */
export function leaseMail(
  on: Queryable,
  { id, lease, seconds }: { id: string; lease: string; seconds: number },
): Promise<LeasedMail | undefined> {
  return maybeOne<LeasedMail & Record<string, unknown>>(
    on,
    'mails.lease',
    `update mails set lease = $2, leased_until = clock_timestamp() + make_interval(secs => $3)
     where id = $1 and status = 'pending' and next_try_at <= clock_timestamp() and ${FREE}
     returning id, user_id as "userId", kind, subject_id as "subjectId", data, tries,
       tries = 0 and created_at < clock_timestamp() - make_interval(secs => ${STALE_MS / 1_000}) as "isStale"`,
    [id, lease, seconds],
  );
}

/** Notes a try, by who has the mail. Returns seconds since the first, with this one; undefined: somebody else has it by now. */
export async function noteTry(
  tx: Transaction,
  tried: { id: string; lease: string; addressHash: Buffer | null; answer: string | null },
): Promise<number | undefined> {
  const row = await maybeOne<{ seconds: number }>(
    tx,
    'mails.note_try',
    `update mails set tries = tries + 1, first_try_at = coalesce(first_try_at, clock_timestamp()), answer = $4,
       address_hash = coalesce($3, address_hash), lease = null, leased_until = null
     where id = $1 and lease = $2 and status = 'pending'
     returning extract(epoch from clock_timestamp() - first_try_at)::float8 as seconds`,
    [tried.id, tried.lease, tried.addressHash, tried.answer],
  );
  return row?.seconds;
}

/** @param seconds until it is tried again */
export function postponeMail(tx: Transaction, id: string, seconds: number): Promise<number> {
  return execute(
    tx,
    'mails.postpone',
    `update mails set next_try_at = clock_timestamp() + make_interval(secs => $2::float8) where id = $1`,
    [id, seconds],
  );
}

export function endMail(tx: Transaction, id: string, status: MailEnd): Promise<number> {
  return execute(
    tx,
    'mails.end',
    `update mails set status = $2, next_try_at = null, ended_at = clock_timestamp() where id = $1`,
    [id, status],
  );
}

export interface SentMail {
  /** Null: it went to the contact of an order. */
  userId: string | null;
  addressHash: Buffer | null;
}

export function lockSent(tx: Transaction, id: string): Promise<SentMail | undefined> {
  return maybeOne<SentMail & Record<string, unknown>>(
    tx,
    'mails.lock_sent',
    `select user_id as "userId", address_hash as "addressHash" from mails
     where id = $1 and status in ('sent', 'bounced') for no key update`,
    [id],
  );
}

export function setBounced(tx: Transaction, id: string, reason: string): Promise<number> {
  return execute(
    tx,
    'mails.set_bounced',
    `update mails set status = 'bounced', answer = $2 where id = $1 and status = 'sent'`,
    [id, reason],
  );
}
