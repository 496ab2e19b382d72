import { newId } from '../../platform/ids';
import { retryUntilFinal } from '../support/retry-until-final';
import { expectAtRest } from '../support/invariants';
import { startMixedOrders } from '../load/mixed';
import { seededRandom } from '../support/random';
import { startPrivatePostgres } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { expectAsIfNothingHappened, expectNothingDoubled, untilAtRest } from './assertions';
import { standAtSteps } from './steps';
import { harnessOf } from './harness';

const NEVER_MS = 3_600_000;

let server: Awaited<ReturnType<typeof startPrivatePostgres>>;
let stack: Stack;

beforeAll(async () => {
  server = await startPrivatePostgres();
});
afterAll(() => server.stop());

async function open(carrierDelayMs: number): Promise<void> {
  stack = await startStack({
    postgres: server,
    api: true,
    slowMs: 1_500,
    settings: { SANDBOX_CARRIER_DELAY_MS: carrierDelayMs },
  });
}
afterEach(() => stack.stop());

test.each(['immediate', 'fast'] as const)(
  'a PostgreSQL that is restarted (%s) while orders stand at every step changes nothing about how they end',
  async (mode) => {
    await open(NEVER_MS);
    const harness = harnessOf(stack);
    const standing = await standAtSteps(harness);
    await server.restart(mode);
    const { sku } = standing.order('it waits for stock');
    const receipt = { location: 'AMS', delta: 2, reason: 'receipt' };
    const headers = { 'idempotency-key': newId() };
    await retryUntilFinal(() => harness.call('POST', `/inventory/${sku}/adjust`, { body: receipt, headers }));
    await expectAsIfNothingHappened(harness, standing);
  },
  600_000,
);

test('mixed orders that are under way while PostgreSQL is restarted again and again all end as they should', async () => {
  await open(0);
  const harness = harnessOf(stack);
  const random = seededRandom();
  const mixed = await startMixedOrders(harness, random, { orders: 80, customers: 10 });
  for (const [mode, after] of [
    ['immediate', 10],
    ['fast', 30],
    ['immediate', 50],
  ] as const) {
    await waitFor(() => mixed.placed() >= after, 120_000);
    await server.restart(mode);
  }
  await mixed.done;
  await untilAtRest(harness);
  process.stdout.write(
    `seed ${random.seed}: answers ${JSON.stringify(mixed.answers)}, retried ${JSON.stringify(mixed.retries)}\n`,
  );
  await expectAtRest(stack.db);
  await expectNothingDoubled(harness);
}, 600_000);
