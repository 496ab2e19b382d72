import { many, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { OPEN_ORDER_STATUSES } from '../orders/types';
import {
  AUTHORIZED_PAYMENT_STATUSES,
  OPEN_CAPTURE_STATUSES,
  OPEN_PAYMENT_STATUSES,
  OPEN_REFUND_STATUSES,
  PAYMENT_STATUSES_IN_FLIGHT,
  type PaymentStatus,
} from '../payments/types';

/** Ids of orders with money that is not final, or that is due to be looked up, each part by the partial index of those rows of its table. */
const WITH_OPEN_MONEY = `
  select order_id from payments where status in ${literals(OPEN_PAYMENT_STATUSES)}
  union all select order_id from captures where status in ${literals(OPEN_CAPTURE_STATUSES)}
  union all select order_id from refunds where status in ${literals(OPEN_REFUND_STATUSES)}
  union all select order_id from payments where status = 'declined' and look_due_at is not null and look_due_at <= statement_timestamp()
  union all select order_id from payments where void_settled_by is not null and look_due_at is not null and look_due_at <= statement_timestamp()
  union all select order_id from refunds where look_due_at is not null and look_due_at <= statement_timestamp()`;

/**
 * Ended orders of which a payment may still be authorised. By an index of those of which it was not seen that none is, so that the
 * authorised payments of open orders are not read.
 */
const MAY_BE_AUTHORISED = `o.money_closed_at is null and (o.capture = 'on_shipment' or o.review_status is not null)
  and o.status not in ${literals(OPEN_ORDER_STATUSES)}`;

/** A sum, not `exists`: of that PostgreSQL makes a join that reads every authorised payment. */
function countOf(statuses: readonly PaymentStatus[]): string {
  return `(select count(*) from payments p where p.order_id = o.id and p.status in ${literals(statuses)})`;
}

/** In one run. */
const CLOSE_LIMIT = 10_000;

/** Ended orders of which no payment is authorised, or may become so, locked. Skips those that others have locked. */
export async function selectMoneyClosedForUpdate(tx: Transaction): Promise<string[]> {
  const found = await many<{ id: string }>(
    tx,
    'ordering.lock_money_closed',
    `select o.id from orders o where ${MAY_BE_AUTHORISED}
       and ${countOf([...AUTHORIZED_PAYMENT_STATUSES, ...PAYMENT_STATUSES_IN_FLIGHT])} = 0
     limit ${CLOSE_LIMIT} for no key update skip locked`,
    [],
  );
  return found.map(({ id }) => id);
}

/** A saga is late when a reservation is still there after so many seconds past due: nothing of its order moves then. */
const EXPIRY_LATE_SECONDS = 10;

const RESTED = `
  o.updated_at < clock_timestamp() - make_interval(secs => $1)
  and (o.checked_at is null
       or o.checked_at < clock_timestamp() - make_interval(secs => $1)
          and exists (select from reservations r
                      where r.order_id = o.id and r.status = 'pending'
                        and r.expires_at < clock_timestamp() - make_interval(secs => ${EXPIRY_LATE_SECONDS}))
       or o.checked_at < clock_timestamp() - make_interval(secs => case
            when exists (select from reservations r
                         where r.order_id = o.id and r.status = 'pending' and r.expires_at > clock_timestamp())
            then $2::float8
            else least($2::float8, greatest($1::float8, extract(epoch from o.checked_at - o.updated_at) / 2)) end))
  order by o.checked_at nulls first, o.updated_at limit $3 for no key update skip locked`;

/**
 * Orders with something left to do that have not moved for `graceSeconds`: open ones, and ended ones with a charge, capture,
 * void or refund that is not final, or with an authorisation. The longer one has rested, the less often it is looked at again, at least every `recheckSeconds`;
 * one that waits for a reservation to fall due only that often, and soon again once that is late. Locks them, and skips those that others
 * have locked.
 *
 * Selections of their own, since with `or` between them PostgreSQL reads every order there ever was. The ids are an array, so that
 * the orders are found by their key whatever PostgreSQL believes of the size of the tables.
 */
export async function selectSuspectsForUpdate(
  on: Queryable,
  limits: { graceSeconds: number; recheckSeconds: number; limit: number },
): Promise<string[]> {
  const found = await many<{ id: string }>(
    on,
    'ordering.lock_suspects',
    `with open as (
       select o.id, o.checked_at, o.updated_at from orders o
       where o.status in ${literals(OPEN_ORDER_STATUSES)} and ${RESTED}
     ), unsettled as (
       select o.id, o.checked_at, o.updated_at from orders o
       where o.id = any (array(${WITH_OPEN_MONEY} union all select o.id from orders o where ${MAY_BE_AUTHORISED} and ${countOf(AUTHORIZED_PAYMENT_STATUSES)} > 0))
         and o.status not in ${literals(OPEN_ORDER_STATUSES)} and ${RESTED}
     )
     select id from (select * from open union all select * from unsettled) suspects
     order by checked_at nulls first, updated_at limit $3`,
    [limits.graceSeconds, limits.recheckSeconds, limits.limit],
  );
  return found.map(({ id }) => id);
}
