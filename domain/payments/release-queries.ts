import { execute, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { nextTry, type RetryTimes } from '../../platform/database/retry-times';
import { capturedAs } from './captured-as-sql';
import type { PaymentStatus } from './types';
import { HAS_SETTLED } from './waits-sql';

/** What is not captured of authorised payments, which must be locked, is to be released. */
export function updateToVoidPlanned(tx: Transaction, paymentIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'payments.plan_void',
    `update payments set status = 'void_planned', tries = 0, next_try_at = null, last_error = null, capture_due_at = null,
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

export interface ClaimedRelease {
  paymentId: string;
  orderId: string;
  gateway: string;
  gatewayRef: string | null;
  currency: string;
  amountMinor: number;
  capturedMinor: number;
  tries: number;
  /** The gateway has dropped the authorisation by itself, and has captured nothing of it that is not known. */
  hasLapsed: boolean;
}

const RELEASE_COLUMNS = `p.id as "paymentId", p.order_id as "orderId", p.gateway, p.gateway_ref as "gatewayRef", p.currency,
  p.amount_minor as "amountMinor", p.captured_minor as "capturedMinor", p.tries,
  coalesce(p.capture_before < clock_timestamp(), false) and not ${HAS_SETTLED} as "hasLapsed"`;

/** Counts an attempt to release what is left and says when the next is due, before the call. Undefined: nothing is to be released. */
export function claimRelease(
  on: Queryable,
  paymentId: string,
  { firstSeconds, longestSeconds }: RetryTimes,
): Promise<ClaimedRelease | undefined> {
  return maybeOne<ClaimedRelease>(
    on,
    'payments.claim_release',
    `update payments p set tries = p.tries + 1, next_try_at = ${nextTry('p.tries', '$2', '$3')}
     where p.id = $1 and p.status = 'void_planned' returning ${RELEASE_COLUMNS}`,
    [paymentId, firstSeconds, longestSeconds],
  );
}

/** A payment of which something is to be released, locked. */
export function selectReleaseForUpdate(
  tx: Transaction,
  paymentId: string,
): Promise<ClaimedRelease | undefined> {
  return maybeOne<ClaimedRelease>(
    tx,
    'payments.lock_release',
    `select ${RELEASE_COLUMNS} from payments p where p.id = $1 and p.status = 'void_planned' for no key update`,
    [paymentId],
  );
}

/**
 * Nothing more of a payment can be captured; `surplusMinor` was captured at the gateway besides what we asked for. Returns what became of
 * it. The caller has its lock.
 */
export async function updateReleased(
  tx: Transaction,
  paymentId: string,
  { surplusMinor, captureId }: { surplusMinor: number; captureId: string },
): Promise<PaymentStatus | undefined> {
  const changed = await maybeOne<{ status: PaymentStatus }>(
    tx,
    'payments.released',
    `with surplus as (
       insert into captures (id, payment_id, order_id, amount_minor, status)
       select $3, id, order_id, $2, 'succeeded' from payments where id = $1 and $2::bigint > 0
     )
     update payments p
     set captured_minor = p.captured_minor + $2::bigint,
         capture_planned_minor = p.capture_planned_minor + $2::bigint,
         status = case when p.captured_minor + $2::bigint > 0 then ${capturedAs('p.refunded_minor', '(p.captured_minor + $2::bigint)')}
                       when exists (select from captures c where c.payment_id = p.id and c.amount_minor > 0) then 'failed'
                       else 'voided' end,
         next_try_at = null, last_error = null, updated_at = clock_timestamp()
     where p.id = $1 returning p.status`,
    [paymentId, surplusMinor, captureId],
  );
  return changed?.status;
}

/** Records why nothing was released. */
export function updateReleaseError(tx: Transaction, paymentId: string, why: string): Promise<number> {
  return execute(
    tx,
    'payments.release_error',
    `update payments set last_error = $2 where id = $1 and status = 'void_planned'`,
    [paymentId, why],
  );
}
