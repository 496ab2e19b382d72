import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import type { DisputeFact } from './gateway-event-types';
import { TAKING_DISPUTE_STATUSES, type DisputeStatus } from './types';

export interface DisputeRow {
  id: string;
  status: DisputeStatus;
  /** When the gateway made the event that the row shows, Unix time in milliseconds. */
  occurredMs: number;
}

/** Serialises what is decided about the disputes and refunds of a payment. */
export function lockPayment(tx: Transaction, paymentId: string): Promise<number> {
  return execute(tx, 'payments.lock', 'select from payments where id = $1 for no key update', [paymentId]);
}

export function selectDispute(
  on: Queryable,
  paymentId: string,
  gatewayRef: string,
): Promise<DisputeRow | undefined> {
  return maybeOne<DisputeRow>(
    on,
    'payments.dispute',
    `select id, status, extract(epoch from occurred_at)::float8 * 1000 as "occurredMs"
     from disputes where payment_id = $1 and gateway_ref = $2`,
    [paymentId, gatewayRef],
  );
}

/** Writes a dispute as it is now. */
export function upsertDispute(
  tx: Transaction,
  dispute: DisputeFact & { id: string; paymentId: string; orderId: string; occurredAt: Date },
): Promise<number> {
  return execute(
    tx,
    'payments.upsert_dispute',
    `insert into disputes (id, payment_id, order_id, gateway_ref, amount_minor, currency, reason, status, due_by, occurred_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict (payment_id, gateway_ref) do update
     set amount_minor = excluded.amount_minor, currency = excluded.currency, reason = excluded.reason, status = excluded.status,
         due_by = excluded.due_by, occurred_at = excluded.occurred_at, updated_at = clock_timestamp()`,
    [
      dispute.id,
      dispute.paymentId,
      dispute.orderId,
      dispute.gatewayRef,
      dispute.amountMinor,
      dispute.currency,
      dispute.reason,
      dispute.status,
      dispute.dueBy,
      dispute.occurredAt,
    ],
  );
}

/** SQL of whether the payment `p` has a dispute that may stand in the way of its refunds. */
export const IS_DISPUTED = `exists (select from disputes d where d.payment_id = p.id
  and d.status in ${literals(TAKING_DISPUTE_STATUSES)})`;

export interface DisputedMoney {
  gatewayRef: string;
  status: DisputeStatus;
  /** What is disputed. */
  amountMinor: number;
  currency: string;
  /** Of the payment: what was captured, and what went back, is on its way, or may be: the gateway was asked for it, without an outcome. */
  capturedMinor: number;
  refundedMinor: number;
}

/** Disputes of a payment that may stand in the way of this refund of it, oldest first. */
export function selectDisputedMoney(
  on: Queryable,
  paymentId: string,
  refundId: string,
): Promise<DisputedMoney[]> {
  return many<DisputedMoney>(
    on,
    'payments.disputed_money',
    `select d.gateway_ref as "gatewayRef", d.status, d.amount_minor as "amountMinor", d.currency,
       p.captured_minor as "capturedMinor",
       coalesce((select sum(r.amount_minor) from refunds r where r.order_id = p.order_id and r.payment_id = p.id
                 and (r.status in ('pending', 'succeeded')
                      or r.status = 'planned' and r.tries > 0 and r.asked_at is not null and r.id <> $2)), 0)::bigint as "refundedMinor"
     from disputes d join payments p on p.id = d.payment_id
     where d.payment_id = $1 and d.status in ${literals(TAKING_DISPUTE_STATUSES)}
     order by d.created_at, d.id`,
    [paymentId, refundId],
  );
}
