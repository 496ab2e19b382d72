import { releaseStoppedShipments } from '../../domain/ordering/release-stopped';
import type { ClosableGateway, GatewayNamed } from '../../domain/payments/gateway';
import { onlyGateway } from '../../integrations/gateways';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { CHARGE_TERMS, openTestShop, type TestShop } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { testLogger } from '../support/servers';
import { setShipment } from './orders';
import { askAllDue, insertPaidOrder, letRetry, moneyOf, plan, refundsOf, type PaidOrder } from './paid-order';

const NOWHERE = 'postgresql://postgres@127.0.0.1:1/none';

const log = testLogger();
let shop: TestShop;
let gateway: ClosableGateway;
let away: ClosableGateway;

beforeAll(async () => {
  shop = await openTestShop();
  gateway = createSandboxGateway({ url: shop.url, log, callTimeoutMs: 5_000 });
  away = createSandboxGateway({ url: NOWHERE, log, callTimeoutMs: 100 });
});
afterEach(() => expectInvariants(shop.db));
afterAll(async () => {
  await Promise.all([gateway.close(), away.close()]);
  await shop.close();
});

const paidOrder = (rest: { units: number[] }) => insertPaidOrder(shop.db, gateway, rest);
const at = (one: ClosableGateway): GatewayNamed => onlyGateway(one).named;
const money = (order: PaidOrder) => moneyOf(shop.db, order);

describe('what is stopped', () => {
  const release = (orderId: string) =>
    releaseStoppedShipments(shop.db, { orderId, endAs: 'failed', failure: null });

  async function reservedOf({ sku }: PaidOrder): Promise<number> {
    const { rows } = await shop.db.pool.query<{ reserved: number }>(
      `select sum(s.reserved)::int as reserved from stock s join products p on p.id = s.product_id where p.sku = $1`,
      [sku],
    );
    return rows[0]?.reserved ?? 0;
  }

  test.each(['pending', 'booking', 'booked', 'voiding', 'picked_up', 'delivered'])(
    'nothing is released or planned to go back while every shipment is %s',
    async (status) => {
      const order = await paidOrder({ units: [3, 2] });
      for (const shipment of order.shipments) await setShipment(shop.db, shipment, status);
      await release(order.orderId);
      expect(await reservedOf(order)).toBe(5);
      expect(await money(order)).toMatchObject({ planned: 0, refunded: 0 });
      // Only its status was written: the units that leave with it are counted elsewhere.
      for (const shipment of order.shipments) await setShipment(shop.db, shipment, 'pending');
    },
  );

  test.each(['failed', 'voided'])(
    'a shipment that is %s is released and planned to go back at its price, once, and waits for no gateway',
    async (status) => {
      const order = await paidOrder({ units: [3, 2] });
      const [large, small] = order.shipments;
      await setShipment(shop.db, small!, status);
      await Promise.all([release(order.orderId), release(order.orderId)]);
      await release(order.orderId);
      expect(await reservedOf(order)).toBe(3);
      expect(await money(order)).toMatchObject({ status: 'captured', planned: 2_000, refunded: 0 });

      await setShipment(shop.db, large!, 'failed');
      await release(order.orderId);
      expect(await reservedOf(order)).toBe(0);
      expect((await refundsOf(shop.db, order.orderId)).map(({ amountMinor }) => amountMinor)).toEqual([
        2_000, 3_000,
      ]);
      const deps = { db: shop.db, gatewayNamed: at(away), carrier: 'sandbox', ...CHARGE_TERMS };
      await askAllDue(deps, order.orderId);
      expect(await money(order)).toMatchObject({ status: 'captured', planned: 5_000, refunded: 0 });
      await letRetry(shop.db, order.orderId);
      await askAllDue({ ...deps, gatewayNamed: at(gateway) }, order.orderId);
      expect(await money(order)).toEqual({
        status: 'refunded',
        planned: 5_000,
        refunded: 5_000,
        atGateway: 5_000,
      });
    },
  );

  test('more than is left of the payment is not planned: a goodwill refund came first', async () => {
    const order = await paidOrder({ units: [3] });
    await plan(shop.db, order, { amountMinor: 500 });
    await setShipment(shop.db, order.shipments[0]!, 'failed');
    await release(order.orderId);
    expect((await refundsOf(shop.db, order.orderId)).map(({ amountMinor }) => amountMinor)).toEqual([
      500, 2_500,
    ]);
  });
});
