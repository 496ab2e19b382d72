import { execute, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { nextTry, type RetryTimes } from '../../platform/database/retry-times';
import { PAYMENT_STATUSES_IN_FLIGHT, type PaymentStatus } from './types';

export interface ChargeRow {
  id: string;
  orderId: string;
  reservationId: string;
  status: PaymentStatus;
  amountMinor: number;
  currency: string;
  method: string;
  token: string;
  gateway: string;
  gatewayRef: string | null;
  declineCode: string | null;
  /** Its reservation still waits for this money. */
  wanted: boolean;
}

/** A payment as it is charged. */
export function selectCharge(on: Queryable, paymentId: string): Promise<ChargeRow | undefined> {
  return maybeOne<ChargeRow>(
    on,
    'payments.charge',
    `select p.id, p.order_id as "orderId", p.reservation_id as "reservationId", p.status, p.amount_minor as "amountMinor",
       p.currency, p.method, p.token, p.gateway, p.gateway_ref as "gatewayRef", p.decline_code as "declineCode",
       r.status = 'charging' as wanted
     from payments p join reservations r on r.id = p.reservation_id where p.id = $1`,
    [paymentId],
  );
}

/**
 * Stores the gateway's id of a charge in flight unless one is stored already, and returns the stored one; undefined: the
 * payment is no longer in flight, or its reservation was given up.
 */
export async function storeGatewayRef(
  on: Queryable,
  paymentId: string,
  ref: string,
): Promise<string | undefined> {
  const stored = await maybeOne<{ ref: string }>(
    on,
    'payments.store_gateway_ref',
    `update payments p set gateway_ref = coalesce(gateway_ref, $2), updated_at = clock_timestamp()
     where id = $1 and status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
       and exists (select 1 from reservations r where r.id = p.reservation_id and r.status = 'charging')
     returning gateway_ref as ref`,
    [paymentId, ref],
  );
  return stored?.ref;
}

export interface ClaimedCharge {
  reservationId: string;
  /** Since the gateway was first asked, seconds. */
  askedSeconds: number;
}

/**
 * Counts an attempt to ask the gateway about a charge in flight and says when the next is due, before the call: a process
 * that dies in it is not followed by another at once. Undefined: the charge has ended.
 *
 * @param firstSeconds until the second attempt; doubles from there
 */
export function claimCharge(
  on: Queryable,
  paymentId: string,
  { firstSeconds, longestSeconds }: RetryTimes,
): Promise<ClaimedCharge | undefined> {
  return maybeOne<ClaimedCharge>(
    on,
    'payments.claim_charge',
    `update payments p
     set tries = p.tries + 1, first_asked_at = coalesce(p.first_asked_at, clock_timestamp()),
         next_try_at = ${nextTry('p.tries', '$2', '$3')}
     where p.id = $1 and p.status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
     returning p.reservation_id as "reservationId",
       extract(epoch from clock_timestamp() - p.first_asked_at)::float8 as "askedSeconds"`,
    [paymentId, firstSeconds, longestSeconds],
  );
}

/**
 * Records why a charge in flight has no outcome. Returns its order and whether it was `pending` before; undefined: it has
 * ended.
 */
export function updateToUnknown(
  tx: Transaction,
  paymentId: string,
  why: string,
): Promise<{ orderId: string; isNew: boolean } | undefined> {
  return maybeOne(
    tx,
    'payments.mark_unknown',
    `update payments p set status = 'unknown', last_error = $2, updated_at = clock_timestamp()
     from (select id, status from payments where id = $1 for no key update) before
     where p.id = before.id and before.status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
     returning p.order_id as "orderId", before.status = 'pending' as "isNew"`,
    [paymentId, why],
  );
}

/** Lets the gateway be asked now about the charges of an order that are in flight. Locks them. */
export function updateChargesDue(tx: Transaction, orderId: string): Promise<number> {
  return execute(
    tx,
    'payments.charges_due',
    `with locked as (
       select id from payments where order_id = $1 and status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
         and next_try_at is not null order by id for no key update
     )
     update payments p set next_try_at = null from locked where p.id = locked.id`,
    [orderId],
  );
}
