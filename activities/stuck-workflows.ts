import { raiseAttention, resolveAttention } from '../domain/orders/attention';
import { readOrderInput } from '../domain/orders/views';
import { findStuckOrders } from '../domain/ordering/reconcile';
import { failuresByDue, forgetFailures, recordFailure } from '../domain/stock/alerts/failed-work';
import type { Work } from '../domain/stock/alerts/types';
import type { Database } from '../platform/database/database';
import type { EngineClient, WorkflowCondition } from '../platform/temporal/engine-client';
import type { PendingTask } from '../platform/temporal/workflow-task';
import { shell } from '../platform/told-commands';

/** A workflow that was looked at. */
export interface Watched {
  workflowId: string;
  /** The order that it is the saga of; null: it is of something else. */
  orderId: string | null;
}

/** `doubtful`: its task failed once, which the end of a worker explains. `untaken`: no worker takes its task. */
export type TaskVerdict = 'well' | 'doubtful' | 'stuck' | 'untaken';

/**
 * A task is tried a second time when its worker ended, or was cut off. What fails twice in a row fails by the code, or by the
 * history. The third attempt begins after the first failure and the task's timeout: 5 s for a saga, 10 s for others.
 */
const STUCK_ATTEMPT = 3;
/** A task that no worker has taken for so long waits for one that is not there, or that has too much to do. */
const UNTAKEN_MS = 60_000;

/** Without rows nothing starts it anew. */
const NOT_PLACED =
  'The order is not placed yet: once terminated, it is placed when its client sends it again with the same idempotency key.';

export function verdictOf({ state, task }: WorkflowCondition, now: number): TaskVerdict {
  if (state !== 'running' || !task) return 'well';
  if (task.attempt >= STUCK_ATTEMPT) return 'stuck';
  if (!task.isTaken && now - task.offeredAt.getTime() > UNTAKEN_MS) return 'untaken';
  return task.attempt > 1 ? 'doubtful' : 'well';
}

export interface StuckWorkflows {
  /**
   * Raises an alert about a workflow that does not go on, keeps an open one to the figures of now, and resolves it when the
   * workflow goes on or has ended.
   */
  judge(watched: Watched, condition: WorkflowCondition): Promise<TaskVerdict>;
}

interface Dependencies {
  db: Database;
  engine: Pick<EngineClient, 'lastTaskFailure'>;
}

/** For one run of the reconciler: reads which workflows have an open alert, so that one that is well costs nothing. */
export async function watchStuckWorkflows({ db, engine }: Dependencies): Promise<StuckWorkflows> {
  const [orders, stuck, untaken] = await Promise.all([
    findStuckOrders(db),
    failuresByDue(db, 'run_workflow'),
    failuresByDue(db, 'take_workflow_task'),
  ]);
  const open = {
    orders: new Set(orders),
    run_workflow: new Set([...stuck.due, ...stuck.putOff]),
    take_workflow_task: new Set([...untaken.due, ...untaken.putOff]),
  };
  const putOff = { run_workflow: stuck.putOff, take_workflow_task: untaken.putOff };

  async function record(work: keyof typeof putOff, workflowId: string, why: string): Promise<void> {
    // Until then the alert stays as it is: each record doubles the time to the next.
    if (putOff[work].has(workflowId)) return;
    await recordFailure(db, { work, subject: workflowId, error: new Error(why) });
    open[work].add(workflowId);
  }

  async function forget(work: Work & keyof typeof putOff, workflowId: string): Promise<void> {
    if (open[work].delete(workflowId)) await forgetFailures(db, work, [workflowId]);
  }

  async function raiseStuck({ workflowId, orderId }: Watched, task: PendingTask): Promise<void> {
    const failure = await engine.lastTaskFailure(workflowId, task.runId);
    const { attempt, taskQueue, runId } = task;
    const build = failure?.buildId ?? null;
    const worker = failure?.worker ?? null;
    const why = [
      `The task of the workflow ${workflowId} is at attempt ${attempt}.`,
      failure && `It failed since ${failure.at.toISOString()}: ${failure.message ?? failure.cause}.`,
      build && `Build ${build}${worker ? ` on the worker ${worker}` : ''}.`,
      `Once the build is mended it goes on by itself. The safe way out: ${shell`temporal workflow terminate --workflow-id ${workflowId}`}`,
    ];
    const words = why.filter((sentence) => sentence !== null && sentence !== '').join(' ');
    if (orderId === null) return record('run_workflow', workflowId, words);
    const hasRows = (await readOrderInput(db, orderId)) !== null;
    const details = {
      workflowId,
      runId,
      taskQueue,
      attempts: attempt,
      failingSince: failure?.at.toISOString() ?? null,
      build,
      worker,
      cause: failure?.cause ?? null,
    };
    await db.transaction((tx) =>
      raiseAttention(tx, [
        {
          orderId,
          kind: 'workflow_stuck',
          about: orderId,
          why: hasRows ? words : `${words} ${NOT_PLACED}`,
          details,
        },
      ]),
    );
    open.orders.add(orderId);
  }

  async function resolveStuck({ workflowId, orderId }: Watched): Promise<void> {
    await forget('run_workflow', workflowId);
    if (orderId !== null && open.orders.delete(orderId))
      await db.transaction((tx) => resolveAttention(tx, [{ kind: 'workflow_stuck', about: orderId }]));
  }

  return {
    async judge(watched, condition) {
      const { workflowId } = watched;
      const verdict = verdictOf(condition, Date.now());
      const { task } = condition;
      if (verdict === 'untaken' && task) {
        // One alert stands for all: without workers every workflow waits.
        if (open.take_workflow_task.size === 0 || open.take_workflow_task.has(workflowId))
          await record(
            'take_workflow_task',
            workflowId,
            `The task has waited since ${task.offeredAt.toISOString()} on the task queue ${task.taskQueue}.`,
          );
      } else {
        await forget('take_workflow_task', workflowId);
      }
      // One that failed and waits for a worker, or is tried again, has not gone on yet.
      if (verdict === 'stuck' && task) await raiseStuck(watched, task);
      else if (verdict === 'well') await resolveStuck(watched);
      return verdict;
    },
  };
}
