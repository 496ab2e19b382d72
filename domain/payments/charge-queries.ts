import { execute, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { nextTry, type RetryTimes } from '../../platform/database/retry-times';
import type { NextAction } from './gateway';
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
  captureLater: boolean;
  offSession: boolean;
  returnUrl: string | null;
  /** Of this payment, or of an earlier one of the order with the same card at the same gateway. */
  customerRef: string | null;
  /** Parts of the order may be charged later: what waits for stock, or what an amendment adds. */
  keepsMethod: boolean;
  multicapture: boolean;
  captureBefore: Date | null;
  /** Its reservation still waits for this money. */
  wanted: boolean;
  /** Its customer has not authenticated in time. */
  isActionDue: boolean;
}

/** A payment as it is charged. */
export function selectCharge(on: Queryable, paymentId: string): Promise<ChargeRow | undefined> {
  return maybeOne<ChargeRow>(
    on,
    'payments.charge',
    `select p.id, p.order_id as "orderId", p.reservation_id as "reservationId", p.status, p.amount_minor as "amountMinor",
       p.currency, p.method, p.token, p.gateway, p.gateway_ref as "gatewayRef", p.decline_code as "declineCode",
       p.capture_later as "captureLater", p.off_session as "offSession", p.return_url as "returnUrl", p.multicapture,
       p.capture_before as "captureBefore", o.payment_method is not null as "keepsMethod",
       coalesce(p.customer_ref, (
         select e.customer_ref from payments e where e.order_id = p.order_id and e.gateway = p.gateway and e.token = p.token
           and e.customer_ref is not null order by e.attempt limit 1)) as "customerRef",
       p.serves and r.status = 'charging' as wanted,
       coalesce(p.action_until <= clock_timestamp(), false) as "isActionDue"
     from payments p join reservations r on r.id = p.reservation_id join orders o on o.id = p.order_id where p.id = $1`,
    [paymentId],
  );
}

/** The gateway's ids of a charge and of its customer, where it has given them. */
export type GatewayRefs = Pick<ChargeRow, 'gatewayRef' | 'customerRef'>;

/**
 * Stores the gateway's ids of a charge in flight and of its customer unless they are stored already, and returns the stored ones;
 * undefined: the payment is no longer in flight, or its money is not wanted any more.
 */
export async function storeGatewayRef(
  on: Queryable,
  paymentId: string,
  { gatewayRef, customerRef }: GatewayRefs,
): Promise<GatewayRefs | undefined> {
  return maybeOne<GatewayRefs>(
    on,
    'payments.store_gateway_ref',
    `update payments p
     set gateway_ref = coalesce(gateway_ref, $2), customer_ref = coalesce(customer_ref, $3), updated_at = clock_timestamp()
     where id = $1 and serves and status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
       and exists (select 1 from reservations r where r.id = p.reservation_id and r.status = 'charging')
     returning gateway_ref as "gatewayRef", customer_ref as "customerRef"`,
    [paymentId, gatewayRef, customerRef],
  );
}

export interface ClaimedCharge {
  /** Since the gateway was first asked, seconds; of one that waits for its customer, since that was to have authenticated. */
  askedSeconds: number;
}

/**
 * Counts an attempt to ask the gateway about a charge in flight and says when the next is due, before the call: a process
 * that dies in it is not followed by another at once. Undefined: the charge has ended.
 *
 * @param unknown until the second attempt; doubles from there
 * @param action the same of one that waits for its customer
 */
export function claimCharge(
  on: Queryable,
  paymentId: string,
  { unknown, action }: { unknown: RetryTimes; action: RetryTimes },
): Promise<ClaimedCharge | undefined> {
  return maybeOne<ClaimedCharge>(
    on,
    'payments.claim_charge',
    `update payments p
     set tries = p.tries + 1, first_asked_at = coalesce(p.first_asked_at, clock_timestamp()),
         next_try_at = case when p.action_until is null then ${nextTry('p.tries', '$2', '$3')}
           -- Who authenticates is usually told by the gateway; the bound is kept to the second.
           else least(${nextTry('p.tries', '$4', '$5')}, greatest(p.action_until, clock_timestamp() + make_interval(secs => $4))) end
     where p.id = $1 and p.status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
     returning extract(epoch from clock_timestamp() - greatest(p.first_asked_at, p.action_until))::float8 as "askedSeconds"`,
    [paymentId, unknown.firstSeconds, unknown.longestSeconds, action.firstSeconds, action.longestSeconds],
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
    // One that waits for its customer still does, as far as is known.
    `update payments p set status = case when p.status = 'pending' then 'unknown' else p.status end, last_error = $2,
       updated_at = clock_timestamp()
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

/**
 * Its customer is to authenticate: it is waited for until `actionSeconds` have passed since that was first known, and no longer than for
 * the payment whose place it took.
 */
export function updateToAction(
  tx: Transaction,
  paymentId: string,
  action: { gatewayRef: string; nextAction: NextAction; actionSeconds: number },
): Promise<{ isNew: boolean } | undefined> {
  return maybeOne(
    tx,
    'payments.requires_action',
    `update payments p
     set status = 'requires_action', gateway_ref = coalesce(p.gateway_ref, $2), next_action = $3, last_error = null,
         action_until = coalesce(p.action_until, least(clock_timestamp() + make_interval(secs => $4), p.action_limit)),
         tries = case when before.status = 'requires_action' then p.tries else 1 end,
         next_try_at = case when before.status = 'requires_action' then p.next_try_at else clock_timestamp() + interval '1 second' end,
         updated_at = clock_timestamp()
     from (select id, status from payments where id = $1 for no key update) before
     where p.id = before.id and before.status in ${literals(PAYMENT_STATUSES_IN_FLIGHT)}
     returning before.status <> 'requires_action' as "isNew"`,
    [paymentId, action.gatewayRef, JSON.stringify(action.nextAction), action.actionSeconds],
  );
}

/** The money of a charge that waits for its customer is not wanted any more: another payment takes its place. */
export function updateNotServing(tx: Transaction, paymentId: string): Promise<number> {
  return execute(
    tx,
    'payments.not_serving',
    `update payments set serves = false, next_try_at = null, updated_at = clock_timestamp() where id = $1`,
    [paymentId],
  );
}
