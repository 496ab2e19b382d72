import { migrate } from '../../platform/database/migrations';
import { newId } from '../../platform/ids';
import { insist } from '../support/insist';
import { expectAtRest } from '../support/invariants';
import { startMixedOrders } from '../load/mixed';
import { seededRandom } from '../support/random';
import { startPrivatePostgres, testLogger } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { expectAsIfNothingHappened, expectNothingDoubled, untilAtRest } from './aftermath';
import { standAtSteps } from './steps';
import { worldOf } from './world';

const NEVER_MS = 3_600_000;

let server: Awaited<ReturnType<typeof startPrivatePostgres>>;
let stack: Stack;

beforeAll(async () => {
  server = await startPrivatePostgres();
});
afterAll(() => server.stop());

async function open(database: string, carrierDelayMs: number): Promise<void> {
  const databaseUrl = server.url(database);
  await migrate(databaseUrl, testLogger(), { createDatabase: true });
  stack = await startStack({
    databaseUrl,
    api: true,
    slowMs: 1_500,
    settings: { SANDBOX_CARRIER_DELAY_MS: carrierDelayMs },
  });
}
afterEach(() => stack.stop());

test.each(['immediate', 'fast'] as const)(
  'a PostgreSQL that is restarted (%s) while orders stand at every step changes nothing about how they end',
  async (mode) => {
    await open(`steps_${mode}`, NEVER_MS);
    const world = worldOf(stack);
    const standing = await standAtSteps(world);
    await server.restart(mode);
    const { sku } = standing.order('it waits for stock');
    const receipt = { location: 'AMS', delta: 2, reason: 'receipt' };
    const headers = { 'idempotency-key': newId() };
    await insist(() => world.call('POST', `/inventory/${sku}/adjust`, { body: receipt, headers }));
    await expectAsIfNothingHappened(world, standing);
  },
  600_000,
);

test('mixed orders that are under way while PostgreSQL is restarted again and again all end as they should', async () => {
  await open('stream', 0);
  const world = worldOf(stack);
  const random = seededRandom();
  const mixed = await startMixedOrders(world, random, { orders: 80, customers: 10 });
  for (const [mode, after] of [
    ['immediate', 10],
    ['fast', 30],
    ['immediate', 50],
  ] as const) {
    await waitFor(() => mixed.placed() >= after, 120_000);
    await server.restart(mode);
  }
  await mixed.done;
  await untilAtRest(world);
  process.stdout.write(
    `seed ${random.seed}: answers ${JSON.stringify(mixed.answers)}, put off ${JSON.stringify(mixed.putOff)}\n`,
  );
  await expectAtRest(stack.db);
  await expectNothingDoubled(world);
}, 600_000);
