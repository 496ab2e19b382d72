import {
  execute,
  many,
  maybeOne,
  one,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { nextTry, type RetryTimes } from '../../platform/database/retry-times';
import {
  AUTHORIZED_PAYMENT_STATUSES,
  OPEN_REFUND_STATUSES,
  REFUNDABLE_PAYMENT_STATUSES,
  type RefundablePayment,
  type RefundOrigin,
  type RefundPlan,
  type RefundSettlement,
  type RefundStatus,
} from './types';
import type { RefundView } from './view-types';
import { IS_DISPUTED } from './dispute-queries';
import { REFUND_JSON } from './view-sql';
import { capturedAs } from './captured-as-sql';

/** Payments of an order of which money is captured and left, or may be, locked by id. */
export function selectRefundableForUpdate(tx: Transaction, orderId: string): Promise<RefundablePayment[]> {
  return many<RefundablePayment>(
    tx,
    'payments.lock_refundable',
    `with locked as (
       select * from payments where order_id = $1 and status in ${literals(REFUNDABLE_PAYMENT_STATUSES)} order by id for no key update
     )
     select p.id as "paymentId", p.reservation_id as "reservationId",
       (p.capture_planned_minor - coalesce((select sum(c.amount_minor) from captures c
                                            where c.payment_id = p.id and c.settled_as = 'waived'), 0))::bigint as "capturedMinor",
       p.captured_whole as "isWhole", p.refund_planned_minor as "refundPlannedMinor"
     from locked p order by p.id`,
    [orderId],
  );
}

/** Locks, by id, the payments of several orders that may be given back. */
export function lockRefundableOfOrders(tx: Transaction, orderIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'payments.lock_refundable_of_orders',
    `select from payments where order_id = any ($1::uuid[]) and status in ${literals(REFUNDABLE_PAYMENT_STATUSES)}
     order by id for no key update`,
    [orderIds],
  );
}

export type NewRefund = RefundPlan & { refundId: string; orderId: string };

/**
 * Writes refunds, and sets their amounts aside on the payments, which must be locked. One whose origin has a refund of its payment is
 * left out.
 * Returns the ids of those written.
 */
export async function insertRefunds(tx: Transaction, refunds: readonly NewRefund[]): Promise<string[]> {
  const written = await many<{ id: string }>(
    tx,
    'payments.insert_refunds',
    `with planned as (
       insert into refunds (id, payment_id, order_id, amount_minor, reason, origin, origin_id, actor, for_products)
       select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::uuid[], $8::text[], $9::jsonb[])
       on conflict (origin, origin_id, payment_id) where origin is not null do nothing
       returning id, payment_id, amount_minor
     ), set_aside as (
       update payments p set refund_planned_minor = p.refund_planned_minor + of_payment.amount
       from (select payment_id, sum(amount_minor)::bigint as amount from planned group by payment_id) of_payment
       where p.id = of_payment.payment_id
     )
     select id from planned`,
    [
      refunds.map((r) => r.refundId),
      refunds.map((r) => r.paymentId),
      refunds.map((r) => r.orderId),
      refunds.map((r) => r.amountMinor),
      refunds.map((r) => r.reason),
      refunds.map((r) => r.origin.kind),
      refunds.map((r) => r.origin.id),
      refunds.map((r) => r.actor),
      refunds.map((r) => (r.products ? JSON.stringify(Object.fromEntries(r.products)) : null)),
    ],
  );
  return written.map(({ id }) => id);
}

export interface RefundRow {
  id: string;
  paymentId: string;
  orderId: string;
  amountMinor: number;
  currency: string;
  reason: string;
  status: RefundStatus;
  keyNumber: number;
  tries: number;
  gateway: string;
  chargeRef: string | null;
  /** Seconds since the gateway was last asked about it; null: never. */
  askedSeconds: number | null;
  /** The gateway's id of it, where it has taken one. */
  gatewayRef: string | null;
  /** Of one settled by hand: where the other payment is found. */
  settledReference: string | null;
  /** Of one settled by hand: what was done instead. */
  settledAs: RefundSettlement | null;
  /** Of one settled by hand: it was found that the gateway paid it out all the same. */
  isFound: boolean;
}

