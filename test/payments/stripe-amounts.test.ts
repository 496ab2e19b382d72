import { amountProblem, stripeAmount } from '../../integrations/stripe/amounts';

// ISO 4217 minor units, and what Stripe is to be sent (https://docs.stripe.com/currencies).
test.each([
  ['USD', 1_999, 1_999],
  ['JPY', 500, 500],
  ['CLP', 500, 500],
  ['HUF', 1_050, 1_050],
  ['TWD', 80_045, 80_045],
  ['ISK', 5, 500],
  ['UGX', 5, 500],
  ['MGA', 500_00, 500],
  ['KWD', 5_120, 5_120],
])('%s: %i is sent as %i', (currency, amountMinor, sent) => {
  expect(amountProblem(amountMinor, currency)).toBeNull();
  expect(stripeAmount(amountMinor, currency)).toBe(sent);
});

test.each([
  ['KWD', 5_124],
  ['TND', 1],
  ['MGA', 500_20],
  ['IRR', 100],
  ['XXX', 100],
  ['usd', 100],
])('%s: %i is refused', (currency, amountMinor) => {
  expect(amountProblem(amountMinor, currency)).toMatch(currency);
  let thrown: unknown;
  try {
    stripeAmount(amountMinor, currency);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: 'AMOUNT_NOT_CHARGEABLE', details: { amountMinor, currency } });
});
