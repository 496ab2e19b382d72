import type { Queryable } from '../../../platform/database/database';
import { request, shell } from '../../../platform/told-commands';
import { readPaymentView } from '../../payments/payments';
import { waitingAbout } from '../attention';
import { paymentInWords, refundInWords } from './order';
import { selectLatestEvents, selectPaymentFacts } from './queries';
import { TOLD, type Explanation } from './types';

/** Why a payment is as it is. Null: there is none. */
export async function explainPayment(on: Queryable, paymentId: string): Promise<Explanation | null> {
  const facts = await selectPaymentFacts(on, paymentId);
  if (!facts) return null;
  const { orderId, reservationId, gateway, gatewayRef, tries, firstAskedAt, serves } = facts;
  const payment = await readPaymentView(on, paymentId);
  const ids = [paymentId, ...payment.captures.map(({ id }) => id), ...payment.refunds.map(({ id }) => id)];
  const waiting = (await waitingAbout(on, { orderId })).filter(({ actions }) =>
    ids.some((id) => actions.some((action) => action.includes(id))),
  );
  const events = await selectLatestEvents(on, orderId, 1_000);
  return {
    subject: { type: 'payment', id: paymentId },
    state: paymentInWords(payment),
    because: [
      `It is of the order ${orderId}, for its reservation ${reservationId}.`,
      serves
        ? 'Its money is for that reservation.'
        : 'Another payment took its place: what it captures goes back.',
      `The gateway ${gateway} ${gatewayRef === null ? 'has given no id for it' : `knows it as ${gatewayRef}`}.`,
      firstAskedAt === null
        ? 'The gateway was not asked about it yet.'
        : `The gateway was first asked at ${firstAskedAt}, and ${tries} times about what is open now.`,
      ...payment.captures.map(({ id, status, at }) => `The capture ${id} is ${status} since ${at}.`),
      ...payment.refunds.map((refund) => refundInWords(refund, payment.currency)),
    ],
    history: events.filter(({ data }) => ids.some((id) => Object.values(data).includes(id))).slice(-TOLD),
    currency: payment.currency,
    waiting,
    next: [shell`holdfast why order ${orderId}`, request`GET /api/v1/orders/${orderId}`],
    workflow: { of: 'order', id: orderId, mustRun: false },
  };
}
