import { derivedId } from '../../platform/ids';

/** Id of the `seq`-th reservation of an order. */
export function orderReservationId(orderId: string, seq: number): string {
  return derivedId('reservation', orderId, seq);
}

/** Id of the `attempt`-th charge of an order. */
export function orderPaymentId(orderId: string, attempt: number): string {
  return derivedId('payment', orderId, attempt);
}
