import { executeCharge } from '../../domain/payments/charge';
import { createStripeGateway } from '../../integrations/stripe/gateway';
import type { ChargeOutcome, ClosableGateway } from '../../domain/payments/gateway';
import type { Database } from '../../platform/database/database';
import { openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { insertOrder, insertPayment, type OrderRows } from './orders';
import { ScriptedStripe, type Fault } from './scripted-stripe';

export interface StripeFixture {
  stripe: () => ScriptedStripe;
  gateway: () => ClosableGateway;
  db: () => Database;
  /** An order's payment that is about to be charged at Stripe. */
  payment: (token?: string, amountMinor?: number) => Promise<OrderRows & { paymentId: string }>;
  charge: (paymentId: string) => Promise<ChargeOutcome>;
  /** How often each intent, in the order they were made, has taken money. */
  captures: () => number[];
}

/** A database for the file, and a Stripe of its own for each test. */
export function useStripe(): StripeFixture {
  let shop: TestShop;
  let stripe: ScriptedStripe;
  let gateway: ClosableGateway;

  beforeAll(async () => {
    shop = await openTestShop();
  });
  beforeEach(async () => {
    stripe = await ScriptedStripe.start();
    gateway = createStripeGateway({
      apiKey: 'sk_test_1',
      apiBase: stripe.url,
      // Long enough for a machine that is busy; a call that hangs takes as long.
      timeoutMs: 800,
      log: testLogger(),
    });
  });
  afterEach(async () => {
    await gateway.close();
    await stripe.stop();
    await expectInvariants(shop.db);
  });
  afterAll(() => shop.close());

  return {
    stripe: () => stripe,
    gateway: () => gateway,
    db: () => shop.db,
    async payment(token = 'pm_ok', amountMinor = 5_000) {
      const order = await insertOrder(shop.db);
      const paymentId = await insertPayment(shop.db, order, { gateway: 'stripe', token, amountMinor });
      return { ...order, paymentId };
    },
    charge: (paymentId) => executeCharge({ db: shop.db, gatewayNamed: () => gateway, paymentId }),
    captures: () => [...stripe.intents.values()].map((intent) => intent.captures),
  };
}

/** The SDK repeats a call once by itself when its connection was closed, so a call that is to fail is reset twice. */
export function resets(on: Fault['on'], when: Fault['when']): Fault[] {
  return [
    { on, when, how: 'reset' },
    { on, when, how: 'reset' },
  ];
}

export const UNAVAILABLE = { code: 'PAYMENT_GATEWAY_UNAVAILABLE' };
