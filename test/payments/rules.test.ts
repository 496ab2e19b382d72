import { priceOf } from '../../domain/orders/rules';
import { isInFlight, refundable } from '../../domain/payments/rules';
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
  ['what is asked for where that is left', 200, 200],
  ['all that is left', 700, 700],
  ['no more than is left', 1_000, 700],
  ['nothing, never less, where nothing is asked for', 0, 0],
])('of a payment of 1,000 with 300 planned to go back may be planned %s', (_name, wanted, planned) => {
  expect(refundable(PAYMENT, wanted)).toBe(planned);
  expect(refundable({ ...PAYMENT, refundPlannedMinor: 1_000 }, wanted)).toBe(0);
});

test('a payment is in flight until the gateway has a final outcome', () => {
  expect(PAYMENT_STATUSES.filter((status) => isInFlight({ status }))).toEqual(['pending', 'unknown']);
});
