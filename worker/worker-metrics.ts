import type { Worker, WorkerStatus } from '@temporalio/worker';
import { Gauge, type Registry } from 'prom-client';

const KINDS: Readonly<Record<string, (status: WorkerStatus) => number>> = {
  workflow_activation: (status) => status.numInFlightWorkflowActivations,
  activity: (status) => status.numInFlightNonLocalActivities,
  local_activity: (status) => status.numInFlightLocalActivities,
};

/** What Temporal's workers of this process are doing, read at each scrape. */
export function addWorkerMetrics(registry: Registry, workers: readonly Worker[]): void {
  const registers = [registry];
  new Gauge({
    name: 'holdfast_worker_in_flight',
    help: 'What this worker runs now, by task queue.',
    labelNames: ['queue', 'kind'],
    registers,
    collect() {
      for (const worker of workers) {
        const status = worker.getStatus();
        for (const [kind, count] of Object.entries(KINDS))
          this.set({ queue: worker.options.taskQueue, kind }, count(status));
      }
    },
  });
  new Gauge({
    name: 'holdfast_worker_cached_workflows',
    help: 'Workflows that this worker keeps in memory, by task queue.',
    labelNames: ['queue'],
    registers,
    collect() {
      for (const worker of workers)
        this.set({ queue: worker.options.taskQueue }, worker.getStatus().numCachedWorkflows);
    },
  });
}
