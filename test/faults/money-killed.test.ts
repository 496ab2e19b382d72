import { expectAtRest } from '../support/invariants';
import { expectNothingDoubled, untilAtRest } from './assertions';
import { openBarriers, type Barriers } from './barrier';
import { endsOf, MONEY_IN, MONEY_OUT, standAtMoneySteps } from './money-steps';
import { openProduct, type Product } from './product';

/** A call at the gateway, and a commit, may be held up for as long as it takes all orders to come to their steps. */
const PATIENT = { PAYMENT_CALL_TIMEOUT_MS: '60000', DATABASE_POOL_SIZE: '60' };
/** Before the test's own limit, so that what is left open is named. */
const REST_MS = 240_000;

let product: Product;
let barriers: Barriers;
beforeAll(async () => {
  product = await openProduct();
  barriers = openBarriers(product.databaseUrl);
}, 240_000);
afterAll(async () => {
  await barriers.releaseAll();
  await product.close();
});

test('a worker killed at every step of getting money and of giving it back captures and refunds each cent once', async () => {
  let worker = await product.startWorker({ env: PATIENT });
  const orders = [];
  for (const steps of [MONEY_IN, MONEY_OUT]) {
    const standing = await standAtMoneySteps(product, barriers, steps);
    orders.push(...standing.orders);
    await worker.kill();
    await standing.settle();
    await standing.meanwhile();
    worker = await product.startWorker({ env: PATIENT });
    await standing.settleLate();
  }
  await untilAtRest(product, REST_MS);
  const { ended, expected } = await endsOf(product, orders);
  expect(ended).toEqual(expected);
  await expectAtRest(product.db);
  await expectNothingDoubled(product);
}, 900_000);
