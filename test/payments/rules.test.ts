import { priceOf } from '../../domain/orders/rules';
import { isInFlight, refundDue } from '../../domain/payments/rules';
import { PAYMENT_STATUSES } from '../../domain/payments/types';

const PAYMENT = { paymentId: 'p', reservationId: 'r', amountMinor: 1_000, refundPlannedMinor: 300 };

test('units cost each quantity times its price', () => {
  expect(priceOf([])).toBe(0);
  expect(
    priceOf([
      { quantity: 3, unitPriceMinor: 250 },
      { quantity: 1, unitPriceMinor: 99 },
    ]),
  ).toBe(849);
});

test.each([
  ['all of it where nothing is kept', 0, 700],
  ['what is neither kept nor planned to go back', 500, 200],
  ['nothing where all the rest is kept', 700, 0],
  ['nothing, never less, where more is kept than is left', 900, 0],
])('a payment owes %s', (_name, keptMinor, due) => {
  expect(refundDue(PAYMENT, keptMinor)).toBe(due);
});

test('a payment is in flight until the gateway has a final outcome', () => {
  expect(PAYMENT_STATUSES.filter((status) => isInFlight({ status }))).toEqual(['pending', 'unknown']);
});
