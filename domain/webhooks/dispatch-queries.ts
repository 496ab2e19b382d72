import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import type { StreamEvent } from '../events/types';
import { notPutOff } from '../stock/alerts/put-off-sql';
import { MOST_PENDING } from './rules';
import type { WebhookDisabled } from './types';

/** SQL: there are events to look at, and room to plan their deliveries. */
const HAS_EVENTS_TO_PLAN = `w.position < (select next_position - 1 from event_head)
    and not exists (select from webhook_deliveries d where d.webhook_id = w.id and d.status = 'pending' offset ${MOST_PENDING - 1})`;

/** SQL: it may be delivered to, and that has not failed just now by an error of ours. */
const SERVED = `w.disabled is null and ${notPutOff('deliver_webhook', 'w.id')}`;

const READY = `${SERVED} and (
  exists (select from webhook_deliveries d
          where d.webhook_id = w.id and d.status = 'pending' and d.next_try_at <= statement_timestamp())
  or ${HAS_EVENTS_TO_PLAN})`;

/** Enabled webhooks that have something due, or events to look at and room to plan them, and that nobody delivers to. */
export function selectReady(on: Queryable, limit: number): Promise<{ id: string }[]> {
  return many(
    on,
    'webhooks.ready',
    `select w.id from webhooks w where ${READY} and (w.leased_until is null or w.leased_until < statement_timestamp())
     order by w.leased_until nulls first, w.id limit $1`,
    [limit],
  );
}

/** Whether there is an enabled webhook at all. */
export async function existsEnabled(on: Queryable): Promise<boolean> {
  const { there } = await one<{ there: boolean }>(
    on,
    'webhooks.exists_enabled',
    'select exists (select from webhooks where disabled is null) as there',
  );
  return there;
}

/** Whether the webhook is there and not disabled. */
export async function isEnabled(on: Queryable, id: string): Promise<boolean> {
  const row = await maybeOne(
    on,
    'webhooks.is_enabled',
    'select from webhooks where id = $1 and disabled is null',
    [id],
  );
  return row !== undefined;
}

/** Whether something is due to a webhook that nobody delivers to. */
export async function existsReady(on: Queryable): Promise<boolean> {
  return (await selectReady(on, 1)).length > 0;
}

/**
 * For how long an enabled webhook has had something due, seconds, of the one that waits for longest; 0: nothing is due. Due is a delivery
 * whose time has come, and the first event that it was not looked at for although there is room to plan it, since it was numbered.
 */
export async function selectDueSeconds(on: Queryable): Promise<number> {
  const { seconds } = await one<{ seconds: number }>(
    on,
    'webhooks.due_seconds',
    `select coalesce(greatest(extract(epoch from clock_timestamp() - min(least(n.next_try_at, e.numbered_at))), 0), 0)::float8 as seconds
     from webhooks w
     left join lateral (
       select d.next_try_at from webhook_deliveries d where d.webhook_id = w.id and d.status = 'pending'
       order by d.next_try_at, d.position limit 1) n on true
     left join lateral (
       select b.numbered_at from event_batches b
       where ${HAS_EVENTS_TO_PLAN} and b.last_position > w.position
         and b.first_position >= coalesce((select max(first_position) from event_batches where first_position <= w.position + 1), 0)
       order by b.first_position limit 1) e on true
     where w.disabled is null`,
  );
  return seconds;
}

/** Milliseconds until the next try of an enabled webhook is due; null: none waits. */
export async function selectMsLeft(on: Queryable): Promise<number | null> {
  const { msLeft } = await one<{ msLeft: number | null }>(
    on,
    'webhooks.ms_left',
    // `greatest` leaves nulls out: around the minimum it would say 0 where none waits.
    `select min(greatest(0, ceil(extract(epoch from n.next_try_at - clock_timestamp()) * 1000)))::float8 as "msLeft"
     from webhooks w cross join lateral (
       select d.next_try_at from webhook_deliveries d where d.webhook_id = w.id and d.status = 'pending'
       order by d.next_try_at, d.position limit 1) n
     where ${SERVED}`,
  );
  return msLeft;
}

export interface LeasedWebhook {
  id: string;
  url: string;
  types: string[];
  position: number;
  secret: Buffer;
  /** Null: there is none, or its time is over. */
  previousSecret: Buffer | null;
}

/** Takes a webhook, or keeps it: nobody else delivers to it for so many seconds. Undefined: it is somebody else's, disabled or gone. */
export function leaseWebhook(
  on: Queryable,
  { id, lease, seconds }: { id: string; lease: string; seconds: number },
): Promise<LeasedWebhook | undefined> {
  return maybeOne<LeasedWebhook>(
    on,
    'webhooks.lease',
    `update webhooks w set lease = $2, leased_until = clock_timestamp() + make_interval(secs => $3)
     where id = $1 and disabled is null and (lease = $2 or leased_until is null or leased_until < clock_timestamp())
     returning id, url, types, position, secret,
       case when previous_until > clock_timestamp() then previous_secret end as "previousSecret"`,
    [id, lease, seconds],
  );
}

export function releaseWebhook(on: Queryable, id: string, lease: string): Promise<number> {
  return execute(
    on,
    'webhooks.release',
    'update webhooks set lease = null, leased_until = clock_timestamp() where id = $1 and lease = $2',
    [id, lease],
  );
}

export async function countPending(on: Queryable, id: string): Promise<number> {
  const { count } = await one<{ count: number }>(
    on,
    'webhooks.count_pending',
    `select count(*)::int as count from webhook_deliveries where webhook_id = $1 and status = 'pending'`,
    [id],
  );
  return count;
}

