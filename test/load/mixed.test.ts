import { expectNothingDoubled, untilAtRest } from '../faults/assertions';
import { openProduct } from '../faults/product';
import { harnessOf, type Harness } from '../faults/harness';
import { expectAtRest } from '../support/invariants';
import { seededRandom, type Random } from '../support/random';
import { startStack } from '../support/stack';
import { waitFor } from '../support/wait';
import { LOSES, startMixedOrders, UNSERVED, type MixedOrders } from './mixed';

const ORDERS = 200;
/** Orders after which the worker goes. */
const INTERRUPTIONS = [30, 80, 130, 180];

async function untilPlaced(mixed: MixedOrders, orders: number): Promise<void> {
  await Promise.race([mixed.done, waitFor(() => mixed.placed() >= orders, 900_000)]);
}

async function expectAllRight(harness: Harness, mixed: MixedOrders, random: Random): Promise<void> {
  await mixed.done;
  await untilAtRest(harness, 600_000);
  const { rows } = await harness.db.pool.query<{ status: string; n: number }>(
    'select status, count(*) as n from orders group by status order by status',
  );
  const ends = Object.fromEntries(rows.map(({ status, n }) => [status, n]));
  process.stdout.write(
    `seed ${random.seed}: orders ${JSON.stringify(ends)}, answers ${JSON.stringify(mixed.answers)}, ` +
      `retried ${JSON.stringify(mixed.retries)}\n`,
  );
  expect(mixed.placed()).toBe(ORDERS);
  await expectAtRest(harness.db);
  await expectNothingDoubled(harness);
}

test('200 mixed orders through a worker that drains and starts again leave counters, money and parcels right', async () => {
  const random = seededRandom();
  const stack = await startStack({
    api: true,
    slowMs: 1_500,
    refuseWarehouses: [UNSERVED],
    loseWarehouses: [LOSES],
    settings: { SHUTDOWN_GRACE_SECONDS: 2 },
  });
  try {
    const harness = harnessOf(stack);
    const mixed = await startMixedOrders(harness, random, { orders: ORDERS, customers: 24 });
    for (const orders of INTERRUPTIONS) {
      await untilPlaced(mixed, orders);
      await stack.stopWorker();
      await stack.startWorker();
    }
    await expectAllRight(harness, mixed, random);
  } finally {
    await stack.stop();
  }
}, 1_800_000);

test('200 mixed orders through workers that are killed leave counters, money and parcels right', async () => {
  const random = seededRandom();
  const product = await openProduct();
  try {
    const start = () =>
      product.startWorker({
        env: {
          SANDBOX_CARRIER_DELAY_MS: '0',
          SANDBOX_CARRIER_UNSERVED: UNSERVED,
          SANDBOX_CARRIER_LOSES: LOSES,
        },
      });
    let worker = await start();
    const mixed = await startMixedOrders(product, random, { orders: ORDERS, customers: 24 });
    for (const orders of INTERRUPTIONS) {
      await untilPlaced(mixed, orders);
      await worker.kill();
      worker = await start();
    }
    await expectAllRight(product, mixed, random);
  } finally {
    await product.close();
  }
}, 1_800_000);
