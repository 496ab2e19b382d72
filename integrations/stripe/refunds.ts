import type Stripe from 'stripe';
import type { Logger } from '../../platform/telemetry/log';
import { isoAmount, stripeAmount } from './amounts';
import { keyOf } from '../numbered-key';
import { asThrown, bookedAt, isRefusal, isStoredFailure, wordsOf } from './outcome';
import type { KeySpent, PaymentGateway, RefundOutcome, RefundRequest } from '../../domain/payments/gateway';

/** With when the money went back. */
const LISTED = { expand: ['data.balance_transaction'] };
const MADE = { expand: ['balance_transaction'] };

/** More than one charge has. */
const MOST_REFUNDS = 10_000;

/** Refunds at Stripe. Its list of them is read before one is made: Stripe may forget an idempotency key after 24 hours. */
export function createRefunds(stripe: Stripe, log: Logger): Pick<PaymentGateway, 'refund' | 'findRefund'> {
  /**
   * What became of earlier tries of this refund, also of one that a person made with its id: one that stands, else one that
   * failed under this number of its key.
   */
  async function earlierRefund(request: RefundRequest): Promise<Stripe.Refund | undefined> {
    const refunds = await stripe.refunds.list({ payment_intent: request.gatewayRef, limit: 100, ...LISTED });
    const ours = refunds.data.filter((refund) => refund.metadata?.refundId === request.refundId);
    return ours.find(stands) ?? ours.find((refund) => keyNumberOf(refund) === request.keyNumber);
  }

  async function refundOrFind(request: RefundRequest): Promise<RefundOutcome | KeySpent> {
    const earlier = await earlierRefund(request);
    if (earlier) return asOutcome(earlier);
    try {
      return asOutcome(await createRefund(stripe, request));
    } catch (error) {
      if (!isStoredFailure(error)) throw error;
      // Looked at again: only now is it certain that the first request does nothing any more.
      const made = await earlierRefund(request);
      return made
        ? asOutcome(made)
        : { status: 'key_spent', reason: `Stripe has stored a failure: ${wordsOf(error)}` };
    }
  }

  /** What a refused refund says: also what is left of the charge, since somebody may have given money back at Stripe. */
  async function refused(
    request: RefundRequest,
    error: Stripe.errors.StripeInvalidRequestError,
  ): Promise<RefundOutcome> {
    const { refundId, gatewayRef, currency } = request;
    log.warn({ err: error, refundId }, 'Stripe refused a refund');
    const leftMinor = await leftOf(gatewayRef, currency).catch((failure: unknown) => {
      log.warn({ err: failure, refundId }, 'what is left of a charge cannot be read at Stripe');
      return null;
    });
    const left =
      leftMinor === null ? '' : ` Of its charge ${leftMinor} ${currency} minor units are left at Stripe.`;
    return { status: 'failed', gatewayRef: null, reason: `Stripe refused it: ${wordsOf(error)}.${left}` };
  }

  /** Minor units of ISO 4217 that have not gone back; null: there are more refunds than are read at once. */
  async function leftOf(intentId: string, currency: string): Promise<number | null> {
    const [intent, refunds] = await Promise.all([
      stripe.paymentIntents.retrieve(intentId),
      stripe.refunds.list({ payment_intent: intentId, limit: 100 }),
    ]);
    if (refunds.has_more) return null;
    const back = refunds.data.filter(stands).reduce((sum, { amount }) => sum + amount, 0);
    return isoAmount(intent.amount_received - back, currency);
  }

  return {
    async refund(request) {
      try {
        return await refundOrFind(request);
      } catch (error) {
        if (isRefusal(error)) return refused(request, error);
        throw asThrown(error, request.refundId);
      }
    },

    async findRefund({ refundId, gatewayRef }) {
      try {
        const list = stripe.refunds.list({ payment_intent: gatewayRef, limit: 100, ...LISTED });
        const all = await list.autoPagingToArray({ limit: MOST_REFUNDS });
        const ours = all.filter(({ metadata }) => metadata?.refundId === refundId);
        const found = ours.find(stands) ?? ours[0];
        return found ? asOutcome(found) : null;
      } catch (error) {
        throw asThrown(error, refundId);
      }
    },
  };
}

/** @throws AMOUNT_NOT_CHARGEABLE */
function createRefund(stripe: Stripe, request: RefundRequest): Promise<Stripe.Refund> {
  const { refundId, paymentId, reason, keyNumber } = request;
  return stripe.refunds.create(
    {
      payment_intent: request.gatewayRef,
      amount: stripeAmount(request.amountMinor, request.currency),
      metadata: { refundId, paymentId, reason, keyNumber: String(keyNumber) },
      ...MADE,
    },
    { idempotencyKey: keyOf(refundId, keyNumber) },
  );
}

function keyNumberOf({ metadata }: Stripe.Refund): number {
  return Number(metadata?.keyNumber ?? 1);
}

function stands({ status }: Stripe.Refund): boolean {
  return status !== 'failed' && status !== 'canceled';
}

function asOutcome(refund: Stripe.Refund): RefundOutcome {
  const { id: gatewayRef, status } = refund;
  if (!stands(refund)) {
    const reason = `Stripe says ${status ?? 'nothing'}${refund.failure_reason ? `: ${refund.failure_reason}` : ''}.`;
    return { status: 'failed', gatewayRef, reason };
  }
  const made = { gatewayRef, ...bookedAt(refund.balance_transaction) };
  return { status: status === 'succeeded' ? 'succeeded' : 'pending', ...made };
}
