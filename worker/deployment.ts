import { setTimeout as delay } from 'node:timers/promises';
import type { WorkerOptions } from '@temporalio/worker';
import type { Settings } from '../platform/config';
import { AppError, isAppError } from '../platform/errors';
import type { BuildId, WorkerDeployments } from '../platform/temporal/deployments';
import type { EngineNames } from '../workflows/contract/names';
import { buildIdOf, workflowBundle } from './bundle';

/**
 * Options of Temporal's workers with the bundle and, with `WORKER_VERSIONING=on`, with the build that they belong to. A workflow
 * that does not say otherwise moves to the current version with its next task.
 */
export async function deploymentOptions(deps: {
  settings: Pick<Settings, 'WORKER_VERSIONING'>;
  names: EngineNames;
  workerOptions?: Partial<WorkerOptions>;
}): Promise<Partial<WorkerOptions>> {
  const { settings, names, workerOptions } = deps;
  const bundle = workerOptions?.workflowBundle ?? (await workflowBundle());
  const options = { ...workerOptions, workflowBundle: bundle };
  if (settings.WORKER_VERSIONING === 'off') return options;
  return {
    ...options,
    workerDeploymentOptions: {
      version: { deploymentName: names.deployment, buildId: await buildIdOf(bundle) },
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'AUTO_UPGRADE',
    },
  };
}

/** The build that workers of this program poll as; null with `WORKER_VERSIONING=off`. */
export async function ownBuild(settings: Pick<Settings, 'WORKER_VERSIONING'>): Promise<BuildId> {
  return settings.WORKER_VERSIONING === 'off' ? null : buildIdOf(await workflowBundle());
}

export interface MakeCurrent {
  names: EngineNames;
  buildId: BuildId;
  /** How long to wait for workers of the build. */
  seconds: number;
  /** Also where a task queue of the present version has no worker of the build. */
  ignoreMissingTaskQueues?: boolean;
}

const LOOK_MS = 250;

/**
 * Makes a build the current version of the deployment, once its workers ask for work of every task queue.
 *
 * @returns the build that was current
 * @throws AppError `NO_WORKER_OF_BUILD` when none does in time, `DEPLOYMENT_NOT_READY` when Temporal refuses until then,
 *   `WORKER_VERSIONING_UNSUPPORTED`
 */
export async function makeCurrent(
  deployments: WorkerDeployments,
  request: MakeCurrent,
): Promise<{ previous: BuildId }> {
  const { names, buildId, seconds, ignoreMissingTaskQueues } = request;
  const previous = await deployments.current(names.deployment);
  const until = Date.now() + seconds * 1_000;
  for (;;) {
    try {
      await expectWorkers(deployments, request);
      // With no version set and none wanted there is nothing to change, and the deployment may not exist.
      if (previous !== buildId) {
        await deployments.setCurrent(names.deployment, buildId, { ignoreMissingTaskQueues });
      }
      return { previous };
    } catch (error) {
      const isEarly = isAppError(error, 'NO_WORKER_OF_BUILD') || isAppError(error, 'DEPLOYMENT_NOT_READY');
      if (!isEarly || Date.now() >= until) throw error;
    }
    await delay(LOOK_MS);
  }
}

async function expectWorkers(
  deployments: WorkerDeployments,
  { names, buildId, seconds }: MakeCurrent,
): Promise<void> {
  for (const queue of [names.ordersQueue, names.paymentsQueue, names.jobsQueue]) {
    const polling = await deployments.polling(queue);
    if (polling.includes(buildId)) continue;
    const others = polling.length > 0 ? `; those of ${polling.map(buildName).join(', ')} do` : '';
    throw new AppError(
      'NO_WORKER_OF_BUILD',
      `No worker of ${buildName(buildId)} asks for work of task queue ${queue}, in ${seconds} seconds${others}. ` +
        'Start `holdfast worker` of that build first.',
      { buildId, queue },
    );
  }
}

/** A build, in words. */
export function buildName(buildId: BuildId): string {
  return buildId === null ? 'no build (WORKER_VERSIONING=off)' : `build ${buildId}`;
}
