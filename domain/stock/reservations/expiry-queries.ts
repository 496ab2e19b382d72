import { many, maybeOne, one, type Queryable, type Transaction } from '../../../platform/database/database';
import { notPutOff, settledFailures, type SettledFailure } from '../alerts/put-off-sql';
import type { Work } from '../alerts/types';
import { canBeFreed } from './due-sql';
import { COMMIT_SECONDS, LOOK_EVERY_SECONDS } from '../ledger/rules';

/**
 * Locks reservations without an order that are past due, soonest first, skipping any that somebody works on. `status` is tested
 * again by the lock itself, so one that was just confirmed is not taken. One that could not be freed is left out for a while.
 */
export async function selectDueForUpdate(tx: Transaction, limit: number): Promise<string[]> {
  const found = await many<{ id: string }>(
    tx,
    'reservations.lock_due',
    `select r.id from reservations r
     where r.kind = 'hold' and ${canBeFreed('r')}
     order by r.expires_at limit $1
     for no key update skip locked`,
    [limit],
  );
  return found.map((row) => row.id);
}

const DUE_ON_PRODUCTS = `select r.id from reservations r
  where r.kind = 'hold' and ${canBeFreed('r')}
    and exists (select 1 from reservation_lines l
                where l.reservation_id = r.id and l.open_quantity > 0 and l.product_id = any ($1::int[]))`;

/** The same for reservations of some products: what a shortage takes back. */
export async function selectDueOnProductsForUpdate(
  tx: Transaction,
  productIds: readonly number[],
  limit: number,
): Promise<string[]> {
  const found = await many<{ id: string }>(
    tx,
    'reservations.lock_due_on',
    `${DUE_ON_PRODUCTS} order by r.expires_at limit $2 for no key update skip locked`,
    [productIds, limit],
  );
  return found.map((row) => row.id);
}

/** The same, and waits for those that somebody works on: in the order of ids, as all who wait for reservations do. */
export async function selectDueOnProductsAfterWait(
  tx: Transaction,
  productIds: readonly number[],
  limit: number,
): Promise<string[]> {
  const found = await many<{ id: string }>(
    tx,
    'reservations.wait_for_due_on',
    `${DUE_ON_PRODUCTS} order by r.id limit $2 for no key update`,
    [productIds, limit],
  );
  return found.map((row) => row.id);
}

/** The same for the reservations with these ids. */
export async function selectDueAmongForUpdate(tx: Transaction, ids: readonly string[]): Promise<string[]> {
  const found = await many<{ id: string }>(
    tx,
    'reservations.lock_due_among',
    `select id from reservations
     where id = any ($1::uuid[]) and kind = 'hold' and status = 'pending' and expires_at <= (select clock_timestamp())
     order by expires_at
     for no key update skip locked`,
    [ids],
  );
  return found.map((row) => row.id);
}

/** Reservations that could not be freed and have ended since, or are not due any more. */
export function selectSettledFailures(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many(
    on,
    'reservations.settled_failures',
    settledFailures(
      `select from reservations r where r.id = f.subject::uuid
         and r.status in ('pending', 'charging') and r.expires_at <= statement_timestamp()`,
    ),
    [work],
  );
}

export interface NextLook {
  /** Milliseconds until then. */
  inMs: number;
  nextDueAt: Date | null;
}

/**
 * Says when the expiry looks again: when the next reservation falls due, but not before `pauseSeconds` and not after
 * `LOOK_EVERY_SECONDS`. A time that was said before and is still ahead is only ever brought forward: a reservation that
 * counted on it sent no message. One that could not be freed counts from when it is tried again.
 */
export function publishNextLook(on: Queryable, pauseSeconds: number): Promise<NextLook> {
  return one<NextLook>(
    on,
    'reservations.publish_next_look',
    `with due as (
       select least(
         (select r.expires_at from reservations r
          where r.kind = 'hold' and r.status = 'pending' and ${notPutOff('expire_reservation', 'r.id')}
          order by r.expires_at limit 1),
         (select min(retry_at) from failed_work where work = 'expire_reservation' and retry_at > statement_timestamp())) as at
     ), next as (
       select at as due_at, clock_timestamp() + make_interval(secs => least($2::float8, greatest($1::float8,
         coalesce(extract(epoch from at - clock_timestamp())::float8, $2::float8)))) as at
       from due
     )
     update reservation_expiry e
     set wakes_at = case when e.wakes_at > clock_timestamp() + make_interval(secs => $3) then least(e.wakes_at, n.at) else n.at end
     from next n
     returning greatest(0, ceil(extract(epoch from e.wakes_at - clock_timestamp()) * 1000))::float8 as "inMs",
               n.due_at as "nextDueAt"`,
    [pauseSeconds, LOOK_EVERY_SECONDS, COMMIT_SECONDS],
  );
}

/**
 * Whether a reservation without an order has been past due for so long, which no expiry that runs lets happen, except to one
 * that it could not free.
 */
export async function hasOverdueReservation(on: Queryable, seconds: number): Promise<boolean> {
  const row = await one<{ overdue: boolean }>(
    on,
    'reservations.overdue',
    `select exists (
       select from reservations r
       where r.kind = 'hold' and r.status = 'pending' and r.expires_at < statement_timestamp() - make_interval(secs => $1)
         and ${notPutOff('expire_reservation', 'r.id')}) as overdue`,
    [seconds],
  );
  return row.overdue;
}

/** Moves the due time of a reservation whose lock the caller has; undefined: it would be moved back. */
export function updateDueTime(
  tx: Transaction,
  id: string,
  until: { expiresAt: Date | null; holdSeconds: number },
): Promise<{ expiresAt: Date } | undefined> {
  return maybeOne<{ expiresAt: Date }>(
    tx,
    'reservations.extend',
    `update reservations
     set expires_at = coalesce($2::timestamptz, clock_timestamp() + make_interval(secs => $3)), updated_at = clock_timestamp()
     where id = $1 and coalesce($2::timestamptz, clock_timestamp() + make_interval(secs => $3)) >= expires_at
     returning expires_at as "expiresAt"`,
    [id, until.expiresAt, until.holdSeconds],
  );
}

/** SKUs that a reservation keeps, or kept. */
export async function selectSkusOfReservation(on: Queryable, id: string): Promise<string[]> {
  const found = await many<{ sku: string }>(
    on,
    'reservations.skus',
    `select distinct p.sku from reservation_lines l join products p on p.id = l.product_id where l.reservation_id = $1`,
    [id],
  );
  return found.map((row) => row.sku);
}
