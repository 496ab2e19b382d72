import { execute, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { nextTry, type RetryTimes } from '../../platform/database/retry-times';

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
