import { execute, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { nextTry, type RetryTimes } from '../../platform/database/retry-times';
import { capturedAs } from './captured-as-sql';
import { laterLook } from './later-look-sql';
import { NOT_CAPTURED } from './rules';
import { REFUND_COLUMNS, type RefundRow } from './refund-queries';
import { AUTHORIZED_PAYMENT_STATUSES } from './types';
import { literals } from '../../platform/database/literals';

export interface ClaimedLook {
  paymentId: string;
  orderId: string;
}

/**
 * Counts an attempt to look up an authorisation that is due to be, and says when the next is due, before the call. Undefined: it is not
 * due, or not authorised any more.
 */
export function claimLook(
  on: Queryable,
  paymentId: string,
  { firstSeconds, longestSeconds }: RetryTimes,
): Promise<ClaimedLook | undefined> {
  return maybeOne<ClaimedLook>(
    on,
    'payments.claim_look',
    `update payments p set tries = p.tries + 1, look_due_at = ${nextTry('p.tries', '$2', '$3')}
     where p.id = $1 and p.status = 'authorized' and p.look_due_at <= clock_timestamp()
     returning p.id as "paymentId", p.order_id as "orderId"`,
    [paymentId, firstSeconds, longestSeconds],
  );
}

/** An authorisation is to be looked up now, unless it is known to be lost. The caller has its lock. */
export function updateLookDue(tx: Transaction, paymentId: string): Promise<number> {
  return execute(
    tx,
    'payments.look_due',
    `update payments set look_due_at = clock_timestamp(), tries = 0, updated_at = clock_timestamp()
     where id = $1 and status = 'authorized' and lost_at is null`,
    [paymentId],
  );
}

/**
 * The gateway still keeps an authorisation: it is looked up again once its time is over. Where that is over already, as the claim of this
 * look has said. The caller has its lock.
 */
export function updateHeld(tx: Transaction, paymentId: string): Promise<number> {
  return execute(
    tx,
    'payments.held',
    `update payments
     set look_due_at = case when capture_before <= clock_timestamp() then look_due_at else capture_before end,
         tries = case when capture_before <= clock_timestamp() then tries else 0 end, last_error = null
     where id = $1`,
    [paymentId],
  );
}

/** An authorisation is looked up no more: nothing is to be taken of it. The caller has its lock. */
export function updateLookDone(tx: Transaction, paymentId: string): Promise<number> {
  return execute(
    tx,
    'payments.look_done',
    'update payments set look_due_at = null, tries = 0, last_error = null where id = $1',
    [paymentId],
  );
}

/** Records why nothing is known of an authorisation. The caller has its lock. */
export function updateLookError(tx: Transaction, paymentId: string, why: string): Promise<number> {
  return execute(tx, 'payments.look_error', 'update payments set last_error = $2 where id = $1', [
    paymentId,
    why,
  ]);
}

/** Nothing more of an authorisation can be captured. The caller has its lock. */
export function updateLost(tx: Transaction, paymentId: string): Promise<number> {
  return execute(
    tx,
    'payments.lost',
    `update payments set lost_at = clock_timestamp(), look_due_at = null, capture_due_at = null, tries = 0, last_error = null,
       updated_at = clock_timestamp()
     where id = $1`,
    [paymentId],
  );
}

/** A refund that the gateway was asked for and that a person has settled is looked up after so many seconds. The caller has its lock. */
export function updateRefundLookFirst(tx: Transaction, refundId: string, seconds: number): Promise<number> {
  return execute(
    tx,
    'payments.refund_look_first',
    `update refunds set looks = 0, look_due_at = clock_timestamp() + make_interval(secs => $2)
     where id = $1 and asked_at is not null`,
    [refundId, seconds],
  );
}

/** A refund that a person has settled is looked up now. The caller has its lock. */
export function updateRefundLookDue(tx: Transaction, refundId: string): Promise<number> {
  return execute(
    tx,
    'payments.refund_look_due',
    'update refunds set look_due_at = clock_timestamp(), looks = 0 where id = $1 and found_at is null',
    [refundId],
  );
}

export interface ClaimedRefundLook extends RefundRow {
  /** How often it was looked up, with this time. */
  looks: number;
}

/**
 * Counts a look at a refund that a person has settled and says when the next is due, before the call: ten times as long after it as this
 * one was. Undefined: it is not due.
 */
export function claimRefundLook(
  on: Queryable,
  refundId: string,
  { firstSeconds, longestSeconds }: RetryTimes,
): Promise<ClaimedRefundLook | undefined> {
  return maybeOne<ClaimedRefundLook>(
    on,
    'payments.claim_refund_look',
    `update refunds r
     set looks = r.looks + 1,
         look_due_at = ${laterLook('r.looks', '$2', '$3')}
     from payments p
     where r.id = $1 and p.id = r.payment_id and r.status = 'settled_by_hand' and r.look_due_at <= clock_timestamp()
     returning ${REFUND_COLUMNS}, r.looks`,
    [refundId, firstSeconds, longestSeconds],
  );
}

/** A refund is looked up no more. */
export function updateRefundLookDone(on: Queryable, refundId: string): Promise<number> {
  return execute(on, 'payments.refund_look_done', 'update refunds set look_due_at = null where id = $1', [
    refundId,
  ]);
}

/**
 * The gateway paid a refund out that a person had settled: its payment counts it as refunded. It is looked up no more. The caller has the
 * locks of both, and has seen that this was not known.
 */
export function updateRefundFound(tx: Transaction, refundId: string, gatewayRef: string): Promise<number> {
  return execute(
    tx,
    'payments.refund_found',
    `with found as (
       update refunds set found_at = clock_timestamp(), gateway_ref = $2, look_due_at = null, updated_at = clock_timestamp()
       where id = $1 returning payment_id, amount_minor
     )
     update payments p
     set refunded_minor = p.refunded_minor + found.amount_minor,
         status = case when p.status in ${literals(AUTHORIZED_PAYMENT_STATUSES)} then p.status
                       else ${capturedAs('p.refunded_minor + found.amount_minor', 'p.captured_minor')} end,
         updated_at = clock_timestamp()
     from found where p.id = found.payment_id`,
    [refundId, gatewayRef],
  );
}

/** A charge that the gateway was asked for and that a person has settled as not made is looked up after so many seconds. */
export function updateChargeLookFirst(tx: Transaction, paymentId: string, seconds: number): Promise<number> {
  return execute(
    tx,
    'payments.charge_look_first',
    `update payments set tries = 0, look_due_at = clock_timestamp() + make_interval(secs => $2)
     where id = $1 and status = 'declined' and first_asked_at is not null`,
    [paymentId, seconds],
  );
}

/** As of a refund that a person has settled, of a charge that was settled as not made. */
export function claimChargeLook(
  on: Queryable,
  paymentId: string,
  { firstSeconds, longestSeconds }: RetryTimes,
): Promise<(ClaimedLook & { looks: number }) | undefined> {
  return maybeOne(
    on,
    'payments.claim_charge_look',
    `update payments p set tries = p.tries + 1, look_due_at = ${laterLook('p.tries', '$2', '$3')}
     where p.id = $1 and p.status = 'declined' and p.decline_code = $4 and p.look_due_at <= clock_timestamp()
     returning p.id as "paymentId", p.order_id as "orderId", p.tries as looks`,
    [paymentId, firstSeconds, longestSeconds, NOT_CAPTURED],
  );
}
