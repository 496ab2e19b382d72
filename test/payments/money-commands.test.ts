import { PassThrough } from 'node:stream';
import { userInfo } from 'node:os';
import { createOutput } from '../../cli/output';
import { runResolve, runRetry } from '../../cli/money';
import { askRefund } from '../../domain/payments/refund';
import type { ClosableGateway } from '../../domain/payments/gateway';
import { onlyGateway } from '../../integrations/gateways';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { readSettings, type Settings } from '../../platform/config';
import { newId } from '../../platform/ids';
import { gatewayAskedLongAgo, openTestShop, type TestShop } from '../support/fixtures';
import { CARRIER_SECRETS } from '../support/carrier-signature';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { attentionOf, insertPaidOrder, planOne, readRefund } from './paid-order';

let shop: TestShop;
let gateway: ClosableGateway;
let settings: Settings;

beforeAll(async () => {
  shop = await openTestShop();
  gateway = createSandboxGateway({ url: shop.url, log: testLogger(), callTimeoutMs: 5_000 });
  settings = readSettings({ ...CARRIER_SECRETS, DATABASE_URL: shop.url, LOG_LEVEL: 'silent' });
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await gateway.close();
  await shop.close();
});

/** A refund that was refused for good. */
async function failed(): Promise<{ orderId: string; refundId: string }> {
  const order = await insertPaidOrder(shop.db, gateway, { token: 'tok_refund_fails' });
  const refundId = await planOne(shop.db, order);
  await askRefund({ db: shop.db, gatewayNamed: onlyGateway(gateway).named }, refundId);
  return { orderId: order.orderId, refundId };
}

async function lastEvent(orderId: string): Promise<unknown> {
  const { rows } = await shop.db.pool.query(
    'select type, data from order_events where order_id = $1 order by seq desc limit 1',
    [orderId],
  );
  return rows[0];
}

function recorded() {
  const stream = new PassThrough();
  return { output: createOutput(stream), text: () => String(stream.read() ?? '') };
}

const actor = userInfo().username;
const kind = 'refund';

test('holdfast refund retry lets a refund be tried again, and its order say who did', async () => {
  const { orderId, refundId } = await failed();
  const { output, text } = recorded();
  expect(await runRetry(settings, { kind, id: refundId }, output)).toBe(0);
  expect(text()).toContain(`${refundId}  1000 minor units, failed: the gateway was asked about it just now`);
  await gatewayAskedLongAgo(shop.db);
  expect(await runRetry(settings, { kind, id: refundId }, output)).toBe(0);
  expect(text()).toContain(`${refundId}  1000 minor units, planned`);
  expect(await readRefund(shop.db, refundId)).toMatchObject({ status: 'planned', keyNumber: 2 });
  expect(await lastEvent(orderId)).toEqual({ type: 'refund_retried', data: { refundId, actor } });
});

test('holdfast refund resolve records what was done instead, and again changes nothing', async () => {
  const { orderId, refundId } = await failed();
  const { output, text } = recorded();
  const how = { outcome: 'made_elsewhere', reference: 'bank 17', reason: 'closed' } as const;
  for (let n = 0; n < 2; n++) {
    expect(await runResolve(settings, { kind, id: refundId, ...how }, output)).toBe(0);
    expect(text()).toContain(`${refundId}  1000 minor units, settled by hand: made_elsewhere.`);
  }
  expect(await attentionOf(shop.db, orderId)).toEqual([]);
  expect(await lastEvent(orderId)).toEqual({ type: 'refund_settled', data: { refundId, ...how, actor } });
  await expect(runRetry(settings, { kind, id: refundId }, output)).rejects.toMatchObject({
    code: 'REFUND_SETTLED',
  });
});

test('a refund that is not there is told as such', async () => {
  const { output } = recorded();
  await expect(runRetry(settings, { kind, id: newId() }, output)).rejects.toMatchObject({
    code: 'REFUND_NOT_FOUND',
  });
});
