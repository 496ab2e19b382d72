import type { CaptureRequest, ChargeRequest } from '../../domain/payments/gateway';
import { newId } from '../../platform/ids';
import { CAPTURED_NOW } from './charge-terms';
import { useStripe } from './stripe-fixture';

/** What is asked for to have a charge captured later. */
export function request(changes: Partial<ChargeRequest> = {}): ChargeRequest {
  return {
    ...CAPTURED_NOW,
    paymentId: newId(),
    orderId: newId(),
    amountMinor: 5_000,
    currency: 'USD',
    method: 'card',
    token: 'pm_ok',
    gatewayRef: null,
    captureLater: true,
    ...changes,
  };
}

/** The capture of all of a charge. */
export function captureOf(charge: ChargeRequest, changes: Partial<CaptureRequest> = {}): CaptureRequest {
  const { paymentId, amountMinor, currency, gatewayRef } = charge;
  return {
    captureId: newId(),
    keyNumber: 1,
    paymentId,
    gatewayRef: gatewayRef ?? '',
    amountMinor,
    currency,
    capturedMinor: 0,
    isFinal: true,
    ...changes,
  };
}

/** A gateway at a Stripe of the test, with charges `pi_1` and on. */
export function useAuthorized() {
  const { stripe, gateway } = useStripe();
  return {
    stripe,
    gateway,
    /** A charge that is authorised at Stripe. */
    async authorized(changes: Partial<ChargeRequest> = {}) {
      const charge = request(changes);
      const { gatewayRef } = await gateway().prepare(charge);
      const asked = { ...charge, gatewayRef };
      const outcome = await gateway().charge(asked);
      if (outcome.status !== 'authorized') throw new Error(`it was ${outcome.status}`);
      return { charge: asked, outcome };
    },
    voided: ({ paymentId, gatewayRef, currency }: ChargeRequest, capturedMinor = 0) =>
      gateway().void({ paymentId, gatewayRef: gatewayRef ?? '', currency, capturedMinor }),
    /** The first charge, as Stripe has it. */
    intent: () => stripe().intent('pi_1'),
    /** Captures that Stripe was asked for. */
    captures: () =>
      stripe()
        .calls.filter(({ route }) => route === 'capture')
        .map(({ idempotencyKey, params }) => ({ key: idempotencyKey, ...Object.fromEntries(params) })),
  };
}
