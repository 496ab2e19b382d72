import { openGateway } from '../../integrations/gateways';
import { readSettings } from '../../platform/config';
import { createLogger } from '../../platform/telemetry/log';

const deps = { databaseUrl: 'postgresql://postgres@127.0.0.1:1/none', log: createLogger('silent') };

test.each([
  ['sandbox', {}],
  ['sandbox', { PAYMENT_GATEWAY: 'sandbox' }],
  ['stripe', { PAYMENT_GATEWAY: 'stripe', STRIPE_API_KEY: 'sk_test_1' }],
])('the gateway is %s with the settings %j, and connects to nothing by itself', async (name, env) => {
  const gateway = openGateway(readSettings(env), deps);
  expect(gateway.name).toBe(name);
  await gateway.close();
});

test('Stripe without a key is refused by the name of the variable', () => {
  const settings = { ...readSettings({}), PAYMENT_GATEWAY: 'stripe' as const };
  expect(() => openGateway(settings, deps)).toThrow(/STRIPE_API_KEY/);
});
