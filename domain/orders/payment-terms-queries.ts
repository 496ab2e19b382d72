import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import type { CaptureMode, PaymentMethod } from './types';

export interface PaymentTerms {
  currency: string;
  /** Its stored method, with which later parts are charged without asking. */
  paymentMethod: PaymentMethod | null;
  /** How long a part waits for its payment. */
  holdSeconds: number;
  /** A request to cancel it is open. */
  isBeingCancelled: boolean;
  /** Somebody is to decide about it. */
  isReviewOpen: boolean;
  /** No review is in the way of shipping it: there is none, or it was approved. */
  mayShip: boolean;
  capture: CaptureMode;
}

/** What is agreed about paying for an order; undefined: no such order. */
export function selectPaymentTerms(on: Queryable, orderId: string): Promise<PaymentTerms | undefined> {
  return maybeOne<PaymentTerms>(
    on,
    'orders.payment_terms',
    `select currency, payment_method as "paymentMethod", reservation_seconds as "holdSeconds",
       cancel_state is not distinct from 'open' as "isBeingCancelled",
       review_status is not distinct from 'open' as "isReviewOpen", coalesce(review_status, 'approved') = 'approved' as "mayShip",
       capture
     from orders where id = $1`,
    [orderId],
  );
}

export function updatePaymentMethod(
  tx: Transaction,
  orderId: string,
  { method, token }: PaymentMethod,
): Promise<number> {
  return execute(
    tx,
    'orders.update_payment_method',
    'update orders set payment_method = $2, updated_at = clock_timestamp() where id = $1',
    // Where the customer goes on is of one payment.
    [orderId, JSON.stringify({ method, token })],
  );
}

/** What a unit of each product of an order costs, minor units. */
export function selectUnitPrices(
  on: Queryable,
  orderId: string,
): Promise<{ productId: number; unitPriceMinor: number }[]> {
  return many(
    on,
    'orders.unit_prices',
    `select product_id as "productId", unit_price_minor as "unitPriceMinor" from order_items where order_id = $1`,
    [orderId],
  );
}
