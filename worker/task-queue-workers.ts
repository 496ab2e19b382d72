import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import { asError } from '../platform/errors';
import type { Settings } from '../platform/config';
import type { Tracer } from '../platform/telemetry/tracer';
import { activityInterceptors } from '../platform/temporal/trace-interceptors';
import { dataConverterOf } from '../platform/temporal/payload-codec';
import { orderIdOf, type EngineNames } from '../workflows/contract/names';
import { workflowBundle } from './bundle';
import { workflowSpans } from './workflow-spans';

export interface TaskQueueOptions {
  settings: Settings;
  connection: NativeConnection;
  namespace: string;
  names: EngineNames;
  activities: { orders: object; payments: object; jobs: object };
  tracer: Tracer;
  /** For tests: a bundle made before, and whatever else is to differ. */
  workerOptions?: Partial<WorkerOptions>;
}

/**
 * Workflow tasks and local activities of orders that one worker runs at once: as many as orders may be under way. With the default of
 * 40 the batches of the reserver could not grow beyond it.
 */
export function orderSlots(settings: Pick<Settings, 'ADMISSION_LIMIT'>): number {
  return Math.max(settings.ADMISSION_LIMIT, 40);
}

/** One of Temporal's workers for each task queue. They poll once they are run. */
export async function createTaskQueueWorkers(options: TaskQueueOptions): Promise<Worker[]> {
  const { settings, connection, namespace, names, activities, tracer, workerOptions } = options;
  const shared = {
    connection,
    namespace,
    dataConverter: dataConverterOf(settings),
    ...(workerOptions?.workflowBundle ? {} : { workflowBundle: await workflowBundle() }),
    // Without shutdownForceTime: a worker that it cuts off waits for ever for tasks that nothing polls any more.
    shutdownGraceTime: settings.SHUTDOWN_GRACE_SECONDS * 1_000,
    ...workerOptions,
    interceptors: { activity: [activityInterceptors(tracer, (id) => orderIdOf(names, id))] },
    sinks: { ...workflowSpans(tracer), ...workerOptions?.sinks },
  };
  const slots = orderSlots(settings);
  return [
    await Worker.create({
      ...shared,
      taskQueue: names.ordersQueue,
      activities: activities.orders,
      maxConcurrentWorkflowTaskExecutions: slots,
      maxConcurrentLocalActivityExecutions: slots,
    }),
    // Apart, so that a gateway that hangs takes no slots from what stops parcels and frees stock.
    await Worker.create({
      ...shared,
      workflowBundle: undefined,
      taskQueue: names.paymentsQueue,
      activities: activities.payments,
      maxConcurrentActivityTaskExecutions: settings.PAYMENT_CALLS,
    }),
    await Worker.create({ ...shared, taskQueue: names.jobsQueue, activities: activities.jobs }),
  ];
}

export interface RunningWorkers {
  /** Rejects when a worker ends by itself; stays pending while they run and after `shutDown`. */
  failed: Promise<never>;
  /** Lets the workers finish what they run; resolves when they have. May be called again. */
  shutDown(): Promise<void>;
}

export function runWorkers(workers: readonly Worker[]): RunningWorkers {
  let isShutDown = false;
  const running = Promise.all(workers.map((worker) => worker.run()));
  const failed = new Promise<never>((_, reject) => {
    running.then(
      () => isShutDown || reject(new Error('the worker stopped by itself')),
      (error: unknown) => isShutDown || reject(asError(error)),
    );
  });
  return {
    failed,
    async shutDown() {
      isShutDown = true;
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
      await running;
    },
  };
}
