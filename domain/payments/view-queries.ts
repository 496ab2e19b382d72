import { maybeOne, type Queryable } from '../../platform/database/database';
import type { PaymentView } from './types';
import { PAYMENT_JSON } from './view-sql';

/** The payment that an attempt to pay an order led to; undefined: none yet. */
export async function selectPaymentOfUpdate(
  on: Queryable,
  orderId: string,
  updateId: string,
): Promise<PaymentView | undefined> {
  const row = await maybeOne<{ payment: PaymentView }>(
    on,
    'payments.of_update',
    `select ${PAYMENT_JSON} as payment from payments p where p.order_id = $1 and p.update_id = $2`,
    [orderId, updateId],
  );
  return row?.payment;
}
