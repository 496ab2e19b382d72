import { askRefund } from '../../domain/payments/refund';
import {
  requestRefund,
  retryRefund,
  settleByHand,
  type RefundWanted,
  type SettlementByHand,
} from '../../domain/payments/refunds-by-hand';
import type { ClosableGateway } from '../../domain/payments/gateway';
import { onlyGateway } from '../../integrations/gateways';
import { newId } from '../../platform/ids';
import { ASK_LIMIT_MS, type TestShop } from '../support/fixtures';
import { attentionOf, insertPaidOrder, planOne, readRefund, refundsOf, type PaidOrder } from './paid-order';

interface RefundShop {
  shop: () => TestShop;
  gateway: () => ClosableGateway;
  /** One that gives no response. */
  away: () => ClosableGateway;
}

/** Refunds of paid orders at gateways that are opened later, what people do about them, and what a test asks about them. */
export function useRefunds({ shop, gateway, away }: RefundShop) {
  const paidOrder = (rest?: { units?: number[]; token?: string }) =>
    insertPaidOrder(shop().db, gateway(), rest);
  const ask = (refundId: string, where = gateway()) =>
    askRefund({ db: shop().db, gatewayNamed: onlyGateway(where).named }, refundId);
  const read = (refundId: string) => readRefund(shop().db, refundId);
  const amounts = async ({ orderId }: PaidOrder) =>
    (await refundsOf(shop().db, orderId)).map(({ amountMinor }) => amountMinor);

  const request = ({ orderId }: PaidOrder, rest: Partial<RefundWanted> = {}) =>
    requestRefund(shop().db, {
      orderId,
      requestId: newId(),
      paymentId: null,
      amountMinor: 500,
      reason: 'late delivery',
      actor: 'kim',
      ...rest,
    });
  const settle = (refundId: string, rest: Partial<SettlementByHand> = {}) =>
    settleByHand(shop().db, {
      refundId,
      outcome: 'made_elsewhere',
      reference: 'bank 17',
      reason: 'the card is closed',
      actor: 'kim',
      ...rest,
    });
  const retry = (refundId: string) =>
    retryRefund(shop().db, { askLimitMs: ASK_LIMIT_MS, refundId, actor: 'kim' });

  async function lastEvent({ orderId }: PaidOrder): Promise<{ type: string; data: object }> {
    const { rows } = await shop().db.pool.query<{ type: string; data: object }>(
      'select type, data from order_events where order_id = $1 order by seq desc limit 1',
      [orderId],
    );
    return rows[0]!;
  }

  /** Whether the order's saga was asked to look since the last time. */
  async function isWoken({ orderId }: PaidOrder): Promise<boolean> {
    const { rowCount } = await shop().db.pool.query(
      `delete from outbox where topic = 'order.wake' and key = $1`,
      [orderId],
    );
    return (rowCount ?? 0) > 0;
  }

  /** As if the gateway had last been asked about a refund so long ago, and were to be asked again in an hour. */
  async function askedAgo(refundId: string, seconds: number): Promise<void> {
    await shop().db.pool.query(
      `update refunds set asked_at = clock_timestamp() - make_interval(secs => $2), next_try_at = clock_timestamp() + interval '1 hour'
       where id = $1`,
      [refundId, seconds],
    );
  }

  /** A refund that the gateway has refused for good. */
  async function failed(): Promise<{ order: PaidOrder; refundId: string }> {
    const order = await paidOrder({ token: 'tok_refund_fails' });
    const refundId = await planOne(shop().db, order);
    await ask(refundId);
    expect(await attentionOf(shop().db, order.orderId)).toEqual([`refund_failed:${refundId}`]);
    return { order, refundId };
  }

  /** A refund of which the gateway has given no response for long. */
  async function delayed(): Promise<{ order: PaidOrder; refundId: string }> {
    const order = await paidOrder();
    const refundId = await planOne(shop().db, order);
    for (let tries = 0; tries < 6; tries++) await ask(refundId, away());
    expect(await attentionOf(shop().db, order.orderId)).toEqual([`refund_delayed:${refundId}`]);
    return { order, refundId };
  }

  return {
    paidOrder,
    ask,
    read,
    amounts,
    request,
    settle,
    retry,
    lastEvent,
    isWoken,
    askedAgo,
    failed,
    delayed,
  };
}
