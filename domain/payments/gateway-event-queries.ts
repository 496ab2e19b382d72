import { execute, maybeOne, one, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
import { NOT_CAPTURED } from './rules';
import { OPEN_CAPTURE_STATUSES, OPEN_REFUND_STATUSES, PAYMENT_STATUSES_IN_FLIGHT } from './types';

export interface ToldPayment {
  paymentId: string;
  orderId: string;
  /** Of it, what went back or is planned to. */
  refundPlannedMinor: number;
}

/** The payment that a gateway means: by its own id of the charge, else by ours. */
export function selectToldPayment(
  on: Queryable,
  gateway: string,
  { chargeRef, paymentId }: { chargeRef: string | null; paymentId: string | null },
): Promise<ToldPayment | undefined> {
  return maybeOne<ToldPayment>(
    on,
    'payments.told',
    `select id as "paymentId", order_id as "orderId", refund_planned_minor as "refundPlannedMinor"
     from payments where gateway = $1 and (gateway_ref = $2 or id = $3)
     order by gateway_ref is not distinct from $2 desc limit 1`,
    [gateway, chargeRef, paymentId],
  );
}

/** False: it was applied before. Waits for another transaction that applies it. */
export async function insertGatewayEvent(
  tx: Transaction,
  event: { gateway: string; eventId: string; paymentId: string; type: string; occurredAt: Date },
): Promise<boolean> {
  const written = await execute(
    tx,
    'payments.insert_gateway_event',
    `insert into gateway_events (gateway, event_id, payment_id, type, occurred_at) values ($1, $2, $3, $4, $5)
     on conflict do nothing`,
    [event.gateway, event.eventId, event.paymentId, event.type, event.occurredAt],
  );
  return written > 0;
}

/**
 * The gateway is to be asked about a charge now: also about its captures and its void, and about what a person settled: a charge
 * as not made, or that nothing is held any more. False: none of them is open.
 *
 * @param hasEnded it is to be looked up as well whether an authorisation is still kept
 */
export async function updateChargeDue(
  tx: Transaction,
  paymentId: string,
  hasEnded: boolean,
): Promise<boolean> {
  const changed = await one<{ count: number }>(
    tx,
    'payments.charge_due',
    `with charge as (
       update payments
       set next_try_at = null, look_due_at = case when status in ('authorized', 'declined') or void_settled_by is not null then clock_timestamp() end,
           tries = case when status = 'authorized' or void_settled_by is not null then 0 else tries end
       where id = $1 and (status in ${literals([...PAYMENT_STATUSES_IN_FLIGHT, 'void_planned'])}
                          or $2::boolean and status = 'authorized' and lost_at is null
                          or status = 'declined' and decline_code = $3
                          or void_settled_by is not null)
       returning id
     ), captured as (
       update captures set next_try_at = null
       where id in (select id from captures where payment_id = $1 and order_id = (select order_id from payments where id = $1)
                      and status in ${literals(OPEN_CAPTURE_STATUSES)} order by id for no key update)
       returning id
     )
     select ((select count(*) from charge) + (select count(*) from captured))::int as count`,
    [paymentId, hasEnded, NOT_CAPTURED],
  );
  return changed.count > 0;
}

/** The gateway is to be asked about open refunds of a payment now: about one, or (null) about all. False: none is open. */
export async function updateRefundsDue(
  tx: Transaction,
  paymentId: string,
  refundId: string | null,
): Promise<boolean> {
  const changed = await execute(
    tx,
    'payments.refunds_due',
    `update refunds set next_try_at = null
     where id in (select id from refunds where payment_id = $1 and order_id = (select order_id from payments where id = $1)
                    and ($2::uuid is null or id = $2) and status in ${literals(OPEN_REFUND_STATUSES)}
                  order by id for no key update)`,
    [paymentId, refundId],
  );
  return changed > 0;
}

/** Our id of a refund that a gateway means: the one that it names as ours, else the one that has its id. */
export async function selectToldRefund(
  on: Queryable,
  { paymentId, orderId }: Pick<ToldPayment, 'paymentId' | 'orderId'>,
  { refundId, gatewayRef }: { refundId: string | null; gatewayRef: string },
): Promise<string | undefined> {
  const found = await maybeOne<{ id: string }>(
    on,
    'payments.told_refund',
    `select id from refunds
     where order_id = $1 and payment_id = $2 and (id = $3 or gateway_ref = $4 or settled_reference = $4)
     order by id is not distinct from $3 desc, id limit 1`,
    [orderId, paymentId, refundId, gatewayRef],
  );
  return found?.id;
}
