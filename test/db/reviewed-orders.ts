import { actOnLapse, isLastParcel } from '../../domain/ordering/capture';
import { readProgress } from '../../domain/ordering/progress';
import { decideReview, decideReviewByDeadline } from '../../domain/ordering/review';
import { resolveAttention } from '../../domain/orders/attention';
import { orderPaymentId } from '../../domain/orders/ids';
import type { OrderInput, ReviewOutcome, ReviewTerms } from '../../domain/orders/types';
import { askCapture } from '../../domain/payments/captures';
import type { CaptureRequest, GatewayNamed } from '../../domain/payments/gateway';
import { CARRIER, orderOf, PAYMENT, settleCharge, type OrderShop } from './support';

export const DAY = 86_400;

export function terms(rest: Partial<ReviewTerms> = {}): ReviewTerms {
  return { fromMinor: { USD: 2_000 }, seconds: DAY, otherwise: 'rejected', ...rest };
}

/** What tests of reviews do with the orders of a shop, which is opened later. */
export function reviewedOrders(shop: () => OrderShop) {
  /** Places two units of one product at two warehouses, 2000 minor units, which is reviewed. */
  async function placed(review = terms(), rest: Partial<OrderInput> = {}) {
    const sku = await shop().product({ AMS: 1, BER: 1 });
    const order = orderOf({ [sku]: 2 }, { payment: PAYMENT, review, ...rest });
    await shop().place(order);
    return { orderId: order.orderId, sku };
  }

  function authorize(orderId: string, attempt = 1) {
    const paymentId = orderPaymentId(orderId, attempt);
    const outcome = {
      status: 'authorized',
      gatewayRef: `ref-${paymentId}`,
      multicapture: true,
      captureBefore: null,
    } as const;
    return settleCharge(shop().db, { paymentId, outcome });
  }

  /** All of it is captured although the order is reviewed: its authorisation was about to lapse. */
  async function captureWhole(orderId: string) {
    await shop().db.pool.query('update payments set capture_due_at = clock_timestamp() where order_id = $1', [
      orderId,
    ]);
    await actOnLapse(shop().db, { orderId, action: 'capture' });
    await makeCaptures(orderId);
    const lapse = { kind: 'authorization_lapses', about: orderPaymentId(orderId, 1) } as const;
    await shop().db.retrying((tx) => resolveAttention(tx, [lapse]));
    return progressOf(orderId);
  }

  /** The gateway makes what is planned to be captured. */
  async function makeCaptures(orderId: string) {
    const { rows } = await shop().db.pool.query<{ id: string }>(
      `select id from captures where order_id = $1 and status = 'planned'`,
      [orderId],
    );
    const gatewayNamed = () => ({
      capture: ({ capturedMinor, amountMinor }: CaptureRequest) =>
        Promise.resolve({ status: 'succeeded', gatewayRef: null, endedMinor: capturedMinor + amountMinor }),
    });
    for (const { id } of rows)
      await askCapture(
        { db: shop().db, isLastParcel, gatewayNamed: gatewayNamed as unknown as GatewayNamed },
        id,
      );
    return progressOf(orderId);
  }

  /** One of which a unit waits for stock. */
  async function backordered() {
    const sku = await shop().product({ AMS: 1 });
    const order = orderOf({ [sku]: 2 }, { fulfilment: 'backorder', payment: PAYMENT, review: terms() });
    await shop().place(order);
    return { orderId: order.orderId, sku };
  }

  /** One whose money is authorised. */
  async function inReview(review = terms(), rest: Partial<OrderInput> = {}) {
    const order = await placed(review, rest);
    await authorize(order.orderId);
    return order;
  }

  function decide(orderId: string, outcome: ReviewOutcome, note: string | null = null) {
    return decideReview(shop().db, { orderId, outcome, actor: 'ann', note, carrier: CARRIER });
  }

  const byDeadline = (orderId: string) => decideReviewByDeadline(shop().db, { orderId, carrier: CARRIER });

  const makeReviewDue = (orderId: string) =>
    shop().db.pool.query('update orders set review_until = clock_timestamp() where id = $1', [orderId]);

  async function lastEvents(orderId: string, count: number): Promise<unknown[]> {
    const { rows } = await shop().db.pool.query<{ type: string; data: unknown }>(
      'select type, data from order_events where order_id = $1 order by seq desc limit $2',
      [orderId, count],
    );
    return rows.reverse();
  }

  const progressOf = async (orderId: string) => (await readProgress(shop().db, orderId))!;

  return {
    placed,
    authorize,
    captureWhole,
    makeCaptures,
    backordered,
    inReview,
    decide,
    byDeadline,
    makeReviewDue,
    lastEvents,
    progressOf,
  };
}
