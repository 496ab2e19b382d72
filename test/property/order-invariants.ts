import { hasLeft } from '../../domain/fulfilment/rules';
import { hasEnded } from '../../domain/orders/rules';
import { isInFlight } from '../../domain/payments/rules';
import {
  expectBooksOfGateway,
  expectMoney,
  expectMoneySettled,
  expectNothingBlocked,
} from './money-invariants';
import { hold } from './hold';
import { isOpen, isUnfinished } from './order-rows';
import type { OrderModel } from './order-model';
import { progressOf } from './order-progress';

export const LIVE = new Set(['pending', 'charging', 'confirmed']);

/** What is true of an order at every moment. */
export function expectConsistent(model: OrderModel): void {
  expectUnits(model);
  expectReview(model);
  expectPaid(model);
  expectMoney(model);
  expectBooksOfGateway(model);
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

function expectReview({ review, status, shipments, seed, money }: OrderModel): void {
  hold('nothing ships before its review is approved', shipments.length === 0 || review.mayShip);
  hold('an order that has ended has no open review', !hasEnded(status) || !review.isOpen);
  const waiting = money.payments.filter((one) => one.status === 'authorized' && !one.isWhole);
  hold(
    'money that is to be taken with the order is, once it may ship',
    seed.capture === 'on_shipment' || !review.mayShip || waiting.length === 0,
  );
}

/** Of the payments of a reservation one pays for it. */
function expectPaid({ reservations, money }: OrderModel): void {
  for (const reservation of reservations) {
    const own = money.payments.filter((one) => one.reservation === reservation && one.serves);
    const paying = own.filter((one) => one.status !== 'declined' && !isInFlight(one));
    hold('a reservation is paid once', paying.length <= 1);
    const isOnItsWay =
      reservation.status === 'confirmed' || reservation.lines.some((line) => line.shipped > 0);
    hold('what leaves is paid for', !isOnItsWay || paying.length === 1);
    hold('a reservation has one charge in flight', own.filter(isInFlight).length <= 1);
  }
}

/** What is true besides whenever the saga does nothing before the gateway is asked. */
export function expectCapturesPlanned({ shipments, money }: OrderModel): void {
  const uncaptured = shipments.filter(({ id, status, reservation }) => {
    if (!hasLeft(status)) return false;
    const payment = money.payments.find(
      (one) => one.reservation === reservation && one.serves && one.status !== 'declined' && !isInFlight(one),
    );
    return !payment?.isWhole && !money.captures.some(({ shipmentId }) => shipmentId === id);
  });
  hold('what has left is captured, or is to be', uncaptured.length === 0);
}

/** What is true besides once the saga has finished. A person may still have to act. */
export function expectFinished(model: OrderModel): void {
  const { status, reservations, money, underWay } = model;
  hold('a finished order has ended', hasEnded(status));
  hold(
    'a finished order has no live reservation',
    reservations.every((one) => !LIVE.has(one.status)),
  );
  hold('a finished order has no open charge', !money.payments.some(isInFlight));
  hold('a finished order has no open capture', !money.captures.some((one) => one.status === 'planned'));
  hold('a finished order voids nothing', !money.payments.some((one) => one.status === 'void_planned'));
  const failed = money.captures.filter(isUnfinished).map(({ payment }) => payment);
  hold(
    'a finished order has no open refund',
    !money.refunds.some((one) => isOpen(one) && !failed.includes(one.payment)),
  );
  hold(
    'an authorisation is kept for a capture that failed only',
    !money.payments.some((one) => one.status === 'authorized' && !failed.includes(one)),
  );
  hold('a finished order has no call under way', underWay.size === 0);
  hold('a finished order has no open request to cancel', progressOf(model).cancel !== 'open');
  hold('a finished order stops no shipment', progressOf(model).stopMsLeft === null);
  expectCapturesPlanned(model);
  for (const { id, status: end } of [...money.captures, ...money.refunds])
    hold('what failed needs a person', (end === 'failed') === money.attention.has(id));
  expectNothingBlocked(model, failed);
}

/** What is true besides once persons have settled what failed, and the saga has finished again. */
export function expectSettled(model: OrderModel): void {
  expectFinished(model);
  const { money } = model;
  hold('nothing waits for a person', !money.captures.some(isUnfinished));
  hold('no refund is open', !money.refunds.some((one) => isOpen(one) || one.status === 'failed'));
  expectNothingBlocked(model, []);
  expectMoneySettled(model);
}
