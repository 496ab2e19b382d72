import { postUnposted } from '../../domain/payments/backfill';
import type { PaymentStatus } from '../../domain/payments/types';
import { execute, maybeOne, many, type Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';

/** Rows that the payment steps stand on, written plainly: how they come about is tested elsewhere. */
export interface OrderRows {
  orderId: string;
  reservationId: string;
}

export interface PaymentSeed {
  status?: PaymentStatus;
  amountMinor?: number;
  token?: string;
  gateway?: string;
  gatewayRef?: string | null;
  declineCode?: string | null;
}

export async function insertOrder(db: Database): Promise<OrderRows> {
  const orderId = newId();
  await execute(
    db,
    'test.order',
    `insert into orders (id, customer_id, status, fulfilment, currency, total_minor, reservation_seconds, input)
     values ($1, 'c-1', 'reserved', 'complete', 'USD', 100, 900, '{}')`,
    [orderId],
  );
  return { orderId, reservationId: await insertHold(db, orderId, 1) };
}

export async function insertHold(db: Database, orderId: string, seq: number): Promise<string> {
  const id = newId();
  await execute(
    db,
    'test.hold',
    `insert into reservations (id, kind, order_id, seq, status, expires_at)
     values ($1, 'order', $2, $3, 'charging', clock_timestamp() + interval '1 hour')`,
    [id, orderId, seq],
  );
  return id;
}

export async function insertPayment(
  db: Database,
  order: OrderRows,
  seed: PaymentSeed = {},
  attempt = 1,
): Promise<string> {
  const id = newId();
  await execute(
    db,
    'test.payment',
    `insert into payments (id, order_id, reservation_id, attempt, update_id, status, amount_minor, currency, method, token,
       gateway, gateway_ref, decline_code, captured_whole, capture_planned_minor, captured_minor)
     select $1, $2, $3, $4, $5, $6, $7, 'USD', 'card', $8, $9, $10, $11, $12, case when $12 then $7::bigint else 0 end,
       case when $12 then $7::bigint else 0 end`,
    [
      id,
      order.orderId,
      order.reservationId,
      attempt,
      `u-${attempt}`,
      seed.status ?? 'pending',
      seed.amountMinor ?? 5_000,
      seed.token ?? 'tok_ok',
      seed.gateway ?? 'sandbox',
      seed.gatewayRef ?? null,
      seed.declineCode ?? null,
      seed.status === 'captured',
    ],
  );
  if (seed.status === 'captured') await db.transaction((tx) => postUnposted(tx, id));
  return id;
}

/** What happens to a reservation whose charge stayed unresolved for too long. */
export async function abandonReservation(db: Database, reservationId: string): Promise<void> {
  await execute(db, 'test.abandon_hold', `update reservations set status = 'cancelled' where id = $1`, [
    reservationId,
  ]);
}

export async function setShipment(db: Database, shipmentId: string, status: string): Promise<void> {
  await execute(
    db,
    'test.set_shipment',
    `update shipments set status = $2, lease_until = case when $2 = 'booking' then clock_timestamp() end where id = $1`,
    [shipmentId, status],
  );
}

export interface StoredPayment {
  status: PaymentStatus;
  gatewayRef: string | null;
  planned: number;
  refunded: number;
}

export async function readPayment(db: Database, paymentId: string): Promise<StoredPayment> {
  const payment = await maybeOne<StoredPayment>(
    db,
    'test.read_payment',
    `select status, gateway_ref as "gatewayRef", refund_planned_minor as planned, refunded_minor as refunded
     from payments where id = $1`,
    [paymentId],
  );
  return payment!;
}

export interface SandboxBooks {
  charges: { key: string; status: string; calls: number }[];
  refundedMinor: number;
}

/** What the sandbox gateway itself has on record about these payments. */
export async function readSandboxBooks(db: Database, paymentIds: string[]): Promise<SandboxBooks> {
  const charges = await many<SandboxBooks['charges'][number]>(
    db,
    'test.sandbox_charges',
    `select idempotency_key as key, status, calls from sandbox_gateway.charges where idempotency_key = any ($1)`,
    [paymentIds],
  );
  const refunds = await maybeOne<{ sum: number }>(
    db,
    'test.sandbox_refunds',
    `select coalesce(sum(r.amount_minor), 0)::bigint as sum
     from sandbox_gateway.refunds r join sandbox_gateway.charges c on c.ref = r.charge_ref
     where c.idempotency_key = any ($1)`,
    [paymentIds],
  );
  return { charges, refundedMinor: refunds!.sum };
}
