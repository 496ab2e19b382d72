import { ScheduleNotFoundError, ScheduleOverlapPolicy } from '@temporalio/client';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { EngineTimeoutError } from '../../platform/temporal/bounded-call';
import { createEngineClient } from '../../platform/temporal/engine-client';
import { ensureSchedules, RETIRED_SCHEDULES, SCHEDULES } from '../../worker/schedules';
import { keepHistory } from '../replay/record';
import { addStock } from '../support/fixtures';
import { expectInvariants } from '../support/invariants';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { place } from './order';

const INTERVALS = {
  RECONCILE_INTERVAL_SECONDS: 3_600,
  SEAL_INTERVAL_SECONDS: 86_400,
  CONSISTENCY_INTERVAL_SECONDS: 86_400,
};

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ settings: { ...INTERVALS, LEDGER_RETENTION_MONTHS: 12 } });
});
afterAll(() => stack.stop());
afterEach(() => expectInvariants(stack.db));

function ordersSchedule() {
  return stack.temporal.client.schedule.getHandle(stack.names.scheduleId('reconcile-orders'));
}

test('a worker that starts makes every schedule', async () => {
  const hourly = { intervals: [3_600_000] };
  const daily = { intervals: [86_400_000] };
  const expected = {
    'reconcile-orders': { ...hourly, type: 'reconcile', args: [{ subject: 'orders' }] },
    'reconcile-transfers': { ...hourly, type: 'reconcile', args: [{ subject: 'transfers' }] },
    'reconcile-jobs': { ...hourly, type: 'reconcile', args: [{ subject: 'jobs' }] },
    'reconcile-returns': { ...hourly, type: 'reconcile', args: [{ subject: 'returns' }] },
    'reconcile-standing': { ...hourly, type: 'reconcile', args: [{ subject: 'standing' }] },
    'stock-upkeep': { intervals: [600_000], type: 'stockUpkeep', catchupWindow: 3_600_000 },
    'seal-ledger': { ...daily, type: 'ledgerSeal' },
    'verify-consistency': { ...daily, type: 'scheduledConsistency', catchupWindow: 2 * 86_400_000 },
    'ended-reports': { ...hourly, type: 'scheduledReports', catchupWindow: 3_600_000 },
    'ledger-partitions': { times: ['3:17'], type: 'ledgerMaintenance', catchupWindow: 2 * 86_400_000 },
    'nightly-forecast': { times: ['2:23'], type: 'scheduledForecast', catchupWindow: 2 * 86_400_000 },
  };
  const { names, temporal } = stack;
  const made = await Promise.all(
    Object.keys(SCHEDULES).map(async (name) => {
      const id = names.scheduleId(name);
      const { spec, action, policies } = await temporal.client.schedule.getHandle(id).describe();
      const intervals = spec.intervals?.map(({ every }) => every) ?? [];
      const times = spec.calendars?.map(({ hour, minute }) => `${hour[0]?.start}:${minute[0]?.start}`) ?? [];
      expect(action).toMatchObject({ workflowId: id, taskQueue: names.jobsQueue });
      expect(policies.overlap).toBe(ScheduleOverlapPolicy.SKIP);
      const { workflowType: type, args } = action;
      return [name, { type, args, intervals, times, catchupWindow: policies.catchupWindow }];
    }),
  );
  const usual = { args: [], intervals: [], times: [], catchupWindow: 60_000 };
  expect(Object.fromEntries(made)).toEqual(
    Object.fromEntries(Object.entries(expected).map(([id, one]) => [id, { ...usual, ...one }])),
  );
});

test('a schedule is brought to new settings where it is, and stays paused when an operator paused it', async () => {
  await ordersSchedule().pause('looking into something');
  const engine = createEngineClient(stack.temporal.client);
  await Promise.all(
    [60, 60].map((seconds) =>
      ensureSchedules(engine, stack.names, {
        RECONCILE_INTERVAL_SECONDS: seconds,
        SEAL_INTERVAL_SECONDS: 300,
        CONSISTENCY_INTERVAL_SECONDS: 3_600,
      }),
    ),
  );
  const { spec, state } = await ordersSchedule().describe();
  expect(spec.intervals).toEqual([expect.objectContaining({ every: 60_000 })]);
  expect(state).toMatchObject({ paused: true, note: 'looking into something' });
  await ordersSchedule().unpause();
});

test('a server that gives no answer in time is asked again, and a worker does not start where it stays silent', async () => {
  const engine = createEngineClient(stack.temporal.client);
  const silent = (times: number) => {
    let asked = 0;
    return {
      ...engine,
      ensureSchedule: (options: Parameters<typeof engine.ensureSchedule>[0]) =>
        (asked += 1) > times
          ? engine.ensureSchedule(options)
          : Promise.reject(new EngineTimeoutError(10_000)),
    };
  };
  await ensureSchedules(silent(2), stack.names, INTERVALS);
  await expect(ensureSchedules(silent(3), stack.names, INTERVALS)).rejects.toThrow(EngineTimeoutError);
});

test('a worker that starts removes the schedules of earlier versions', async () => {
  const { names, temporal } = stack;
  const ids = RETIRED_SCHEDULES.map((name) => names.scheduleId(name));
  for (const scheduleId of ids) {
    await temporal.client.schedule.create({
      scheduleId,
      spec: { intervals: [{ every: 3_600_000 }] },
      action: { type: 'startWorkflow', workflowType: 'orderSweep', taskQueue: names.jobsQueue },
    });
  }
  await ensureSchedules(createEngineClient(temporal.client), names, INTERVALS);
  for (const id of ids) {
    await expect(temporal.client.schedule.getHandle(id).describe()).rejects.toThrow(ScheduleNotFoundError);
  }
});

test('the schedule of the reconciler starts a lost saga again', async () => {
  await addStock(stack.db, 'LAMP', 'AMS', 1);
  const order = await place(stack, { items: { LAMP: 1 } });
  await order.until('reserved');
  await order.handle.terminate('by hand');
  await stack.db.pool.query(`update orders set updated_at = updated_at - interval '1 hour'`);
  await ordersSchedule().trigger();
  await waitFor(async () => (await order.handle.describe()).status.name === 'RUNNING');
  expect(await order.cancel()).toEqual({ outcome: 'cancelled' });
  await order.handle.result();
});

test('the maintenance of the ledger makes the partitions that are missing and drops those past the retention', async () => {
  const { rows } = await stack.db.pool.query<{ name: string }>(
    `select inhrelid::regclass::text as name from pg_inherits
     where inhparent = 'inventory_transactions'::regclass order by 1 desc limit 1`,
  );
  await stack.db.pool.query(`drop table ${rows[0]!.name}`);
  await stack.db.pool.query(
    `create table long_ago partition of inventory_transactions for values from ('2001-01-01Z') to ('2001-02-01Z')`,
  );
  const handle = await stack.temporal.client.workflow.start(WORKFLOW_TYPES.ledgerMaintenance, {
    workflowId: `${stack.names.scheduleId('ledger-partitions')}-by-hand`,
    taskQueue: stack.names.jobsQueue,
  });
  expect(await handle.result()).toEqual({ made: 1, folded: ['long_ago'] });
  await keepHistory(handle, 'ledger-retention');
});
