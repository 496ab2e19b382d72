import { migrate } from '../../platform/migrations';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { insist, newPutOff } from '../support/insist';
import { expectAtRest } from '../support/invariants';
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

test('orders that are placed while PostgreSQL is restarted again and again all end, paid once', async () => {
  await open('stream', 0);
  const world = worldOf(stack);
  const orders = 60;
  await addStock(stack.db, 'LAMP', 'AMS', orders);
  const fulfilled = async () => {
    const found = await stack.db.pool.query<{ n: number }>(
      `select count(*) as n from orders where status = 'fulfilled'`,
    );
    return found.rows[0]?.n ?? 0;
  };
  const putOff = newPutOff();
  const body = {
    customerId: 'c-1',
    items: [{ sku: 'LAMP', quantity: 1 }],
    payment: { method: 'card', token: 'tok_ok' },
  };
  let placed = 0;
  async function customer(): Promise<void> {
    while (placed < orders) {
      placed += 1;
      const headers = { 'idempotency-key': newId() };
      const reply = await insist(() => world.call('POST', '/orders', { body, headers }), putOff);
      expect(reply.status).toBe(201);
    }
  }
  const customers = Promise.all(Array.from({ length: 6 }, customer));
  for (const [mode, after] of [
    ['immediate', 8],
    ['fast', 20],
    ['immediate', 35],
  ] as const) {
    await waitFor(async () => (await fulfilled()) >= after, 120_000);
    await server.restart(mode);
  }
  await customers;
  await untilAtRest(world);
  expect(await fulfilled()).toBe(orders);
  await expectAtRest(stack.db);
  await expectNothingDoubled(world);
  process.stdout.write(`put off while PostgreSQL was away: ${JSON.stringify(putOff)}\n`);
}, 600_000);
