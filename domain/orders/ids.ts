import { derivedId } from '../../platform/ids';

/** The `seq`-th hold of an order. */
export function orderReservationId(orderId: string, seq: number): string {
  return derivedId('reservation', orderId, seq);
}

/** The `attempt`-th charge of an order. */
export function orderPaymentId(orderId: string, attempt: number): string {
  return derivedId('payment', orderId, attempt);
}
