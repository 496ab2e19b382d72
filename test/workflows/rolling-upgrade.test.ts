import { temporal } from '@temporalio/proto';
import { newId } from '../../platform/ids';
import { createWorkerDeployments, type WorkerDeployments } from '../../platform/temporal/deployments';
import { createEngineClient } from '../../platform/temporal/engine-client';
import { buildIdOf } from '../../worker/bundle';
import { makeCurrent } from '../../worker/deployment';
import { ensureJobWorkflow } from '../../worker/ensure/ensure-job-workflow';
import { restartPinnedJobs } from '../../worker/restart-pinned-jobs';
import { SAGA_EDITION } from '../../workflows/contract/start';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import { callApi } from '../api/support';
import { addStock } from '../support/fixtures';
import { expectAtRest } from '../support/invariants';
import { fromSetup } from '../support/run';
import { scratchFolder } from '../support/servers';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';
import { buildWorkflowBundle } from '../support/workflow-bundle';
import { place } from './order';

const { VERSIONING_BEHAVIOR_AUTO_UPGRADE: AUTO_UPGRADE, VERSIONING_BEHAVIOR_PINNED: PINNED } =
  temporal.api.enums.v1.VersioningBehavior;

/** Ended by the saga of `upgraded-workflows.ts`. */
const BY_THE_NEW = { status: 'fulfilled', endedOn: 'the new build' };
const BY_THE_OLD = { status: 'fulfilled' };

let stack: Stack;
let deployments: WorkerDeployments;
let oldBundle: { codePath: string };
let newBundle: { codePath: string };
let oldBuild: string;
let newBuild: string;

beforeAll(async () => {
  oldBundle = { codePath: fromSetup('bundle') };
  const workflowsPath = require.resolve('./upgraded-workflows');
  newBundle = {
    codePath: await buildWorkflowBundle(await scratchFolder('upgraded'), false, { workflowsPath }),
  };
  [oldBuild, newBuild] = [await buildIdOf(oldBundle), await buildIdOf(newBundle)];
});

beforeEach(async () => {
  stack = await startStack({ worker: false, api: true, settings: { WORKER_VERSIONING: 'on' } });
  deployments = createWorkerDeployments(stack.temporal.connection, stack.temporal.namespace);
  await addStock(stack.db, 'LAMP', 'AMS', 100);
});
afterEach(async () => {
  await expectAtRest(stack.db);
  await stack.stop();
});

function deploy(buildId: string | null, seconds = 60): Promise<{ previous: string | null }> {
  return makeCurrent(deployments, { names: stack.names, buildId, seconds });
}

/** What Temporal knows of the version that a workflow runs on. */
async function versionOf(workflowId: string) {
  const { raw } = await stack.temporal.client.workflow.getHandle(workflowId).describe();
  const info = raw.workflowExecutionInfo?.versioningInfo;
  return { behavior: info?.behavior, build: info?.deploymentVersion?.buildId };
}

test('orders in flight move to the new build while both run, and back again after a rollback', async () => {
  await stack.startWorker(oldBundle);
  expect(await deploy(oldBuild)).toEqual({ previous: null });
  const before = await place(stack, { items: { LAMP: 1 } });
  await before.until('reserved');
  const { args } = await before.handle.fetchHistory().then(({ events }) => ({
    args: events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data,
  }));
  expect(JSON.parse(Buffer.from(args ?? []).toString())).toMatchObject({ edition: SAGA_EDITION });

  await stack.startWorker(newBundle);
  await waitFor(async () => (await deployments.polling(stack.names.ordersQueue)).includes(newBuild));
  // A worker alone changes nothing.
  const still = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  expect(await still.handle.result()).toEqual(BY_THE_OLD);

  expect(await deploy(newBuild)).toEqual({ previous: oldBuild });
  expect(await before.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  expect(await before.handle.result()).toEqual(BY_THE_NEW);
  const after = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  expect(await after.handle.result()).toEqual(BY_THE_NEW);

  expect(await deploy(oldBuild)).toEqual({ previous: newBuild });
  const rolledBack = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  expect(await rolledBack.handle.result()).toEqual(BY_THE_OLD);
});

test('orders of a build whose worker is gone go on once the next build is current', async () => {
  const worker = await stack.startWorker(oldBundle);
  await deploy(oldBuild);
  const waiting = await place(stack, { items: { LAMP: 1 } });
  await waiting.until('reserved');
  await worker.drain();
  const placedMeanwhile = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });

  await stack.startWorker(newBundle);
  expect(await deploy(newBuild)).toEqual({ previous: oldBuild });
  expect(await placedMeanwhile.handle.result()).toEqual(BY_THE_NEW);
  expect(await waiting.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  expect(await waiting.handle.result()).toEqual(BY_THE_NEW);
  expect(await versionOf(stack.names.orderWorkflowId(waiting.orderId))).toEqual({
    behavior: AUTO_UPGRADE,
    build: newBuild,
  });
});

