import { listAlerts } from '../../domain/stock/alerts/list';
import { newId } from '../../platform/ids';
import type { PendingTask } from '../../platform/temporal/workflow-task';
import { expectInvariants } from '../support/invariants';
import { reconciled } from '../support/reconcile';
import { names, openReconciling, workflowOf, type Reconciling } from './reconciling';

let shop: Reconciling['shop'];
let states: Reconciling['states'];
let tasks: Reconciling['tasks'];
let listed: Reconciling['listed'];
let started: Reconciling['started'];
let run: Reconciling['run'];
let newJob: Reconciling['newJob'];
let rest: Reconciling['rest'];
beforeEach(async () => {
  ({ shop, states, tasks, listed, started, run, newJob, rest } = await openReconciling());
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

function task(rest: Partial<PendingTask>): PendingTask {
  return { attempt: 1, isTaken: true, offeredAt: new Date(), taskQueue: 'jobs', runId: 'run-1', ...rest };
}

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const openAlerts = async () =>
  (await listAlerts(shop.db, { kind: 'work_failed', status: 'open', limit: 50, offset: 0 })).items;

async function runningJobs(count: number): Promise<string[]> {
  const ids = [];
  for (let n = 0; n < count; n++) ids.push(workflowOf(await newJob()));
  for (const id of ids) states.set(id, 'running');
  states.set(names.dispatcherWorkflowId, 'running').set(names.reservationExpiryWorkflowId, 'running');
  await rest('1 hour');
  return ids;
}

test('a workflow whose task fails again and again has one alert with build and way out, until it goes on', async () => {
  const [bad] = await runningJobs(2);
  tasks.set(bad!, task({ attempt: 3 }));
  for (let n = 0; n < 2; n++) expect(await run('jobs')).toEqual(reconciled({ looked: 2, stuck: 1 }));
  expect(started).toEqual([]);
  const alerts = await openAlerts();
  expect(alerts.map(({ details }) => [details.work, details.id, details.attempts])).toEqual([
    ['run_workflow', bad, 1],
  ]);
  expect(alerts[0]?.details).toMatchObject({
    advice: expect.stringContaining('terminate') as unknown,
    error: expect.stringMatching(
      /attempt 3.*the history does not match.*build-7.*terminate --workflow-id/,
    ) as unknown,
  });
  tasks.delete(bad!);
  expect(await run('standing')).toMatchObject({ looked: 3, stuck: 0 });
  expect(await openAlerts()).toEqual([]);
});

test.each([
  ['failed once, as when its worker ended', task({ attempt: 2 })],
  ['has just been offered', task({ isTaken: false })],
  ['is worked on for long', task({ offeredAt: minutesAgo(10) })],
])('a workflow whose task %s is left alone', async (_how, pending) => {
  const [one] = await runningJobs(1);
  tasks.set(one!, pending);
  expect(await run('jobs')).toEqual(reconciled({ looked: 1 }));
  expect(await openAlerts()).toEqual([]);
});

test('workflows whose task no worker takes share one alert, of another kind, until that one is taken', async () => {
  const ids = await runningJobs(3);
  for (const id of ids) tasks.set(id, task({ isTaken: false, offeredAt: minutesAgo(2), taskQueue: 'jobs' }));
  for (let n = 0; n < 2; n++) expect(await run('jobs')).toEqual(reconciled({ looked: 3, stuck: 3 }));
  const [alert, ...others] = await openAlerts();
  expect(others).toEqual([]);
  expect(alert?.details).toMatchObject({
    work: 'take_workflow_task',
    error: expect.stringContaining('on the task queue jobs') as unknown,
  });
  tasks.delete(String(alert?.details.id));
  expect(await run('standing')).toMatchObject({ stuck: 0 });
  expect(await openAlerts()).toEqual([]);
});

test('the workflows that always run are started where they do not, and watched', async () => {
  const { dispatcherWorkflowId: dispatcher, reservationExpiryWorkflowId: expiry } = names;
  expect(await run('standing')).toEqual(reconciled({ looked: 2, restarted: 2 }));
  expect([...started].sort()).toEqual([dispatcher, expiry].sort());
  tasks.set(dispatcher, task({ attempt: 9 }));
  expect(await run('standing')).toEqual(reconciled({ looked: 2, stuck: 1 }));
  expect((await openAlerts()).map(({ details }) => details.id)).toEqual([dispatcher]);
  // Terminated, as the alert says.
  states.delete(dispatcher);
  tasks.delete(dispatcher);
  expect(await run('standing')).toEqual(reconciled({ looked: 2, restarted: 1 }));
  expect(await openAlerts()).toEqual([]);
});

test('a saga that is stuck before its order is placed, of which no table tells, has an alert until it is gone', async () => {
  const orderId = newId();
  const workflowId = names.orderWorkflowId(orderId);
  listed.push(workflowId);
  states.set(workflowId, 'running');
  tasks.set(workflowId, task({ attempt: 4 }));
  for (let n = 0; n < 2; n++) expect(await run('orders')).toEqual(reconciled({ looked: 1, stuck: 1 }));
  const alerts = async () =>
    (await listAlerts(shop.db, { kind: 'attention', status: 'open', limit: 50, offset: 0 })).items;
  expect(await alerts()).toMatchObject([
    {
      orderId,
      details: {
        reason: 'workflow_stuck',
        build: 'build-7',
        worker: 'worker-3',
        attempts: 4,
        why: expect.stringContaining('when its client sends it again') as unknown,
      },
    },
  ]);
  states.delete(workflowId);
  listed.pop();
  expect(await run('orders')).toEqual(reconciled({ looked: 1 }));
  expect([await alerts(), started]).toEqual([[], []]);
});
