import { refundOrder } from '../../domain/ordering/refund';
import { setCaptured } from './orders';
import { UNAVAILABLE, useStripe } from './stripe-fixture';

const { stripe, gateway, db, payment, charge } = useStripe();

describe('a refund', () => {
  async function paid(): Promise<string> {
    const { orderId, paymentId } = await payment();
    const outcome = await charge(paymentId);
    await setCaptured(db(), paymentId, outcome.status === 'captured' ? outcome.gatewayRef : '');
    return orderId;
  }

  function refund(orderId: string): Promise<{ refundedMinor: number }> {
    return refundOrder({ db: db(), gateway: gateway(), orderId, reason: 'cancelled' });
  }

  test('is made once, also when its response was lost and Stripe has forgotten its key', async () => {
    const orderId = await paid();
    stripe().fail({ on: 'refund', when: 'after', how: 'hang' });
    await expect(refund(orderId)).rejects.toMatchObject(UNAVAILABLE);
    stripe().forgetKeys();
    expect(await refund(orderId)).toEqual({ refundedMinor: 5_000 });
    expect(await refund(orderId)).toEqual({ refundedMinor: 5_000 });
    expect(stripe().refunds).toHaveLength(1);
  });

  test('that Stripe refuses says so and is not recorded', async () => {
    const orderId = await paid();
    const error = {
      type: 'invalid_request_error',
      code: 'charge_already_refunded',
      message: 'Already refunded.',
    };
    stripe().fail({ on: 'refund', when: 'before', how: { status: 400, error } });
    await expect(refund(orderId)).rejects.toMatchObject({ code: 'REFUND_FAILED' });
  });

  test('that failed at the bank counts only once a person has made it anew under its id', async () => {
    const orderId = await paid();
    stripe().fail({ on: 'refund', when: 'after', how: 'hang' });
    await expect(refund(orderId)).rejects.toMatchObject(UNAVAILABLE);
    const [failed] = stripe().refunds;
    failed!.status = 'failed';
    await expect(refund(orderId)).rejects.toMatchObject({ code: 'REFUND_FAILED' });
    stripe().refunds.push({ ...failed!, id: 're_by_hand', status: 'succeeded' });
    expect(await refund(orderId)).toEqual({ refundedMinor: 5_000 });
  });
});