export interface ClaimedRefund extends RefundRow {
  /** A dispute of its payment may stand in its way. */
  isDisputed: boolean;
  /** When the gateway was asked about it before this attempt. */
  askedBefore: Date | null;
}

export const REFUND_COLUMNS = `r.id, r.payment_id as "paymentId", r.order_id as "orderId", r.amount_minor as "amountMinor", p.currency,
  r.reason, r.status, r.key_number as "keyNumber", r.tries, p.gateway, p.gateway_ref as "chargeRef", r.gateway_ref as "gatewayRef",
  extract(epoch from clock_timestamp() - r.asked_at)::float8 as "askedSeconds", r.settled_reference as "settledReference",
  r.settled_as as "settledAs", r.found_at is not null as "isFound"`;

/** A refund, locked, and before it its payment. */
export function selectRefundForUpdate(tx: Transaction, refundId: string): Promise<RefundRow | undefined> {
  return maybeOne<RefundRow>(
    tx,
    'payments.lock_refund',
    `with locked as (
       select id from payments where id = (select payment_id from refunds where id = $1) for no key update
     )
     select ${REFUND_COLUMNS} from refunds r join payments p on p.id = r.payment_id join locked on locked.id = p.id
     where r.id = $1 for no key update of r`,
    [refundId],
  );
}

/**
 * Counts an attempt at an open refund and says when the next is due, before the call. Undefined: it is not open.
 *
 * @param planned until the second attempt at one that the gateway does not have
 * @param pending between looks at one that the gateway has
 */
export function claimRefund(
  on: Queryable,
  refundId: string,
  { planned, pending }: { planned: RetryTimes; pending: RetryTimes },
): Promise<ClaimedRefund | undefined> {
  return maybeOne<ClaimedRefund>(
    on,
    'payments.claim_refund',
    `update refunds r
     set tries = r.tries + 1, asked_at = clock_timestamp(),
         next_try_at = case r.status when 'planned' then ${nextTry('r.tries', '$2', '$3')} else ${nextTry('r.tries', '$4', '$5')} end
     from payments p, (select id, asked_at from refunds where id = $1 for no key update) before
     where r.id = before.id and p.id = r.payment_id and r.status in ${literals(OPEN_REFUND_STATUSES)}
     returning ${REFUND_COLUMNS}, ${IS_DISPUTED} as "isDisputed", before.asked_at as "askedBefore"`,
    [refundId, planned.firstSeconds, planned.longestSeconds, pending.firstSeconds, pending.longestSeconds],
  );
}

export interface RefundChange {
  status: RefundStatus;
  gatewayRef?: string | null;
  lastError?: string | null;
  keyNumber?: number;
  settledAs?: RefundSettlement;
  settledReference?: string | null;
  settledBy?: string;
}

/**
 * Changes a refund whose lock, and whose payment's, the caller has. What is back with the customer follows from it: the payment
 * shows as refunded what the gateway has paid out.
 */
export function updateRefund(tx: Transaction, refundId: string, change: RefundChange): Promise<number> {
  return execute(
    tx,
    'payments.update_refund',
    `with before as (select id, payment_id, amount_minor, status from refunds where id = $1),
     changed as (
       update refunds r
       set status = $2, gateway_ref = coalesce($3, r.gateway_ref), last_error = $4, key_number = coalesce($5, r.key_number),
           settled_as = $6, settled_reference = $7, settled_by = $8,
           tries = case when r.status = $2 then r.tries else 0 end,
           next_try_at = case
             when r.status = $2 then r.next_try_at
             -- The gateway has taken it: it is looked at a while later.
             when $2 = 'pending' then clock_timestamp() + interval '1 minute' end, updated_at = clock_timestamp()
       where r.id = $1
     ), moved as (
       select payment_id, amount_minor * (($2 = 'succeeded')::int - (status = 'succeeded')::int) as by from before
     )
     update payments p
     set refunded_minor = p.refunded_minor + moved.by,
         status = case when p.status in ${literals(AUTHORIZED_PAYMENT_STATUSES)} then p.status
                       else ${capturedAs('p.refunded_minor + moved.by', 'p.captured_minor')} end,
         updated_at = clock_timestamp()
     from moved where p.id = moved.payment_id and moved.by <> 0`,
    [
      refundId,
      change.status,
      change.gatewayRef ?? null,
      change.lastError ?? null,
      change.keyNumber ?? null,
      change.settledAs ?? null,
      change.settledReference ?? null,
      change.settledBy ?? null,
    ],
  );
}

