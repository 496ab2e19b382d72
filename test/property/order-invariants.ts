import { hasLeft } from '../../domain/fulfilment/rules';
import { hasEnded } from '../../domain/orders/rules';
import { isInFlight } from '../../domain/payments/rules';
import { isCaptured, isOpen, worth, type OrderModel } from './order-model';

/** Fails with `what` unless it holds. Plain, since it is called millions of times. */
export function hold(what: string, holds: boolean): void {
  if (!holds) throw new Error(`Broken: ${what}`);
}

const LIVE = new Set(['pending', 'charging', 'confirmed']);

/** What is true of an order at every moment. */
export function expectConsistent(model: OrderModel): void {
  expectUnits(model);
  expectReview(model);
  expectMoney(model);
  expectGateway(model);
}

function expectUnits({
  lines,
  waiting,
  cancelled,
  orderedUnits,
  reservations,
  shipments,
  status,
}: OrderModel) {
  const open = lines.reduce((sum, line) => sum + line.open, 0);
  const shipped = lines.reduce((sum, line) => sum + line.shipped, 0);
  hold('units are neither lost nor doubled', open + shipped + waiting + cancelled === orderedUnits);
  hold('no count of units is negative', lines.every((line) => line.open >= 0) && waiting >= 0);
  hold(
    'only a live reservation keeps units',
    reservations.every((one) => LIVE.has(one.status) || one.lines.every((line) => line.open === 0)),
  );
  hold(
    'what has left was reserved until then',
    shipments.every((one) => !hasLeft(one.status) || one.line.shipped === one.line.units),
  );
  hold('an order has ended when no unit is left', hasEnded(status) === (open + waiting === 0));
}

function expectReview({ review, status, shipments }: OrderModel): void {
  hold(
    'nothing ships before its review is approved',
    shipments.length === 0 || review === null || review === 'approved',
  );
  hold('an order that has ended has no open review', !hasEnded(status) || review !== 'open');
}

function expectMoney({ payments, refunds, reservations, goodwill }: OrderModel): void {
  hold('an origin has one refund', new Set(refunds.map(({ origin }) => origin)).size === refunds.length);
  for (const reservation of reservations) {
    const captured = payments.filter((one) => one.reservation === reservation && isCaptured(one));
    hold('a reservation is captured once', captured.length <= 1);
    const isOnItsWay =
      reservation.status === 'confirmed' || reservation.lines.some((line) => line.shipped > 0);
    hold('what leaves is paid for', !isOnItsWay || captured.length === 1);
    const inFlight = payments.filter((one) => one.reservation === reservation && isInFlight(one));
    hold('a reservation has one charge in flight', inFlight.length <= 1);
  }
  for (const payment of payments) {
    const own = refunds.filter((one) => one.payment === payment);
    const sum = (which: typeof own) => which.reduce((total, { amountMinor }) => total + amountMinor, 0);
    hold('what is planned to go back is the sum of the refunds', payment.plannedMinor === sum(own));
    hold(
      'what is back is the sum of the refunds that succeeded',
      payment.refundedMinor === sum(own.filter(({ status }) => status === 'succeeded')),
    );
    const gone = isCaptured(payment)
      ? worth(payment.reservation.lines, ({ units, open, shipped }) => units - open - shipped)
      : 0;
    const due = Math.min(payment.amountMinor, gone + (goodwill.get(payment.id) ?? 0));
    hold(
      'what is captured and not planned to go back is worth what has left or may',
      payment.plannedMinor === due,
    );
  }
}

function expectGateway({ payments, refunds, charges, made }: OrderModel): void {
  for (const payment of payments) {
    const known = charges.get(payment.id);
    hold('our books say of a charge what the gateway says', isInFlight(payment) || known === payment.status);
  }
  for (const refund of refunds) {
    const standing = [...made.values()].filter(
      ({ refundId, status }) => refundId === refund.id && status !== 'failed',
    );
    hold('a refund is made once', standing.length <= 1);
    const isMade = standing.some(({ ref, status }) => ref === refund.gatewayRef && status === 'succeeded');
    hold('a refund that succeeded was made', refund.status !== 'succeeded' || isMade);
    hold('a refund that failed was not made', refund.status !== 'failed' || standing.length === 0);
  }
}

/** What is true besides once the saga has finished. */
export function expectFinished(model: OrderModel): void {
  const { status, reservations, payments, refunds, underWay, goodwill } = model;
  hold('a finished order has ended', hasEnded(status));
  hold(
    'a finished order has no live reservation',
    reservations.every((one) => !LIVE.has(one.status)),
  );
  hold('a finished order has no open charge', !payments.some(isInFlight));
  hold('a finished order has no open refund', !refunds.some(isOpen));
  hold('a finished order has no call under way', underWay.size === 0);
  hold('a finished order has no open request to cancel', model.progress().cancel !== 'open');
  hold('a finished order stops no shipment', model.progress().stopMsLeft === null);
  for (const payment of payments.filter(isCaptured)) {
    const failed = refunds.filter((one) => one.payment === payment && one.status === 'failed');
    const back = payment.refundedMinor + failed.reduce((sum, { amountMinor }) => sum + amountMinor, 0);
    const shipped = worth(payment.reservation.lines, (line) => line.shipped);
    const kept = Math.max(0, shipped - (goodwill.get(payment.id) ?? 0));
    hold('what the shop keeps is worth what was shipped', payment.amountMinor - back === kept);
  }
  hold(
    'a refund that failed needs a person',
    refunds.every(({ id, status: end }) => (end === 'failed') === model.attention.has(id)),
  );
}
