import { createShipments } from '../../domain/fulfilment/create';
import { askGateway, type AskDeps } from '../../domain/ordering/ask-gateway';
import { readProgress } from '../../domain/ordering/progress';
import { nextStep } from '../../domain/ordering/rules';
import type { OrderProgress } from '../../domain/ordering/types';
import { appendEvents } from '../../domain/orders/events';
import { postUnposted } from '../../domain/payments/backfill';
import { lockRefundable, planRefunds } from '../../domain/payments/refund';
import { updateRefund, type RefundChange } from '../../domain/payments/refund-queries';
import type { ChargeRequest, PaymentGateway } from '../../domain/payments/gateway';
import type { RefundOrigin, RefundStatus } from '../../domain/payments/types';
import { one, type Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { addPaidOrder, addStock } from '../support/fixtures';
import { insertPayment, readPayment, readSandboxBooks } from './orders';
import { CAPTURED_NOW } from './charge-terms';
import { postMoneyAgain } from '../support/post-money';

/** Each unit costs so much, minor units. */
export const UNIT_MINOR = 1_000;

export interface PaidOrder {
  orderId: string;
  reservationId: string;
  sku: string;
  paymentId: string;
  amountMinor: number;
  /** One for each warehouse. */
  shipments: string[];
}

/** An order of `units[i]` units from the i-th warehouse that is reserved and not charged yet, with its payment. */
export async function insertChargingOrder(
  db: Database,
  { units = [1], token = 'tok_ok', gateway = 'sandbox' } = {},
): Promise<Omit<PaidOrder, 'shipments'>> {
  const sku = `SKU-${newId()}`;
  const lines = units.map((quantity, index) => ({ sku, warehouse: `W${index + 1}`, quantity }));
  for (const { warehouse, quantity } of lines) await addStock(db, sku, warehouse, quantity);
  const order = await addPaidOrder(db, lines);
  await db.pool.query(`update orders set status = 'reserved' where id = $1`, [order.orderId]);
  await db.pool.query(`update reservations set status = 'charging', attempt = 1 where id = $1`, [
    order.reservationId,
  ]);
  const amountMinor = UNIT_MINOR * units.reduce((sum, quantity) => sum + quantity, 0);
  const paymentId = await insertPayment(db, order, { amountMinor, token, gateway });
  return { ...order, sku, paymentId, amountMinor };
}

/** The same, captured at the gateway and in our rows, with its shipments. */
export async function insertPaidOrder(
  db: Database,
  gateway: PaymentGateway,
  { units = [1], token = 'tok_ok' } = {},
): Promise<PaidOrder> {
  const order = await insertChargingOrder(db, { units, token, gateway: gateway.name });
  const { orderId, reservationId, paymentId, amountMinor } = order;
  const request: ChargeRequest = {
    ...CAPTURED_NOW,
    paymentId,
    orderId,
    amountMinor,
    currency: 'USD',
    method: 'card',
    token,
    gatewayRef: null,
  };
  const { gatewayRef } = await gateway.prepare(request);
  const outcome = await gateway.charge({ ...request, gatewayRef });
  if (outcome.status !== 'captured') throw new Error(`${token} was not captured`);
  await db.pool.query(
    `update payments set status = 'captured', gateway_ref = $2, captured_whole = true, capture_planned_minor = amount_minor, captured_minor = amount_minor where id = $1`,
    [paymentId, outcome.gatewayRef],
  );
  await db.transaction((tx) => postUnposted(tx, paymentId));
  await db.pool.query(`update reservations set status = 'confirmed' where id = $1`, [reservationId]);
  await db.pool.query(`update orders set status = 'paid' where id = $1`, [orderId]);
  await db.transaction((tx) => createShipments(tx, [{ orderId, reservationId, carrier: 'sandbox' }]));
  const { rows } = await db.pool.query<{ id: string }>(
    `select s.id from shipments s join warehouses w on w.id = s.warehouse_id where s.order_id = $1 order by w.code`,
    [orderId],
  );
  return { ...order, shipments: rows.map(({ id }) => id) };
}

/** Plans a refund, and returns the ids of all refunds of the order. */
export async function plan(
  db: Database,
  { orderId, paymentId }: Pick<PaidOrder, 'orderId' | 'paymentId'>,
  { amountMinor = UNIT_MINOR, origin }: { amountMinor?: number; origin?: RefundOrigin } = {},
): Promise<string[]> {
  await db.transaction(async (tx) => {
    const payments = await lockRefundable(tx, orderId);
    const own: RefundOrigin = { kind: 'operator', id: newId() };
    const plans = [{ paymentId, amountMinor, origin: origin ?? own, reason: 'test', actor: null }];
    await appendEvents(tx, await planRefunds(tx, orderId, { payments, plans }));
  });
  return (await refundsOf(db, orderId)).map(({ id }) => id);
}

/** Plans one refund and returns its id. */
export async function planOne(db: Database, order: PaidOrder, amountMinor?: number): Promise<string> {
  return (await plan(db, order, { amountMinor })).at(-1) ?? '';
}

export interface StoredRefund {
  id: string;
  status: RefundStatus;
  amountMinor: number;
  keyNumber: number;
  tries: number;
  gatewayRef: string | null;
  lastError: string | null;
  /** Seconds until the next try. */
  dueIn: number | null;
}

const REFUND = `id, status, amount_minor as "amountMinor", key_number as "keyNumber", tries, gateway_ref as "gatewayRef",
  last_error as "lastError", extract(epoch from next_try_at - clock_timestamp())::float8 as "dueIn"`;

export async function refundsOf(db: Database, orderId: string): Promise<StoredRefund[]> {
  const { rows } = await db.pool.query<StoredRefund>(
    `select ${REFUND} from refunds where order_id = $1 order by created_at, id`,
    [orderId],
  );
  return rows;
}

export function readRefund(db: Database, refundId: string): Promise<StoredRefund> {
  return one<StoredRefund>(db, 'test.refund', `select ${REFUND} from refunds where id = $1`, [refundId]);
}

/** As a person does who has looked at a refund. */
export async function changeRefund(db: Database, refundId: string, change: RefundChange): Promise<void> {
  await db.transaction((tx) => updateRefund(tx, refundId, change));
  await postMoneyAgain(db);
}

/** For what an order needs a person, `kind` and what it is about. */
export async function attentionOf(db: Database, orderId: string): Promise<string[]> {
  const { rows } = await db.pool.query<{ subject: string }>(
    `select subject from alerts where order_id = $1 and status <> 'resolved' order by subject`,
    [orderId],
  );
  return rows.map(({ subject }) => subject);
}

/** What is waited for is due now. */
export async function letRetry(db: Database, orderId: string): Promise<void> {
  await db.pool.query('update refunds set next_try_at = clock_timestamp() where order_id = $1', [orderId]);
  await db.pool.query('update payments set next_try_at = clock_timestamp() where order_id = $1', [orderId]);
}

export const ASK = { firstRetrySeconds: 0.5, unknownLimitSeconds: 3_600, briefMs: null };

/** Asks the gateway about whatever of an order is due, as its saga does, and returns the ids asked about. */
export async function askAllDue(deps: AskDeps, orderId: string): Promise<string[]> {
  const asked: string[] = [];
  for (;;) {
    const progress = await progressOf(deps.db, orderId);
    const step = nextStep(progress);
    if (step.do !== 'ask' || asked.length >= 20) return asked;
    asked.push(step.ask.id);
    await askGateway(deps, { orderId, ask: step.ask, ...ASK });
  }
}

export async function progressOf(db: Database, orderId: string): Promise<OrderProgress> {
  const progress = await readProgress(db, orderId);
  if (!progress) throw new Error('there is no such order');
  return progress;
}

/** A payment's money in our rows, and what the gateway has given back of it. */
export async function moneyOf(db: Database, { paymentId }: Pick<PaidOrder, 'paymentId'>) {
  const { status, planned, refunded } = await readPayment(db, paymentId);
  const { refundedMinor } = await readSandboxBooks(db, [paymentId]);
  return { status, planned, refunded, atGateway: refundedMinor };
}
