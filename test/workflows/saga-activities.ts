import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createFulfilmentActivities, type FulfilmentActivities } from '../../activities/fulfilment';
import { createOrderActivities, type OrderActivities } from '../../activities/orders';
import { createPaymentActivities, type PaymentActivities } from '../../activities/payments';
import { createWarehouseDirectory } from '../../domain/catalog/warehouses';
import { createOrderAmender } from '../../domain/ordering/amendments/amend';
import { createOrderReserver } from '../../domain/ordering/order-reserver';
import { createSandboxGateway } from '../../integrations/sandbox-gateway/gateway';
import { obligingCarrier } from '../db/support';
import { CHARGE_TERMS, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';

export type SagaActivities = OrderActivities & PaymentActivities & FulfilmentActivities;

/** The activities of order sagas, as a worker has them, over a shop. */
export function openSagaActivities(shop: TestShop): {
  activities: SagaActivities;
  close: () => Promise<void>;
} {
  const sourcing = {
    db: shop.db,
    warehouses: createWarehouseDirectory(shop.db),
    gateway: { name: 'sandbox', amountProblem: () => null },
    strategy: 'nearest',
  } as const;
  const reserver = createOrderReserver({
    ...sourcing,
    backorderLimits: { product: 1_000_000, customer: 100_000 },
    unpaidLimits: { orders: 20, units: 1_000 },
    backorderSeconds: 86_400,
    lanes: 1,
    maxBatch: 10,
    log: testLogger(),
  });
  const gateway = createSandboxGateway({ url: shop.url, log: testLogger(), callTimeoutMs: 5_000 });
  const activities = {
    ...createOrderActivities({
      db: shop.db,
      reserver,
      amender: createOrderAmender({
        ...sourcing,
        attemptLimit: 10,
        unpaidLimits: { orders: 20, units: 1_000 },
      }),
      gateway: 'sandbox',
      attemptLimit: 10,
      amendmentLimit: 50,
      lapseAction: 'capture',
      carrier: 'sandbox',
    }),
    ...createPaymentActivities({
      db: shop.db,
      gatewayNamed: () => gateway,
      carrier: 'sandbox',
      ...CHARGE_TERMS,
    }),
    ...createFulfilmentActivities({ db: shop.db, carriers: [obligingCarrier], callTimeoutMs: 5_000 }),
  };
  return {
    activities,
    async close() {
      await reserver.close();
      await gateway.close();
    },
  };
}

/** Runs an activity outside of a worker. */
export function run<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
  ...args: Args
): Promise<Result> {
  return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(activity, ...args);
}
