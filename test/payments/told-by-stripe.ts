import { askRefund } from '../../domain/payments/refund';
import { applyGatewayEvent } from '../../domain/payments/gateway-events';
import type { GatewayEventResult } from '../../domain/payments/gateway-event-types';
import { createStripeWebhook } from '../../integrations/stripe/webhook';
import { newId } from '../../platform/ids';
import { insertPaidOrder, readRefund, type PaidOrder } from './paid-order';
import { readPayment } from './orders';
import { stripeEvent, STRIPE_SECRET, type StripeEvent } from './stripe-events';
import { useStripe } from './stripe-fixture';

/** A Stripe that is scripted, what it tells by events, and what a test asks about them. */
export function useStripeEvents() {
  const { stripe, gateway, db } = useStripe();
  const warned = jest.fn();
  const webhook = createStripeWebhook([STRIPE_SECRET], { warn: warned });

  beforeEach(() => {
    stripe().idMark = `${newId()}_`;
  });

  const tell = (event: StripeEvent): Promise<GatewayEventResult> =>
    applyGatewayEvent(db(), 'stripe', webhook.read(event));
  const ask = (refundId: string) => askRefund({ db: db(), gatewayNamed: gateway }, refundId);
  const read = (refundId: string) => readRefund(db(), refundId);
  const calls = () =>
    stripe()
      .routes()
      .filter((route) => route === 'refund').length;

  /** Messages that wake the saga of an order, which are taken away. */
  async function wakes(orderId: string): Promise<number> {
    const { rowCount } = await db().pool.query(`delete from outbox where topic = 'order.wake' and key = $1`, [
      orderId,
    ]);
    return rowCount ?? 0;
  }

  /** What its history says of refunds and disputes. */
  async function eventsOf(orderId: string): Promise<string[]> {
    const { rows } = await db().pool.query<{ type: string }>(
      `select type from order_events where order_id = $1 and type ~ '^(refund|dispute)' order by seq`,
      [orderId],
    );
    return rows.map(({ type }) => type);
  }

  /** An order of three units, paid at Stripe. */
  async function paid(): Promise<PaidOrder & { intent: string }> {
    const order = await insertPaidOrder(db(), gateway(), { units: [3], token: 'pm_ok' });
    const { gatewayRef } = await readPayment(db(), order.paymentId);
    return { ...order, intent: gatewayRef ?? '' };
  }

  const total = (intent: string, amount: number) =>
    stripeEvent('charge.refunded', {
      object: 'charge',
      id: 'ch_1',
      payment_intent: intent,
      amount_refunded: amount,
      currency: 'usd',
      metadata: {},
    });

  return {
    stripe,
    gateway,
    db,
    warned,
    webhook,
    tell,
    ask,
    read,
    calls,
    wakes,
    eventsOf,
    paid,
    total,
  };
}
