import { Registry } from 'prom-client';
import { createGatewayMetrics } from '../../integrations/gateway-metrics';
import { onlyGateway, openGateways } from '../../integrations/gateways';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { readSettings } from '../../platform/config';
import { createLogger } from '../../platform/telemetry/log';

const NOWHERE = 'postgresql://postgres@127.0.0.1:1/none';
const log = createLogger('silent');
const deps = { databaseUrl: NOWHERE, log, metrics: createGatewayMetrics(new Registry()) };
const STRIPE = { PAYMENT_GATEWAY: 'stripe', STRIPE_API_KEY: 'sk_test_1' };
const CHANGED = expect.objectContaining({ code: 'PAYMENT_GATEWAY_CHANGED' }) as Error;

test.each([
  ['sandbox', {}],
  ['sandbox', { PAYMENT_GATEWAY: 'sandbox' }],
  ['stripe', STRIPE],
])('the gateway is %s with the settings %j, and connects to nothing by itself', async (name, env) => {
  const gateways = openGateways(readSettings(env), deps);
  expect(gateways.current.name).toBe(name);
  expect(gateways.named(name)).toBe(gateways.current);
  await gateways.close();
});

test('Stripe without a key is refused by the name of the variable', () => {
  const settings = { ...readSettings({}), PAYMENT_GATEWAY: 'stripe' as const };
  expect(() => openGateways(settings, deps)).toThrow(/STRIPE_API_KEY/);
});

test.each([
  ['stripe', { PAYMENT_GATEWAY: 'sandbox', STRIPE_API_KEY: 'sk_test_1' }],
  ['sandbox', STRIPE],
])('a former gateway, %s, is opened once where the settings %j allow it', async (name, env) => {
  const gateways = openGateways(readSettings(env), deps);
  const former = gateways.named(name);
  expect(former.name).toBe(name);
  expect(gateways.named(name)).toBe(former);
  expect(gateways.current.name).not.toBe(name);
  await gateways.close();
});

test.each(['stripe', 'adyen', 'constructor'])('%s, which is not set up, says so', async (name) => {
  const gateways = openGateways(readSettings({}), deps);
  expect(() => gateways.named(name)).toThrow(CHANGED);
  await gateways.close();
});

test('one gateway alone knows no other', async () => {
  const gateways = onlyGateway(createSandboxGateway({ url: NOWHERE, log, callTimeoutMs: 100 }));
  expect(gateways.named('sandbox')).toBe(gateways.current);
  expect(() => gateways.named('stripe')).toThrow(CHANGED);
  await gateways.close();
});
