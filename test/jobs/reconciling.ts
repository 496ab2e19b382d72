import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import {
  createReconcileActivities,
  type ReconcileResult,
  type ReconcileSubject,
} from '../../activities/reconcile';
import { stock } from '../../domain/ordering/backorders/stock-with-backorders';
import { createJob } from '../../domain/jobs/jobs';
import { readSettings } from '../../platform/config';
import { newId } from '../../platform/ids';
import type { EngineClient, WorkflowState } from '../../platform/temporal/engine-client';
import type { PendingTask } from '../../platform/temporal/workflow-task';
import { createReconcileSubjects } from '../../worker/reconcile-subjects';
import { engineNames } from '../../workflows/contract/names';
import { sagaSettings } from '../../workflows/contract/start';
import { openTestShop, type TestShop } from '../support/fixtures';
import { testLogger } from '../support/servers';

export const names = engineNames();

/** A reconciler on a database, and an engine that is what a test says of it: no server is asked. */
export interface Reconciling {
  shop: TestShop;
  /** Of workflows, by id: those that are not in it are gone. */
  states: Map<string, WorkflowState>;
  /** Of workflows that run. */
  tasks: Map<string, PendingTask>;
  /** Ids that visibility finds. */
  listed: string[];
  /** Ids of workflows that were started. */
  started: string[];
  /** Runs the activity as the engine does. */
  run(
    subject: ReconcileSubject,
    onDescribe?: (workflowId: string) => Promise<void>,
  ): Promise<ReconcileResult>;
  /** The id of a job that is open. */
  newJob(): Promise<string>;
  /** As if all jobs were made so long before. */
  rest(span: string): Promise<void>;
}

export async function openReconciling(): Promise<Reconciling> {
  const shop = await openTestShop();
  const states = new Map<string, WorkflowState>();
  const tasks = new Map<string, PendingTask>();
  const listed: string[] = [];
  const started: string[] = [];

  function start(_type: string, { workflowId }: { workflowId: string }): void {
    started.push(workflowId);
    states.set(workflowId, 'running');
  }

  // Only what the reconciler uses of it.
  const engine = {
    list: () => Promise.resolve(listed),
    start: (type: string, options: { workflowId: string }) => {
      start(type, options);
      return Promise.resolve('running');
    },
    signalWithStart: (type: string, _signal: unknown, options: { workflowId: string }) => {
      start(type, options);
      return Promise.resolve();
    },
  } as unknown as EngineClient;

  return {
    shop,
    states,
    tasks,
    listed,
    started,
    run(subject, onDescribe) {
      const { reconcileWorkflows } = createReconcileActivities({
        db: shop.db,
        subjects: createReconcileSubjects({
          db: shop.db,
          stock,
          engine,
          names,
          saga: sagaSettings(readSettings({}), { names, gatewayIsFast: true }),
        }),
        engine: {
          async inspect(workflowId) {
            const state = states.get(workflowId) ?? 'gone';
            await onDescribe?.(workflowId);
            return { state, task: tasks.get(workflowId) ?? null, activities: [] };
          },
          lastTaskFailure: () =>
            Promise.resolve({
              at: new Date('2026-01-02T03:04:05Z'),
              buildId: 'build-7',
              worker: 'worker-3',
              cause: 'non deterministic error',
              message: 'the history does not match',
            }),
        },
        log: testLogger(),
      });
      return new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(
        reconcileWorkflows,
        subject,
      );
    },
    async newJob() {
      const { jobId } = await createJob(shop.db, { id: newId(), type: 'feed', input: {}, actor: 'test' });
      return jobId;
    },
    async rest(span) {
      await shop.db.pool.query(`update jobs set created_at = created_at - $1::interval`, [span]);
    },
  };
}

export const workflowOf = (jobId: string) => names.jobWorkflowId(jobId);
