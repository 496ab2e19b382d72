import { SQL_CHECKS, statementOf } from '../../domain/assurance/checks/checks';
import type { AuthorisedShop } from './authorised-orders';
import { viewOf } from './support';

/** Who settled a capture, and why. */
export const BY = { reason: 'paid by transfer', actor: 'kim' };

/** What tests of captures do with the orders of a shop, which is opened later. */
export function capturingOrders(shop: () => AuthorisedShop) {
  /** What an operator sees of money that is kept for nothing, or not taken. */
  async function expectMoneyInOrder(): Promise<void> {
    const run = {
      mode: 'full',
      limit: 10,
      graceSeconds: 0,
      since: null,
      summedUp: { xid: 0, id: 0 },
    } as const;
    expect((await shop().db.query(statementOf(SQL_CHECKS.get('order_payments')!, run))).rows).toEqual([]);
  }

  const twoParcels = async () => {
    const sku = await shop().product({ AMS: 1, BER: 1 });
    return { sku, orderId: await shop().authorised({ [sku]: 2 }) };
  };
  const viewsOf = async (orderId: string) => (await viewOf(shop().db, orderId)).payments[0]!.captures;
  const needs = async (orderId: string) =>
    (await viewOf(shop().db, orderId)).attention.map(({ kind, about }) => [kind, about]);
  /** No call about it is under way. */
  const askedLongAgo = (captureId: string) =>
    shop().db.pool.query(
      `update captures set asked_at = clock_timestamp() - interval '1 minute' where id = $1`,
      [captureId],
    );
  /** As time passes until so long before the gateway drops the authorisation. */
  const lapsesSoon = (orderId: string) =>
    shop().db.pool.query('update payments set capture_due_at = clock_timestamp() where order_id = $1', [
      orderId,
    ]);
  /** A person has seen to what only a person can end. */
  const endAttention = (orderId: string) =>
    shop().db.pool.query(
      `update alerts set status = 'resolved', resolved_at = clock_timestamp() where order_id = $1`,
      [orderId],
    );

  return { expectMoneyInOrder, twoParcels, viewsOf, needs, askedLongAgo, lapsesSoon, endAttention };
}
