import { migrate } from '../../platform/database/migrations';
import { expectAtRest } from '../support/invariants';
import { startPrivatePostgres, startPrivateTemporal, testLogger } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { expectNothingDoubled, untilAtRest } from './assertions';
import { openBarriers, type Barriers } from './barrier';
import { harnessOf } from './harness';
import { endsOf, MONEY_IN, MONEY_OUT, onlyLost, standAtMoneySteps, type MoneyStanding } from './money-steps';

/** The carrier takes nothing away by itself, and a call at the gateway may be held up for as long as the test takes. */
const PATIENT = {
  SANDBOX_CARRIER_DELAY_MS: 3_600_000,
  PAYMENT_CALL_TIMEOUT_MS: 60_000,
  DATABASE_POOL_SIZE: 60,
};

/** Before the test's own limit, so that what is left open is named. */
const REST_MS = 120_000;

async function stand(stack: Stack, barriers: Barriers): Promise<MoneyStanding> {
  return standAtMoneySteps(harnessOf(stack), barriers, onlyLost(...MONEY_IN, ...MONEY_OUT));
}

async function expectEnds(stack: Stack, { orders }: MoneyStanding): Promise<void> {
  const harness = harnessOf(stack);
  await untilAtRest(harness, REST_MS);
  const { ended, expected } = await endsOf(harness, orders);
  expect(ended).toEqual(expected);
  await expectAtRest(stack.db);
  await expectNothingDoubled(harness);
}

test('a PostgreSQL that is restarted at every step of getting money and of giving it back costs no cent', async () => {
  const server = await startPrivatePostgres();
  let stack: Stack | undefined;
  try {
    const databaseUrl = server.url('money');
    await migrate(databaseUrl, testLogger(), { createDatabase: true });
    stack = await startStack({ databaseUrl, api: true, settings: PATIENT });
    const standing = await stand(stack, openBarriers(databaseUrl));
    await server.restart('immediate');
    await standing.meanwhile();
    await expectEnds(stack, standing);
  } finally {
    await stack?.stop();
    await server.stop();
  }
}, 600_000);

test('a Temporal that is killed at every step of getting money and of giving it back costs no cent', async () => {
  let temporal = await startPrivateTemporal();
  const { stateFile, port } = temporal;
  const stack = await startStack({ temporalAddress: temporal.address, api: true, settings: PATIENT });
  const barriers = openBarriers(stack.databaseUrl);
  try {
    const standing = await stand(stack, barriers);
    process.kill(temporal.pid, 'SIGKILL');
    // What was under way is committed while nobody can be told.
    await barriers.releaseAll();
    await standing.meanwhile();
    temporal = await waitFor(() => startPrivateTemporal({ stateFile, port }), 60_000);
    await expectEnds(stack, standing);
  } finally {
    await barriers.releaseAll();
    await stack.stop();
    await temporal.stop();
  }
}, 600_000);