type PlannedEvent = Pick<StreamEvent, 'position' | 'type' | 'subject'>;

/** SQL of the columns of deliveries that are planned, of the parameters that `asColumns` gives. */
const PLANNED = `position, type, subject_id, statement_timestamp()
     from unnest($2::bigint[], $3::text[], $4::text[]) as e (position, type, subject_id)`;

function asColumns(events: readonly PlannedEvent[]): unknown[][] {
  return [
    events.map(({ position }) => position),
    events.map(({ type }) => type),
    events.map(({ subject }) => subject.id),
  ];
}

/** Plans deliveries of these events, in their order; those that are planned already stay as they are. */
export function insertDeliveries(
  tx: Transaction,
  id: string,
  events: readonly PlannedEvent[],
): Promise<number> {
  return execute(
    tx,
    'webhooks.insert_deliveries',
    `insert into webhook_deliveries (webhook_id, position, type, subject_id, next_try_at)
     select $1, ${PLANNED}
     on conflict do nothing`,
    [id, ...asColumns(events)],
  );
}

/** The same, and those that have ended are due again, as if they were planned now. */
export function planAgain(tx: Transaction, id: string, events: readonly PlannedEvent[]): Promise<number> {
  return execute(
    tx,
    'webhooks.plan_again',
    `insert into webhook_deliveries as d (webhook_id, position, type, subject_id, next_try_at)
     select $1, ${PLANNED}
     on conflict (webhook_id, position) do update
     set subject_id = excluded.subject_id, status = 'pending', tries = 0, first_try_at = null, next_try_at = excluded.next_try_at, created_at = clock_timestamp()
     where d.status <> 'pending'`,
    [id, ...asColumns(events)],
  );
}

/** Only forward: another dispatcher may have gone further. */
export function movePosition(tx: Transaction, id: string, position: number): Promise<number> {
  return execute(
    tx,
    'webhooks.move_position',
    'update webhooks set position = $2 where id = $1 and position < $2',
    [id, position],
  );
}

export interface DueDelivery {
  position: number;
  tries: number;
}

export function selectDue(on: Queryable, id: string, limit: number): Promise<DueDelivery[]> {
  return many<DueDelivery>(
    on,
    'webhooks.due',
    `select position, tries from webhook_deliveries
     where webhook_id = $1 and status = 'pending' and next_try_at <= statement_timestamp()
     order by next_try_at, position limit $2`,
    [id, limit],
  );
}

export interface FinishedTry {
  id: string;
  position: number;
  /** How many there were before it. */
  tries: number;
  millis: number;
  headers: Readonly<Record<string, string>>;
  status: number | null;
  answer: string | null;
  error: string | null;
}

/** Of the first try of this round, seconds ago, with this one; undefined: somebody else has tried it meanwhile, or it is gone. */
export async function insertTry(tx: Transaction, made: FinishedTry): Promise<number | undefined> {
  const row = await maybeOne<{ seconds: number }>(
    tx,
    'webhooks.insert_try',
    `with delivery as (
       update webhook_deliveries set tries = tries + 1,
         first_try_at = coalesce(first_try_at, clock_timestamp() - make_interval(secs => $4::float8 / 1000))
       where webhook_id = $1 and position = $2 and tries = $3 and status = 'pending'
       returning extract(epoch from clock_timestamp() - first_try_at)::float8 as seconds
     ), made as (
       insert into webhook_tries (webhook_id, position, millis, headers, status, answer, error)
       select $1, $2, $4, $5, $6, $7, $8 from delivery
     )
     select seconds from delivery`,
    [
      made.id,
      made.position,
      made.tries,
      Math.round(made.millis),
      JSON.stringify(made.headers),
      made.status,
      made.answer,
      made.error,
    ],
  );
  return row?.seconds;
}

/** @param next seconds until it is tried again; null: it has ended */
export function endTry(
  tx: Transaction,
  { id, position }: Pick<FinishedTry, 'id' | 'position'>,
  { status, next }: { status: 'pending' | 'delivered' | 'failed'; next: number | null },
): Promise<number> {
  return execute(
    tx,
    'webhooks.end_try',
    `update webhook_deliveries set status = $3, next_try_at = clock_timestamp() + make_interval(secs => $4::float8)
     where webhook_id = $1 and position = $2`,
    [id, position, status, next],
  );
}

/** For how many seconds the webhook has been failing; 0 where it has just taken something. */
export async function noteHealth(tx: Transaction, id: string, taken: boolean): Promise<number> {
  const row = await maybeOne<{ seconds: number | null }>(
    tx,
    'webhooks.note_health',
    `update webhooks set failing_since = case when not $2 then coalesce(failing_since, clock_timestamp()) end
     where id = $1 and (failing_since is not null or not $2)
     returning extract(epoch from clock_timestamp() - failing_since)::float8 as seconds`,
    [id, taken],
  );
  return row?.seconds ?? 0;
}

/** Not where it has another address by now: who has answered was the receiver before. */
export function disableWebhook(
  tx: Transaction,
  { id, url }: Pick<LeasedWebhook, 'id' | 'url'>,
  why: WebhookDisabled,
): Promise<number> {
  return execute(
    tx,
    'webhooks.disable',
    `update webhooks set disabled = $3, disabled_at = clock_timestamp(), updated_at = clock_timestamp()
     where id = $1 and url = $2 and disabled is null`,
    [id, url, why],
  );
}
