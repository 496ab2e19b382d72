import type { WorkflowHandle } from '@temporalio/client';
import { reservationsDueSignal, type ReservationExpiryInput } from '../../workflows/contract/messages';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { callApi } from '../api/support';
import { keepHistory } from '../replay/record';
import { newId } from '../../platform/ids';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { EXPIRED_WITHIN_MS } from '../support/promised';
import { waitFor } from '../support/wait';

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ api: true });
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

const expiry = () => stack.temporal.client.workflow.getHandle(stack.names.reservationExpiryWorkflowId);

async function newSku(onHand: number): Promise<string> {
  const sku = `SKU-${newId()}`;
  await addStock(stack.db, sku, 'AMS', onHand);
  return sku;
}

async function reserve(sku: string, ms: number): Promise<string> {
  const expiresAt = new Date(Date.now() + ms).toISOString();
  const { origin } = new URL(stack.url);
  const reply = await callApi(origin, 'POST', `/inventory/${sku}/reserve`, {
    body: { quantity: 1, expiresAt },
  });
  expect(reply.status).toBe(201);
  return reply.body.id;
}

/** Lets reservations fall due one after the other, from now on, without a signal. */
async function fallDue(ids: readonly string[], everyMs: number): Promise<void> {
  await stack.db.pool.query(
    `update reservations r set expires_at = clock_timestamp() + make_interval(secs => d.place * $2::float8 / 1000)
     from unnest($1::uuid[]) with ordinality as d (id, place) where r.id = d.id`,
    [ids, everyMs],
  );
}

/** The handle of this very run. */
async function startWith(input: ReservationExpiryInput): Promise<WorkflowHandle> {
  const { workflowId, firstExecutionRunId } = await stack.temporal.client.workflow.start(
    WORKFLOW_TYPES.reservationExpiry,
    {
      workflowId: stack.names.reservationExpiryWorkflowId,
      taskQueue: stack.names.jobsQueue,
      workflowTaskTimeout: '5 seconds',
      args: [input],
    },
  );
  return stack.temporal.client.workflow.getHandle(workflowId, firstExecutionRunId);
}

/** How long after their due time these reservations were freed, milliseconds; those that are not yet are missing. */
async function lagsOf(ids: readonly string[]): Promise<number[]> {
  const found = await stack.db.pool.query<{ lag: number }>(
    `select extract(epoch from t.at - r.expires_at)::float8 * 1000 as lag
     from reservations r join inventory_transactions t on t.reservation_id = r.id and t.kind = 'expire'
     where r.id = any ($1::uuid[]) and r.status = 'expired'`,
    [ids],
  );
  return found.rows.map((row) => row.lag);
}

async function untilFreed(ids: readonly string[]): Promise<number[]> {
  await waitFor(async () => (await lagsOf(ids)).length === ids.length);
  return lagsOf(ids);
}

async function detailsOf(): Promise<string> {
  const metadata = await expiry().query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}

async function signals(): Promise<number> {
  return (await stack.db.pool.query(`select 1 from outbox where topic = 'reservations.due'`)).rowCount ?? 0;
}

async function eventsOf(): Promise<number> {
  return (await expiry().describe()).historyLength;
}

test('a worker that starts has the expiry run, which sleeps and says until when', async () => {
  expect((await expiry().describe()).status.name).toBe('RUNNING');
  await waitFor(async () => (await detailsOf()).includes('no reservation is waiting'));
});

test('a reservation that falls due before the expiry looks again wakes it, and is freed on time', async () => {
  await waitFor(async () => (await detailsOf()).startsWith('Sleeping'));
  const sku = await newSku(3);
  const late = await reserve(sku, 25_000);
  await waitFor(async () => (await detailsOf()).includes('the next reservation falls due at'));
  const ids = [await reserve(sku, 3_000), await reserve(sku, 1_500)];
  const lags = await untilFreed(ids);
  expect(Math.min(...lags)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...lags)).toBeLessThan(EXPIRED_WITHIN_MS);
  await callApi(new URL(stack.url).origin, 'POST', `/reservations/${late}/release`);
});

test('reservations of the usual length send no signal', async () => {
  await waitFor(async () => (await detailsOf()).startsWith('Sleeping'));
  const sku = await newSku(50);
  await waitFor(async () => (await signals()) === 0);
  const before = await eventsOf();
  const ids = await Promise.all(Array.from({ length: 50 }, () => reserve(sku, 900_000)));
  expect(await signals()).toBe(0);
  // A look that was due meanwhile is one round; fifty reservations would have been many.
  expect(await eventsOf()).toBeLessThan(before + 16);
  for (const id of ids) await callApi(new URL(stack.url).origin, 'POST', `/reservations/${id}/release`);
});

test('an expiry that was ended by hand is started again when a reservation is past due', async () => {
  const sku = await newSku(2);
  const id = await reserve(sku, 40_000);
  await expiry().terminate('by hand');
  await fallDue([id], 0);
  const [lag] = await untilFreed([id]);
  expect(lag).toBeLessThan(EXPIRED_WITHIN_MS);
  expect((await expiry().describe()).status.name).toBe('RUNNING');
});

test('an expiry that was ended by hand is started again by a reservation that falls due soon', async () => {
  const sku = await newSku(2);
  await expiry().terminate('by hand');
  const [lag] = await untilFreed([await reserve(sku, 2_000)]);
  expect(lag).toBeLessThan(EXPIRED_WITHIN_MS);
});

test('it frees in batches, is rung, and continues as new', async () => {
  const sku = await newSku(250);
  const ids = await Promise.all(Array.from({ length: 250 }, () => reserve(sku, 900_000)));
  await expiry().terminate('by hand');
  const run = await startWith({ batchSize: 20, pauseMs: 100, roundMs: 500, roundsPerRun: 4 });
  await waitFor(async () => (await detailsOf()).startsWith('Sleeping'));
  await fallDue(ids, 10);
  await run.signal(reservationsDueSignal);
  await untilFreed(ids);
  await waitFor(async () => (await run.describe()).status.name === 'CONTINUED_AS_NEW', 100_000);
  await keepHistory(run, 'reservation-expiry');
  expect((await expiry().describe()).status.name).toBe('RUNNING');
});

test('it outlives a database that fails for a while', async () => {
  const sku = await newSku(1);
  const id = await reserve(sku, 900_000);
  await expiry().terminate('by hand');
  await stack.db.pool.query('alter table reservation_expiry rename to reservation_expiry_away');
  const run = await startWith({ batchSize: 20, pauseMs: 100, roundMs: 500, roundsPerRun: 1 });
  await waitFor(async () => {
    const pending = (await run.describe()).raw.pendingActivities ?? [];
    return pending.some(({ attempt }) => (attempt ?? 0) >= 4);
  });
  await fallDue([id], 0);
  await stack.db.pool.query('alter table reservation_expiry_away rename to reservation_expiry');
  await untilFreed([id]);
  await run.signal(reservationsDueSignal);
  await waitFor(async () => (await run.describe()).status.name === 'CONTINUED_AS_NEW', 100_000);
  await keepHistory(run, 'reservation-expiry-database-away');
  expect(await lagsOf([id])).toHaveLength(1);
});
