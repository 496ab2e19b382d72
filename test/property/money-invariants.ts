import { isInFlight } from '../../domain/payments/rules';
import { hold } from './hold';
import { isUnfinished, sum, waivedMinor, worth, type Payment } from './order-rows';
import type { OrderModel } from './order-model';
import { LONGEST_RETRY_MS } from './refund-model';

/** What the rows of an order's money say of each other at every moment. */
export function expectMoney(model: OrderModel): void {
  const { payments, captures, refunds } = model.money;
  hold('an origin has one refund', new Set(refunds.map(({ origin }) => origin)).size === refunds.length);
  const parcels = captures.flatMap(({ shipmentId }) => shipmentId ?? []);
  hold('a parcel is captured once', new Set(parcels).size === parcels.length);
  const { disputes, doubtful } = model.money;
  for (const refund of refunds) {
    const isHeldBack = disputes.isFrozen(refund.payment) || doubtful.includes(refund);
    hold(
      'a refund that nothing holds back is not left waiting',
      refund.status !== 'planned' || isHeldBack || refund.dueAt - model.now <= LONGEST_RETRY_MS,
    );
  }
  for (const payment of payments) {
    expectWithinCapture(payment);
    const own = refunds.filter((one) => one.payment === payment);
    hold('what is planned to go back is the sum of the refunds', payment.plannedMinor === sum(own));
    hold(
      'what is back is the sum of the refunds that succeeded',
      payment.refundedMinor === sum(own.filter(({ status }) => status === 'succeeded')),
    );
    const parts = captures.filter((one) => one.payment === payment);
    if (parts.length > 0) {
      // What a person settled stays planned, although the gateway may have taken it as well.
      const byHand = sum(parts.filter(({ status }) => status === 'settled_by_hand'));
      hold(
        'no more is to be captured than was authorised',
        payment.capturePlannedMinor - byHand <= payment.amountMinor,
      );
      hold('what is to be captured is the sum of the captures', payment.capturePlannedMinor === sum(parts));
      hold(
        'what is captured is the sum of the captures that succeeded',
        payment.capturedMinor === sum(parts.filter(({ status }) => status === 'succeeded')),
      );
    }
    const given = model.money.goodwill.get(payment.id) ?? 0;
    const kept = payment.capturePlannedMinor - payment.plannedMinor;
    hold(
      'what is captured and not planned to go back is worth what has left or may',
      isWorth(kept, Math.max(0, due(model, payment) - given), waivedMinor(model.money.capturesOf(payment))),
    );
  }
}

/** Of what was given up nothing goes back, unless that was planned before. */
function isWorth(keptMinor: number, dueMinor: number, givenUpMinor: number): boolean {
  return keptMinor >= dueMinor && keptMinor <= Math.max(dueMinor, givenUpMinor);
}

/** As PostgreSQL checks it. */
function expectWithinCapture(payment: Payment): void {
  const { amountMinor, capturePlannedMinor, capturedMinor, plannedMinor, refundedMinor } = payment;
  hold(
    'no more is captured than was authorised',
    0 <= capturedMinor && capturedMinor <= capturePlannedMinor && capturedMinor <= amountMinor,
  );
  hold(
    'no more goes back than was captured',
    0 <= refundedMinor && refundedMinor <= plannedMinor && plannedMinor <= capturePlannedMinor,
  );
  hold('what is back was captured', refundedMinor <= capturedMinor);
}

/** What the customer is to pay by this payment as far as is planned: what has left, or what may besides where it is captured whole. */
function due({ money, shipments }: OrderModel, payment: Payment): number {
  const { serves, isWhole, reservation } = payment;
  if (!serves) return 0;
  if (isWhole) return worth(reservation.lines, ({ open, shipped }) => open + shipped);
  const captured = new Set(money.capturesOf(payment).flatMap(({ shipmentId }) => shipmentId ?? []));
  const lines = shipments.filter(({ id }) => captured.has(id)).map(({ line }) => line);
  return worth(lines, ({ shipped }) => shipped);
}

