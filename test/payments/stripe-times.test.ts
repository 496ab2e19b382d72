import type Stripe from 'stripe';
import { bookedAt, intentOutcome } from '../../integrations/stripe/outcome';

const BOOKED = { id: 'txn_1', object: 'balance_transaction', created: 1_750_000_000 };

/** An intent as Stripe sends it, as far as it is read here. */
const intentWith = (rest: object) =>
  ({
    id: 'pi_1',
    status: 'succeeded',
    capture_method: 'automatic',
    ...rest,
  }) as unknown as Stripe.PaymentIntent;

test('what was captured at once was so when Stripe booked it', () => {
  const intent = intentWith({ latest_charge: { id: 'ch_1', balance_transaction: BOOKED } });
  expect(intentOutcome(intent)).toEqual({
    status: 'captured',
    gatewayRef: 'pi_1',
    at: new Date('2025-06-15T15:06:40Z'),
  });
});

test.each([
  ['was not read with its charge', { latest_charge: 'ch_1' }],
  ['is not booked yet', { latest_charge: { id: 'ch_1', balance_transaction: null } }],
  ['was not read with its booking', { latest_charge: { id: 'ch_1', balance_transaction: 'txn_1' } }],
  // Several parts may have been.
  ['is captured apart', { capture_method: 'manual', latest_charge: { balance_transaction: BOOKED } }],
])('of one that %s no time is known', (_name, rest) => {
  expect(intentOutcome(intentWith(rest))).toEqual({ status: 'captured', gatewayRef: 'pi_1' });
});

test('a refund that is not booked has no time', () => {
  expect([bookedAt(null), bookedAt('txn_1')]).toEqual([{}, {}]);
});
