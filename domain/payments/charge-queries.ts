import { maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import { literals } from '../../platform/database/literals';
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

/** `pending` to `unknown`; returns the payment's order, undefined when it was not pending. */
export async function updateToUnknown(tx: Transaction, paymentId: string): Promise<string | undefined> {
  const changed = await maybeOne<{ orderId: string }>(
    tx,
    'payments.mark_unknown',
    `update payments set status = 'unknown', updated_at = clock_timestamp()
     where id = $1 and status = 'pending' returning order_id as "orderId"`,
    [paymentId],
  );
  return changed?.orderId;
}