/** What our rows say is what the gateway says, as far as its answers have come in. */
export function expectBooksOfGateway({ money, gateway }: OrderModel): void {
  for (const payment of money.payments) {
    const charge = gateway.charges.get(payment.id);
    if (!charge || isInFlight(payment)) {
      hold('our books know only charges that were made', isInFlight(payment));
      continue;
    }
    const isAccepted = !['declined', 'requires_action'].includes(charge.status);
    hold('our books say of a charge what the gateway says', isAccepted === (payment.status !== 'declined'));
    hold('what we count as captured is at the gateway', payment.capturedMinor <= charge.capturedMinor);
    hold('the gateway captures no more than was authorised', charge.capturedMinor <= charge.amountMinor);
  }
  const taken = [...gateway.captures.values()].filter(({ outcome }) => outcome.status === 'succeeded');
  hold('a capture is made once', new Set(taken.map(({ captureId }) => captureId)).size === taken.length);
  for (const capture of money.captures) {
    const isMade = taken.some(({ captureId }) => captureId === capture.id);
    hold('a capture that failed was not made', capture.status !== 'failed' || !isMade);
    if (!isUnfinished(capture) || isMade) continue;
    const charge = gateway.charges.get(capture.payment.id);
    const isThere = charge?.status === 'authorized' || charge?.hasLapsed === true;
    hold('what is to be captured is still authorised', isThere);
  }
  for (const refund of money.refunds) {
    const own = [...gateway.refunds.values()].filter(({ refundId }) => refundId === refund.id);
    const standing = own.filter(({ status }) => status !== 'failed');
    hold('a refund is made once', standing.length <= 1);
    const isMade = standing.some(({ ref, status }) => ref === refund.gatewayRef && status === 'succeeded');
    hold('a refund that succeeded was made', refund.status !== 'succeeded' || isMade);
    hold('a refund that failed was not made', refund.status !== 'failed' || standing.length === 0);
    const isByHand = money.capturesOf(refund.payment).some(({ status }) => status === 'settled_by_hand');
    hold('a refund is made of what is captured', isByHand || !own.some(({ isUncovered }) => isUncovered));
  }
}

/** Nothing is set aside on the customer's card, but for payments that a person is to look at. */
export function expectNothingBlocked({ gateway, now }: OrderModel, except: readonly Payment[]): void {
  for (const [id, { status, captureBefore }] of gateway.charges) {
    const isDropped = status === 'authorized' && captureBefore <= now;
    if (isDropped || except.some((one) => one.id === id)) continue;
    hold(
      'nothing of an authorisation stays blocked',
      status !== 'authorized' && status !== 'requires_action',
    );
  }
}

/** Once everything has ended and persons have settled what the gateway refused: what each payment came to. */
export function expectMoneySettled(model: OrderModel): void {
  const { money, gateway } = model;
  for (const payment of money.payments) {
    const byHand = money.capturesOf(payment).filter(({ status }) => status === 'settled_by_hand');
    const own = money.refunds.filter((one) => one.payment === payment);
    const waived = own.filter(({ status }) => status === 'settled_by_hand');
    hold(
      'all that is to be captured is',
      payment.capturedMinor === payment.capturePlannedMinor - sum(byHand),
    );
    hold('all that is to go back is back', payment.refundedMinor === payment.plannedMinor - sum(waived));
    const isPaying = payment.serves && payment.status !== 'declined';
    const shipped = isPaying ? worth(payment.reservation.lines, (line) => line.shipped) : 0;
    const kept = payment.capturePlannedMinor - payment.plannedMinor;
    const given = money.goodwill.get(payment.id) ?? 0;
    hold(
      'what the shop keeps is worth what was shipped',
      isWorth(kept, Math.max(0, shipped - given), waivedMinor(model.money.capturesOf(payment))),
    );
    const taken = gateway.charges.get(payment.id)?.capturedMinor ?? 0;
    hold('the gateway has captured what our books say', taken === payment.capturedMinor);
    const back = [...gateway.refunds.values()].filter(
      (one) => one.status === 'succeeded' && own.some(({ id }) => id === one.refundId),
    );
    hold(
      'the gateway has given back what our books say',
      waived.length > 0 || sum(back) === payment.refundedMinor,
    );
  }
}
