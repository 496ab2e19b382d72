import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { nextTry, type RetryTimes } from '../../platform/database/retry-times';
import { capturedAs } from './captured-as-sql';
import type { CapturedInParts } from './rules';
import { OPEN_CAPTURE_STATUSES, type CaptureStatus, type RefundSettlement } from './types';
import type { CaptureView } from './view-types';
import { CAPTURE_JSON } from './view-sql';
import { HAS_SETTLED, WAITS_FOR_CAPTURE } from './waits-sql';

/** An authorised payment, money in minor units. */
export interface AuthorizedPayment extends CapturedInParts {
  paymentId: string;
  reservationId: string;
  amountMinor: number;
  capturePlannedMinor: number;
  /** It is due before the gateway drops it. */
  isLapsing: boolean;
  /** The gateway has said that nothing more of it can be captured. */
  isLost: boolean;
  /** Its last capture was asked for, and may be under way. */
  isEnding: boolean;
}

/** Authorised payments of an order that may still be captured, locked by id. */
export function selectAuthorizedForUpdate(tx: Transaction, orderId: string): Promise<AuthorizedPayment[]> {
  return many<AuthorizedPayment>(
    tx,
    'payments.lock_authorized',
    `with locked as (
       select * from payments where order_id = $1 and status = 'authorized' order by id for no key update
     )
     select p.id as "paymentId", p.reservation_id as "reservationId", p.amount_minor as "amountMinor",
       p.capture_planned_minor as "capturePlannedMinor", p.multicapture, p.captured_whole as "isWhole",
       coalesce(c.shipments, '{}') as "shipmentIds", coalesce(c.unfinished, 0)::int as unfinished,
       coalesce(p.capture_due_at <= clock_timestamp(), false) as "isLapsing",
       p.lost_at is not null as "isLost", coalesce(c.is_ending, false) as "isEnding"
     from locked p
     left join lateral (
       select array_agg(shipment_id) filter (where shipment_id is not null) as shipments,
         count(*) filter (where status in ('planned', 'failed')) as unfinished,
         bool_or(status = 'planned' and is_final) as is_ending
       from captures where payment_id = p.id) c on true
     order by p.id`,
    [orderId],
  );
}

export interface NewCapture {
  captureId: string;
  paymentId: string;
  orderId: string;
  shipmentId: string | null;
  amountMinor: number;
}

/**
 * Writes captures, and sets their amounts aside on the payments, which must be locked. A parcel that has one is left out. What costs
 * nothing has succeeded. Returns the ids of those written.
 */
export async function insertCaptures(tx: Transaction, captures: readonly NewCapture[]): Promise<string[]> {
  const written = await many<{ id: string }>(
    tx,
    'payments.insert_captures',
    `with planned as (
       insert into captures (id, payment_id, order_id, shipment_id, amount_minor, status)
       select id, payment_id, order_id, shipment_id, amount, case when amount = 0 then 'succeeded' else 'planned' end
       from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[]) as c (id, payment_id, order_id, shipment_id, amount)
       on conflict (payment_id, shipment_id) where shipment_id is not null do nothing
       returning id, payment_id, shipment_id, amount_minor
     ), set_aside as (
       update payments p
       set capture_planned_minor = p.capture_planned_minor + c.amount, captured_whole = p.captured_whole or c.is_whole,
           capture_due_at = case when c.is_whole then null else p.capture_due_at end, updated_at = clock_timestamp()
       from (select payment_id, sum(amount_minor)::bigint as amount, bool_or(shipment_id is null) as is_whole
             from planned group by payment_id) c
       where p.id = c.payment_id
     )
     select id from planned`,
    [
      captures.map((c) => c.captureId),
      captures.map((c) => c.paymentId),
      captures.map((c) => c.orderId),
      captures.map((c) => c.shipmentId),
      captures.map((c) => c.amountMinor),
    ],
  );
  return written.map(({ id }) => id);
}

export interface CaptureRow {
  id: string;
  paymentId: string;
  orderId: string;
  amountMinor: number;
  currency: string;
  status: CaptureStatus;
  keyNumber: number;
  tries: number;
  gateway: string;
  chargeRef: string | null;
  /** Seconds since the gateway was last asked about it; null: never. */
  askedSeconds: number | null;
  /** Of its payment, captured so far. */
  capturedMinor: number;
}

export interface ClaimedCapture extends CaptureRow {
  isFinal: boolean;
}

const CAPTURE_COLUMNS = `c.id, c.payment_id as "paymentId", c.order_id as "orderId", c.amount_minor as "amountMinor", p.currency, c.status,
  c.key_number as "keyNumber", c.tries, p.gateway, p.gateway_ref as "chargeRef",
  extract(epoch from clock_timestamp() - c.asked_at)::float8 as "askedSeconds", p.captured_minor as "capturedMinor"`;

/** Nothing more will be captured of the payment `p` than the capture `c`; `$4`: all of its parcels that ever leave have a capture. */
const IS_LAST = `(not p.multicapture or (
  not exists (select from captures other where other.payment_id = p.id and other.id <> c.id and other.status in ('planned', 'failed'))
  and (p.captured_whole or $4)))`;

