import type { Database } from '../../platform/database/database';
import { enqueue } from '../../platform/database/outbox';
import { AppError } from '../../platform/errors';
import { appendEvents } from '../orders/events';
import { paymentNotFound } from '../payments/errors';
import { lockOrderPayments, readPayment, readPaymentView } from '../payments/payments';
import { lookUpLater } from '../payments/charge';
import { isInFlight, NOT_CAPTURED } from '../payments/rules';
import { LOOK_TIMES } from '../payments/within-limit';
import type { FinalOutcome } from '../payments/payments';
import { settleVoidByHand } from '../payments/void';
import type { PaymentRow } from '../payments/types';
import type { PaymentView } from '../payments/view-types';
import { lockOrderReservations } from '../stock/reservations/reservations';
import { settleUnwanted } from './pay';

export interface ChargeByHand {
  paymentId: string;
  /** What a person found out at the gateway; of an authorisation that is to be voided `not_captured`: nothing of it is held any more. */
  outcome: 'captured' | 'not_captured';
  /** The gateway's id of the charge; needed for a captured one that has none here. */
  reference: string | null;
  reason: string;
  actor: string;
}

/**
 * Records what became of a charge of which the gateway does not say it, once its reservation is given up, or that nothing is held any
 * more of an authorisation that the gateway does not void: it is asked no more. What was captured of a charge goes back. One that was not
 * made is looked up a few times afterwards. The same again changes nothing.
 *
 * @throws `PAYMENT_NOT_FOUND`; `PAYMENT_DECIDED`: it has another outcome; `PAYMENT_HOLDS_STOCK`: its reservation still waits for it;
 * `REFERENCE_REQUIRED`: a captured charge can only be given back with the gateway's id
 */
export async function settleChargeByHand(db: Database, request: ChargeByHand): Promise<PaymentView> {
  const { paymentId, outcome, reference, reason, actor } = request;
  return db.retrying(async (tx) => {
    const known = await readPayment(tx, paymentId);
    if (!known) throw paymentNotFound(paymentId);
    const { orderId, reservationId } = known;
    const reservations = await lockOrderReservations(tx, orderId);
    const payment = (await lockOrderPayments(tx, orderId)).find(({ id }) => id === paymentId) ?? known;
    const isHeld = payment.status === 'void_planned' && outcome === 'not_captured';
    if (!isInFlight(payment) && !isHeld) {
      const view = await readPaymentView(tx, paymentId);
      if (!decidedAs(payment).includes(outcome))
        throw new AppError('PAYMENT_DECIDED', `The payment is ${view.status}.`, { status: view.status });
      return view;
    }
    if (
      isInFlight(payment) &&
      payment.serves &&
      reservations.some(({ id, status }) => id === reservationId && status === 'charging')
    ) {
      throw new AppError(
        'PAYMENT_HOLDS_STOCK',
        'Stock is still reserved for this payment. Cancel the order, or wait until the reservation is given up.',
      );
    }
    if (isHeld) await settleVoidByHand(tx, { paymentId, actor });
    else {
      await settleUnwanted(tx, payment, found(outcome, reference ?? payment.gatewayRef));
      if (outcome === 'not_captured') await lookUpLater(tx, paymentId, LOOK_TIMES.firstSeconds);
    }
    await enqueue(tx, [{ topic: 'order.wake', key: orderId }]);
    await appendEvents(tx, [
      {
        orderId,
        type: 'payment_settled_by_hand',
        actor,
        data: { paymentId, outcome, reference, reason, actor },
      },
    ]);
    return readPaymentView(tx, paymentId);
  });
}

/** What may be said again of a payment that is not open: an authorised one is decided by its captures and its void. */
function decidedAs({ status, voidSettledBy }: PaymentRow): ChargeByHand['outcome'][] {
  if (['authorized', 'void_planned'].includes(status)) return [];
  const isNotCaptured = ['declined', 'voided', 'failed'].includes(status) || voidSettledBy !== null;
  return [isNotCaptured ? 'not_captured' : 'captured'];
}

function found(outcome: ChargeByHand['outcome'], gatewayRef: string | null): FinalOutcome {
  if (outcome === 'not_captured') return { status: 'declined', gatewayRef, declineCode: NOT_CAPTURED };
  if (gatewayRef === null)
    throw new AppError('REFERENCE_REQUIRED', "Give the gateway's id of the charge as reference.");
  return { status: 'captured', gatewayRef };
}