test('orders that were started without versioning go on under it, and those under it without', async () => {
  const { settings } = stack;
  settings.WORKER_VERSIONING = 'off';
  const unversioned = await stack.startWorker(oldBundle);
  const [first, second] = [
    await place(stack, { items: { LAMP: 1 } }),
    await place(stack, { items: { LAMP: 1 } }),
  ];
  await first.until('reserved');
  await second.until('reserved');

  settings.WORKER_VERSIONING = 'on';
  const versioned = await stack.startWorker(newBundle);
  expect(await deploy(newBuild)).toEqual({ previous: null });
  await unversioned.drain();
  expect(await first.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  expect(await first.handle.result()).toEqual(BY_THE_NEW);

  settings.WORKER_VERSIONING = 'off';
  await versioned.drain();
  await stack.startWorker(oldBundle);
  expect(await deploy(null)).toEqual({ previous: newBuild });
  expect(await second.pay('tok_ok')).toMatchObject({ outcome: 'captured' });
  expect(await second.handle.result()).toEqual(BY_THE_OLD);
});

test('a build that no worker runs is refused, and what is current stays so', async () => {
  await expect(deploy(newBuild, 0)).rejects.toMatchObject({ code: 'NO_WORKER_OF_BUILD' });
  await stack.startWorker(oldBundle);
  await deploy(oldBuild);
  const refused = deploy(newBuild, 1);
  await expect(refused).rejects.toMatchObject({ code: 'NO_WORKER_OF_BUILD' });
  await expect(refused).rejects.toThrow(`No worker of build ${newBuild} asks for work of task queue`);
  expect(await deployments.current(stack.names.deployment)).toBe(oldBuild);
});

test('a job is pinned to its build, what stands is not, and a job whose build is gone is started again', async () => {
  const { names, db } = stack;
  const { client } = stack.temporal;
  const worker = await stack.startWorker(oldBundle);
  await deploy(oldBuild);
  const call = (method: string, path: string, options?: object) =>
    callApi(stack.url.replace('/api/v1', ''), method, path, options);
  const begin = async () => {
    const { body } = await call('POST', '/jobs/consistency', { body: { checks: ['order_events'] } });
    return (body as unknown as { jobId: string }).jobId;
  };
  const hasEnded = (jobId: string) =>
    waitFor(async () => {
      const { body } = await call('GET', `/jobs/${jobId}`);
      return (body as unknown as { status: string }).status === 'completed';
    });
  const done = await begin();
  await hasEnded(done);
  const pinned = { behavior: PINNED, build: oldBuild };
  expect(await versionOf(names.jobWorkflowId(done))).toEqual(pinned);
  const order = await place(stack, { items: { LAMP: 1 }, token: 'tok_ok' });
  await order.handle.result();
  const standing = { behavior: AUTO_UPGRADE, build: oldBuild };
  expect(await versionOf(names.reservationExpiryWorkflowId)).toEqual(standing);

  await worker.drain();
  const left = await begin();
  await client.workflow.start(WORKFLOW_TYPES.consistencyCheck, {
    workflowId: names.jobWorkflowId(left),
    taskQueue: names.jobsQueue,
    args: [{ jobId: left }],
    versioningOverride: { pinnedTo: { deploymentName: names.deployment, buildId: oldBuild } },
  });
  await stack.startWorker(newBundle);
  await deploy(newBuild);
  // Temporal's list lags.
  await waitFor(async () => (await restartPinnedJobs(client, names.deployment, newBuild)) === 1);
  await ensureJobWorkflow({ db, engine: createEngineClient(client), names }, left);
  await hasEnded(left);
  expect(await versionOf(names.jobWorkflowId(left))).toEqual({ ...pinned, build: newBuild });
});

test('the same workflows have the same build id wherever they were built, and others another', async () => {
  const map = '\n//# sourceMappingURL=data:application/json;base64,';
  const id = await buildIdOf({ code: `run()${map}${newId()}` });
  expect(id).toMatch(/^[0-9a-f]{12}$/);
  expect(await buildIdOf({ code: `run()${map}${newId()}` })).toBe(id);
  expect(await buildIdOf({ code: `walk()${map}` })).not.toBe(id);
  expect(oldBuild).not.toBe(newBuild);
});