/**
 * Counts an attempt at a planned capture and says when the next is due, before the call. Whether it is final is decided once for each
 * key, since the same key must be the same request. The caller has the payment's lock. Undefined: it is not planned any more, or waits
 * for another one.
 */
export function claimCapture(
  tx: Transaction,
  captureId: string,
  { times: { firstSeconds, longestSeconds }, isLastParcel }: { times: RetryTimes; isLastParcel: boolean },
): Promise<ClaimedCapture | undefined> {
  return maybeOne<ClaimedCapture>(
    tx,
    'payments.claim_capture',
    `update captures c
     set tries = c.tries + 1, asked_at = clock_timestamp(), next_try_at = ${nextTry('c.tries', '$2', '$3')},
         is_final = coalesce(c.is_final, ${IS_LAST})
     from payments p
     where c.id = $1 and p.id = c.payment_id and c.status in ${literals(OPEN_CAPTURE_STATUSES)} and not ${WAITS_FOR_CAPTURE}
     returning ${CAPTURE_COLUMNS}, c.is_final as "isFinal"`,
    [captureId, firstSeconds, longestSeconds, isLastParcel],
  );
}

/** A capture, locked, and before it its payment. */
export function selectCaptureForUpdate(tx: Transaction, captureId: string): Promise<CaptureRow | undefined> {
  return maybeOne<CaptureRow>(
    tx,
    'payments.lock_capture',
    `with locked as (
       select id from payments where id = (select payment_id from captures where id = $1) for no key update
     )
     select ${CAPTURE_COLUMNS} from captures c join payments p on p.id = c.payment_id join locked on locked.id = p.id
     where c.id = $1 for no key update of c`,
    [captureId],
  );
}

/**
 * A planned capture was made. Where it was final, or nothing is left, its payment is done; but of one of which a person settled a capture
 * the gateway may have taken that as well, which it tells when the rest is voided. The caller has their locks.
 */
export function updateCaptureMade(
  tx: Transaction,
  captureId: string,
  { gatewayRef, isFinal }: { gatewayRef: string | null; isFinal: boolean },
): Promise<number> {
  return execute(
    tx,
    'payments.capture_made',
    `with made as (
       update captures set status = 'succeeded', gateway_ref = $2, last_error = null, next_try_at = null, updated_at = clock_timestamp()
       where id = $1 returning payment_id, amount_minor
     )
     update payments p
     set captured_minor = p.captured_minor + made.amount_minor,
         status = case when p.status = 'authorized' and ($3 or p.captured_minor + made.amount_minor = p.amount_minor)
                            and not ${HAS_SETTLED}
                       then ${capturedAs('p.refunded_minor', '(p.captured_minor + made.amount_minor)')} else p.status end,
         updated_at = clock_timestamp()
     from made where p.id = made.payment_id`,
    [captureId, gatewayRef, isFinal],
  );
}

export interface CaptureChange {
  status: Exclude<CaptureStatus, 'succeeded'>;
  lastError?: string | null;
  /** It is tried again under the next number of its key. */
  nextKey?: boolean;
  settledAs?: RefundSettlement;
  settledReference?: string | null;
  settledBy?: string;
}

/** Changes a capture that is not made. The caller has its lock. */
export function updateCapture(tx: Transaction, captureId: string, change: CaptureChange): Promise<number> {
  return execute(
    tx,
    'payments.update_capture',
    `update captures c
     set status = $2, last_error = $3, key_number = c.key_number + $4::boolean::int,
         is_final = case when $4 then null else c.is_final end,
         settled_as = $5, settled_reference = $6, settled_by = $7,
         tries = case when c.status = $2 then c.tries else 0 end,
         next_try_at = case when c.status = $2 then c.next_try_at end, updated_at = clock_timestamp()
     where c.id = $1`,
    [
      captureId,
      change.status,
      change.lastError ?? null,
      change.nextKey ?? false,
      change.settledAs ?? null,
      change.settledReference ?? null,
      change.settledBy ?? null,
    ],
  );
}

/** A planned capture is due now, whatever its tries. False: it is due already. The caller has its lock. */
export async function updateCaptureDueByHand(tx: Transaction, captureId: string): Promise<boolean> {
  const changed = await execute(
    tx,
    'payments.capture_due_by_hand',
    `update captures set next_try_at = null, updated_at = clock_timestamp()
     where id = $1 and status in ${literals(OPEN_CAPTURE_STATUSES)} and next_try_at > clock_timestamp()`,
    [captureId],
  );
  return changed > 0;
}

/** A capture as clients see it. */
export async function selectCaptureView(on: Queryable, captureId: string): Promise<CaptureView | undefined> {
  const row = await maybeOne<{ capture: CaptureView }>(
    on,
    'payments.capture_view',
    `select ${CAPTURE_JSON} as capture from captures c where c.id = $1`,
    [captureId],
  );
  return row?.capture;
}
