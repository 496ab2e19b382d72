import { isGrpcServiceError, type Connection } from '@temporalio/client';
import { temporal } from '@temporalio/proto';
import { AppError } from '../errors';
import { boundedCall, DEADLINES_MS } from './bounded-call';
import { isNotFound } from './call-failure';

/** What of a connection is used here; a worker's NativeConnection has it as well. */
type Services = Pick<Connection, 'workflowService' | 'withDeadline'>;

/** A build of the workers; null: workers without versioning. */
export type BuildId = string | null;

/**
 * Temporal's worker deployments in one namespace. The current version of a deployment gets every new workflow, and every
 * task of workflows that are not pinned to another version.
 */
export interface WorkerDeployments {
  /**
   * The build that is current; null where none is set, so that workers without versioning get the work.
   *
   * @throws AppError `WORKER_VERSIONING_UNSUPPORTED` when the server is too old
   */
  current(deployment: string): Promise<BuildId>;
  /** Builds whose workers ask for workflow tasks of a queue, each once. */
  polling(queue: string): Promise<BuildId[]>;
  /**
   * Makes a build current; the same again changes nothing.
   *
   * @throws AppError `WORKER_VERSIONING_UNSUPPORTED`; `DEPLOYMENT_NOT_READY` when the server does not know the build yet, or misses
   *   workers of it on a task queue that the current version has
   */
  setCurrent(
    deployment: string,
    buildId: BuildId,
    options?: { ignoreMissingTaskQueues?: boolean },
  ): Promise<void>;
}

/** A worker asks for work at least once a minute, and Temporal remembers for five who did. */
const POLLED_WITHIN_MS = 90_000;
const [PERMISSION_DENIED, FAILED_PRECONDITION, UNIMPLEMENTED] = [7, 9, 12];

const { TaskQueueType, WorkerVersioningMode } = temporal.api.enums.v1;

export function createWorkerDeployments(connection: Services, namespace: string): WorkerDeployments {
  const call = <T>(ms: number, request: () => Promise<T>) => boundedCall(connection, ms, request);
  return {
    async current(deploymentName) {
      try {
        const { workerDeploymentInfo } = await call(DEADLINES_MS.slowCall, () =>
          connection.workflowService.describeWorkerDeployment({ namespace, deploymentName }),
        );
        return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId ?? null;
      } catch (error) {
        // No versioned worker has ever asked for work.
        if (isNotFound(error)) return null;
        throw hasCode(error, UNIMPLEMENTED) ? unsupported(namespace, error) : error;
      }
    },

    async polling(queue) {
      // A queue of activities alone has no pollers for workflows.
      const types = [TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY];
      const described = await Promise.all(
        types.map((taskQueueType) =>
          call(DEADLINES_MS.slowCall, () =>
            connection.workflowService.describeTaskQueue({
              namespace,
              taskQueue: { name: queue },
              taskQueueType,
            }),
          ),
        ),
      );
      const pollers = described.flatMap((one) => one.pollers);
      const since = Date.now() - POLLED_WITHIN_MS;
      const builds = pollers
        .filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 >= since)
        .map(({ deploymentOptions }) =>
          deploymentOptions?.workerVersioningMode === WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED
            ? (deploymentOptions.buildId ?? null)
            : null,
        );
      return [...new Set(builds)];
    },

    async setCurrent(deploymentName, buildId, { ignoreMissingTaskQueues = false } = {}) {
      try {
        await call(DEADLINES_MS.slowCall, () =>
          connection.workflowService.setWorkerDeploymentCurrentVersion({
            namespace,
            deploymentName,
            buildId: buildId ?? '',
            ignoreMissingTaskQueues,
            identity: 'holdfast deploy',
          }),
        );
      } catch (error) {
        if (hasCode(error, UNIMPLEMENTED, PERMISSION_DENIED)) throw unsupported(namespace, error);
        if (!isNotFound(error) && !hasCode(error, FAILED_PRECONDITION)) throw error;
        const why = isGrpcServiceError(error) ? error.details : '';
        throw new AppError('DEPLOYMENT_NOT_READY', `Temporal refuses: ${why}`, {}, { cause: error });
      }
    },
  };
}

function hasCode(error: unknown, ...codes: readonly number[]): boolean {
  return isGrpcServiceError(error) && codes.includes(error.code);
}

function unsupported(namespace: string, cause: unknown): AppError {
  const why = isGrpcServiceError(cause) ? cause.details : String(cause);
  return new AppError(
    'WORKER_VERSIONING_UNSUPPORTED',
    `Temporal does not let us use worker deployments in namespace ${namespace}: ${why} ` +
      'Use a server of version 1.28 or later that permits them, or set WORKER_VERSIONING=off.',
    { namespace },
    { cause },
  );
}