/** An open refund is due now, whatever its tries. False: it is due already. The caller has its lock. */
export async function updateRefundDueByHand(tx: Transaction, refundId: string): Promise<boolean> {
  const changed = await execute(
    tx,
    'payments.refund_due_by_hand',
    `update refunds set next_try_at = null, updated_at = clock_timestamp()
     where id = $1 and status in ${literals(OPEN_REFUND_STATUSES)} and next_try_at > clock_timestamp()`,
    [refundId],
  );
  return changed > 0;
}

/** How many refunds of an order that people asked for the gateway has not finished. */
export async function countOpenByOperator(on: Queryable, orderId: string): Promise<number> {
  const { open } = await one<{ open: number }>(
    on,
    'payments.open_by_operator',
    `select count(*)::int as open from refunds
     where order_id = $1 and origin = 'operator' and status in ${literals(OPEN_REFUND_STATUSES)}`,
    [orderId],
  );
  return open;
}

/** A refund as clients see it. */
export async function selectRefundView(on: Queryable, refundId: string): Promise<RefundView | undefined> {
  const row = await maybeOne<{ refund: RefundView }>(
    on,
    'payments.refund_view',
    `select ${REFUND_JSON} as refund from refunds f where f.id = $1`,
    [refundId],
  );
  return row?.refund;
}

/** The same by what it is for, where that has one refund at most. */
export async function selectRefundOfOrigin(
  on: Queryable,
  kind: Exclude<RefundOrigin['kind'], 'return'>,
  id: string,
): Promise<RefundView | undefined> {
  const row = await maybeOne<{ refund: RefundView }>(
    on,
    'payments.refund_of_origin',
    `select ${REFUND_JSON} as refund from refunds f where f.origin = $1 and f.origin_id = $2`,
    [kind, id],
  );
  return row?.refund;
}

/**
 * Records why an open refund was not made.
 *
 * @param spentKeyNumber the number of its key that is not used again; null: it is. Two that find the same number spent raise it
 * once.
 */
export function updateRefundError(
  tx: Transaction,
  refundId: string,
  { why, spentKeyNumber }: { why: string; spentKeyNumber: number | null },
): Promise<number> {
  return execute(
    tx,
    'payments.refund_error',
    `update refunds
     set last_error = $2, key_number = case when key_number = $3::int then key_number + 1 else key_number end
     where id = $1 and status in ${literals(OPEN_REFUND_STATUSES)}`,
    [refundId, why, spentKeyNumber],
  );
}

/** Puts off a refund that the gateway is not to make yet, and says why. */
export function updateRefundHeldBack(
  tx: Transaction,
  refundId: string,
  { why, seconds, askedBefore }: { why: string; seconds: number; askedBefore: Date | null },
): Promise<number> {
  return execute(
    tx,
    'payments.hold_refund_back',
    `update refunds set last_error = $2, next_try_at = clock_timestamp() + make_interval(secs => $3), asked_at = $4
     where id = $1 and status = 'planned'`,
    [refundId, why, seconds, askedBefore],
  );
}

/**
 * Planned refunds of a payment for which no money is captured or will be, nor was paid in another way, the latest first: those of which the
 * sum of all that stand before them exceeds it. Locked.
 */
export async function selectUncovered(tx: Transaction, paymentId: string): Promise<string[]> {
  const found = await many<{ id: string }>(
    tx,
    'payments.uncovered_refunds',
    `with locked as (
       select id, amount_minor, status, created_at from refunds
       where payment_id = $1 and order_id = (select order_id from payments where id = $1)
         and status in ('planned', 'pending', 'succeeded') order by id for no key update
     ), money as (
       select p.captured_minor + coalesce((select sum(c.amount_minor) from captures c
                                           where c.payment_id = p.id
                                             and (c.status in ('planned', 'failed') or c.settled_as = 'made_elsewhere')), 0) as minor
       from payments p where p.id = $1
     )
     select id from (
       select id, status, sum(amount_minor) over (order by (status = 'planned')::int, created_at, id) as so_far from locked) r, money
     where r.status = 'planned' and r.so_far > money.minor order by id`,
    [paymentId],
  );
  return found.map(({ id }) => id);
}
