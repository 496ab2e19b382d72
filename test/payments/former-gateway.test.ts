import { Registry } from 'prom-client';
import { createGatewayMetrics } from '../../integrations/gateway-metrics';
import { openGateways } from '../../integrations/gateways';
import type { GatewayNamed } from '../../domain/payments/gateway';
import { readSettings } from '../../platform/config';
import { CHARGE_TERMS, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { askAbout, readAsked, type Charging } from './asking';
import { readPayment } from './orders';
import { askAllDue, insertChargingOrder, letRetry, plan, progressOf } from './paid-order';
import { ScriptedStripe } from './scripted-stripe';

let shop: TestShop;
beforeAll(async () => {
  shop = await openTestShop();
});
afterEach(() => expectInvariants(shop.db));
afterAll(() => shop.close());

const charging = (rest: { token: string; gateway: string }): Promise<Charging> =>
  insertChargingOrder(shop.db, rest);
const ask = (order: Charging, { gatewayNamed }: { gatewayNamed: GatewayNamed }) =>
  askAbout({ db: shop.db, gatewayNamed }, order);
const asked = (order: Charging) => readAsked(shop.db, order);

describe('a charge of a former gateway', () => {
  let stripe: ScriptedStripe;
  beforeEach(async () => {
    stripe = await ScriptedStripe.start();
  });
  afterEach(() => stripe.stop());

  const former = (env: Record<string, string>) =>
    openGateways(readSettings(env), {
      databaseUrl: shop.url,
      log: testLogger(),
      metrics: createGatewayMetrics(new Registry()),
    });

  test('is asked about there while its credentials are set, and so is its refund', async () => {
    const gateways = former({ STRIPE_API_KEY: 'sk_test_1', STRIPE_API_BASE: stripe.url });
    expect(gateways.current.name).toBe('sandbox');
    const order = await charging({ token: 'pm_ok', gateway: 'stripe' });
    await ask(order, { gatewayNamed: gateways.named });
    expect(await readPayment(shop.db, order.paymentId)).toMatchObject({
      status: 'captured',
      gatewayRef: 'pi_1',
    });
    const [refundId] = await plan(shop.db, order);
    const deps = { db: shop.db, gatewayNamed: gateways.named, carrier: 'sandbox', ...CHARGE_TERMS };
    expect(await askAllDue(deps, order.orderId)).toEqual([refundId]);
    expect(stripe.refunds).toMatchObject([{ payment_intent: 'pi_1', status: 'succeeded' }]);
    await gateways.close();
  });

  test('says that it is not set up while they are not, and is asked once they are', async () => {
    const without = former({});
    const order = await charging({ token: 'pm_ok', gateway: 'stripe' });
    await ask(order, { gatewayNamed: without.named });
    await ask(order, { gatewayNamed: without.named });
    expect(await asked(order)).toMatchObject({ tries: 2, lastError: 'The gateway "stripe" is not set up.' });
    expect(stripe.calls).toEqual([]);
    await without.close();
    const gateways = former({ STRIPE_API_KEY: 'sk_test_1', STRIPE_API_BASE: stripe.url });
    await letRetry(shop.db, order.orderId);
    await ask(order, { gatewayNamed: gateways.named });
    expect(await progressOf(shop.db, order.orderId)).toMatchObject({ status: 'paid', asks: [] });
    await gateways.close();
  });
});
