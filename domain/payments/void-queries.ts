import { execute, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { nextTry, type RetryTimes } from '../../platform/database/retry-times';
import { capturedAs } from './captured-as-sql';
import { laterLook } from './later-look-sql';
import type { PaymentStatus } from './types';

/** What is not captured of authorised payments, which must be locked, is to be voided. */
export function updateToVoidPlanned(tx: Transaction, paymentIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'payments.plan_void',
    `update payments set status = 'void_planned', tries = 0, next_try_at = null, last_error = null, capture_due_at = null, look_due_at = null,
       updated_at = clock_timestamp()
     where id = any ($1::uuid[]) and status = 'authorized'`,
    [paymentIds],
  );
}

/** Nothing more is done about these authorisations because they lapse. */
export function updateLapseDone(tx: Transaction, paymentIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'payments.lapse_done',
    'update payments set capture_due_at = null, updated_at = clock_timestamp() where id = any ($1::uuid[])',
    [paymentIds],
  );
}

export interface ClaimedVoid {
  paymentId: string;
  orderId: string;
  gateway: string;
  gatewayRef: string | null;
  currency: string;
  amountMinor: number;
  capturedMinor: number;
  tries: number;
}

const VOID_COLUMNS = `p.id as "paymentId", p.order_id as "orderId", p.gateway, p.gateway_ref as "gatewayRef", p.currency,
  p.amount_minor as "amountMinor", p.captured_minor as "capturedMinor", p.tries`;

/** Counts an attempt to void what is left and says when the next is due, before the call. Undefined: nothing is to be voided. */
export function claimVoid(
  on: Queryable,
  paymentId: string,
  { firstSeconds, longestSeconds }: RetryTimes,
): Promise<ClaimedVoid | undefined> {
  return maybeOne<ClaimedVoid>(
    on,
    'payments.claim_void',
    `update payments p set tries = p.tries + 1, next_try_at = ${nextTry('p.tries', '$2', '$3')}
     where p.id = $1 and p.status = 'void_planned' returning ${VOID_COLUMNS}`,
    [paymentId, firstSeconds, longestSeconds],
  );
}

/** A payment of which something is to be voided, locked. */
export function selectVoidForUpdate(tx: Transaction, paymentId: string): Promise<ClaimedVoid | undefined> {
  return maybeOne<ClaimedVoid>(
    tx,
    'payments.lock_void',
    `select ${VOID_COLUMNS} from payments p where p.id = $1 and p.status = 'void_planned' for no key update`,
    [paymentId],
  );
}

/**
 * Nothing more of a payment can be captured; `surplusMinor` was captured at the gateway besides what we asked for. Returns what became of
 * it. The caller has its lock.
 *
 * @param settledBy the person who found out that nothing is held any more; null: the gateway said so, and who found it out before stays
 */
export async function updateVoided(
  tx: Transaction,
  paymentId: string,
  {
    surplusMinor,
    captureId,
    settledBy,
  }: { surplusMinor: number; captureId: string; settledBy: string | null },
): Promise<PaymentStatus | undefined> {
  const changed = await maybeOne<{ status: PaymentStatus }>(
    tx,
    'payments.voided',
    `with surplus as (
       insert into captures (id, payment_id, order_id, amount_minor, status)
       select $3, id, order_id, $2, 'succeeded' from payments where id = $1 and $2::bigint > 0
     )
     update payments p
     set captured_minor = p.captured_minor + $2::bigint,
         capture_planned_minor = p.capture_planned_minor + $2::bigint,
         status = case when p.captured_minor + $2::bigint > 0 then ${capturedAs('p.refunded_minor', '(p.captured_minor + $2::bigint)')}
                       when p.lost_at is not null
                            or exists (select from captures c where c.payment_id = p.id and c.amount_minor > 0) then 'failed'
                       else 'voided' end,
         void_settled_by = coalesce($4, p.void_settled_by), next_try_at = null, last_error = null, updated_at = clock_timestamp()
     where p.id = $1 returning p.status`,
    [paymentId, surplusMinor, captureId, settledBy],
  );
  return changed?.status;
}

/** An authorisation of which a person said that nothing is held any more is looked up after so many seconds. The caller has its lock. */
export function updateVoidLookFirst(tx: Transaction, paymentId: string, seconds: number): Promise<number> {
  return execute(
    tx,
    'payments.void_look_first',
    `update payments set tries = 0, look_due_at = clock_timestamp() + make_interval(secs => $2)
     where id = $1 and void_settled_by is not null and gateway_ref is not null`,
    [paymentId, seconds],
  );
}

/**
 * Counts a look at such an authorisation and says when the next is due, before the call: ten times as long after it as this one was.
 * Undefined: it is not due.
 */
export function claimVoidLook(
  on: Queryable,
  paymentId: string,
  { firstSeconds, longestSeconds }: RetryTimes,
): Promise<ClaimedVoid | undefined> {
  return maybeOne<ClaimedVoid>(
    on,
    'payments.claim_void_look',
    `update payments p set tries = p.tries + 1, look_due_at = ${laterLook('p.tries', '$2', '$3')}
     where p.id = $1 and p.void_settled_by is not null and p.look_due_at <= clock_timestamp() returning ${VOID_COLUMNS}`,
    [paymentId, firstSeconds, longestSeconds],
  );
}

/** Such an authorisation, locked, as long as it is to be looked up. */
export function selectSettledVoidForUpdate(
  tx: Transaction,
  paymentId: string,
): Promise<ClaimedVoid | undefined> {
  return maybeOne<ClaimedVoid>(
    tx,
    'payments.lock_settled_void',
    `select ${VOID_COLUMNS} from payments p
     where p.id = $1 and p.void_settled_by is not null and p.look_due_at is not null for no key update`,
    [paymentId],
  );
}

/** Records why nothing was voided. */
export function updateVoidError(tx: Transaction, paymentId: string, why: string): Promise<number> {
  return execute(
    tx,
    'payments.void_error',
    `update payments set last_error = $2 where id = $1 and status = 'void_planned'`,
    [paymentId, why],
  );
}
