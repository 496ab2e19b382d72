import {
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
  type ScheduleOptions,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { ApplicationFailure, type SignalDefinition, type UpdateDefinition } from '@temporalio/common';
import { isAppError } from '../errors';
import { withTimeout } from '../with-timeout';
import { boundedCall, DEADLINES_MS } from './bounded-call';
import { isFailedPrecondition } from './call-failure';
import { createEngineHealth, type EngineHealth } from './engine-health';
import { PAYLOAD_NOT_READABLE } from './payload-codec';
import {
  latestFailure,
  messagesBy,
  pendingActivitiesOf,
  pendingTaskOf,
  type PendingActivity,
  type PendingTask,
  type TaskFailure,
} from './workflow-task';

/** What became of a workflow. `gone`: terminated, timed out, cancelled, or not known. */
export type WorkflowState = 'running' | 'completed' | 'failed' | 'gone';

/** A workflow by the engine's own record. */
export interface WorkflowCondition {
  state: WorkflowState;
  /** What it waits for a worker to do; null: nothing. */
  task: PendingTask | null;
  /** What it waits for activities to do. */
  activities: PendingActivity[];
}

/** `refused`: the handler threw, with this code. `gone`: no such workflow runs, or it closes before its handler returns. */
export type UpdateOutcome<Result> =
  { kind: 'result'; result: Result } | { kind: 'refused'; code: string } | { kind: 'gone' };

/**
 * Every call that Holdfast makes to Temporal on behalf of workflows, each with its deadline (`DEADLINES_MS`). What a call throws
 * is told apart by `callFailure`.
 */
export interface EngineClient {
  readonly health: EngineHealth;
  /** `running`: it runs, by this call or before. `closed`: it has ended, and its options do not allow it to be started again. */
  start(type: string, options: WorkflowStartOptions): Promise<'running' | 'closed'>;
  /** Returns false when no workflow with this id runs. */
  signal(workflowId: string, signal: SignalDefinition): Promise<boolean>;
  /** Signals a workflow, and starts it where it does not run. */
  signalWithStart(type: string, signal: SignalDefinition, options: WorkflowStartOptions): Promise<void>;
  /** Waits for the handler's result. The same update id may be sent again: the handler runs once. */
  update<Result, Request>(
    definition: UpdateDefinition<Result, [Request]>,
    target: { workflowId: string; updateId: string; request: Request },
  ): Promise<UpdateOutcome<Result>>;
  /** By the engine's own record; its list lags. */
  describe(workflowId: string): Promise<WorkflowState>;
  /** The same, with the task that is pending. */
  inspect(workflowId: string): Promise<WorkflowCondition>;
  /** The latest try of a run's task that ended badly, as its history tells; null: there is none near its end. */
  lastTaskFailure(workflowId: string, runId: string): Promise<TaskFailure | null>;
  /** Ids of up to `limit` workflows that a query of visibility finds. It lags by a second or more. */
  list(query: string, limit: number): Promise<string[]>;
  /**
   * Makes a schedule, or brings an existing one to these options. One that an operator has paused stays paused. One that cannot be read,
   * since its key is lost, is made anew.
   */
  ensureSchedule(options: ScheduleOptions): Promise<void>;
  /** Removes a schedule, where there is one. */
  deleteSchedule(scheduleId: string): Promise<void>;
  /**
   * Resolves when no call is on its way, also none that was given up; after ten seconds at the latest. The caller that closes the
   * connection waits for it: a gRPC connection that retries on a closed channel throws from a timer, which ends the process.
   */
  idle(): Promise<void>;
}

/** What a call that was given up may still take: its deadline and the client's longest pause between two tries. */
const IDLE_LIMIT_MS = 10_000;

/** Among the last so many events of a history is the start of the task that failed, with signals that came after it. */
const LAST_EVENTS = 50;

/** The type of the failure of an update that was accepted, when its workflow closed before the handler returned. */
const WORKFLOW_CLOSED_TYPE = 'AcceptedUpdateCompletedWorkflow';

export function createEngineClient(client: Client): EngineClient {
  const open = new Set<Promise<unknown>>();
  const probe = () => bounded(DEADLINES_MS.probe, () => client.workflowService.getSystemInfo({}));
  const health = createEngineHealth(probe);

  function bounded<T>(ms: number, call: () => Promise<T>): Promise<T> {
    return boundedCall(client, ms, () => {
      const result = call();
      // A failure after the call was given up is ignored.
      const ended = result.then(
        () => undefined,
        () => undefined,
      );
      open.add(ended);
      void ended.then(() => open.delete(ended));
      return result;
    });
  }

  const messageOf = messagesBy(client.options.loadedDataConverter);

  async function succeeding<T>(ms: number, call: () => Promise<T>): Promise<T> {
    const result = await bounded(ms, call);
    health.succeeded();
    return result;
  }

  async function inspect(workflowId: string): Promise<WorkflowCondition> {
    try {
      const { status, raw } = await succeeding(DEADLINES_MS.call, () =>
        client.workflow.getHandle(workflowId).describe(),
      );
      const activities = await pendingActivitiesOf(raw, messageOf);
      return { state: stateOf(status.name), task: pendingTaskOf(raw), activities };
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { state: 'gone', task: null, activities: [] };
      throw error;
    }
  }

  async function updateSchedule({ scheduleId, spec, action, policies }: ScheduleOptions): Promise<void> {
    await succeeding(DEADLINES_MS.slowCall, () =>
      client.schedule.getHandle(scheduleId).update((previous) => ({
        state: previous.state,
        spec,
        policies,
        action: { ...previous.action, ...action },
      })),
    );
  }

  async function deleteSchedule(scheduleId: string): Promise<void> {
    try {
      await succeeding(DEADLINES_MS.slowCall, () => client.schedule.getHandle(scheduleId).delete());
    } catch (error) {
      if (!(error instanceof ScheduleNotFoundError)) throw error;
    }
  }

  return {
    health,

    async start(type, options) {
      try {
        await succeeding(DEADLINES_MS.call, () => client.workflow.start(type, options));
        return 'running';
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        health.succeeded();
        return 'closed';
      }
    },

    async signal(workflowId, signal) {
      try {
        await succeeding(DEADLINES_MS.call, () => client.workflow.getHandle(workflowId).signal(signal));
        return true;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    },

    async signalWithStart(type, signal, options) {
      await succeeding(DEADLINES_MS.call, () =>
        client.workflow.signalWithStart(type, { ...options, signal, signalArgs: [] }),
      );
    },

    async update(definition, { workflowId, updateId, request }) {
      try {
        const result = await succeeding(DEADLINES_MS.slowCall, () =>
          client.workflow.getHandle(workflowId).executeUpdate(definition, { args: [request], updateId }),
        );
        return { kind: 'result', result };
      } catch (error) {
        // One that is about to close takes no update any more.
        if (error instanceof WorkflowNotFoundError || isFailedPrecondition(error)) return { kind: 'gone' };
        const refusal = error instanceof WorkflowUpdateFailedError ? error.cause : undefined;
        if (!(refusal instanceof ApplicationFailure) || !refusal.type) throw error;
        return refusal.type === WORKFLOW_CLOSED_TYPE
          ? { kind: 'gone' }
          : { kind: 'refused', code: refusal.type };
      }
    },

    async describe(workflowId) {
      return (await inspect(workflowId)).state;
    },

    inspect,

    async lastTaskFailure(workflowId, runId) {
      const { history } = await succeeding(DEADLINES_MS.call, () =>
        client.workflowService.getWorkflowExecutionHistoryReverse({
          namespace: client.options.namespace,
          execution: { workflowId, runId },
          maximumPageSize: LAST_EVENTS,
        }),
      );
      return latestFailure(history?.events ?? [], messageOf);
    },

    async list(query, limit) {
      const { executions } = await succeeding(DEADLINES_MS.slowCall, () =>
        client.workflowService.listWorkflowExecutions({
          namespace: client.options.namespace,
          query,
          pageSize: limit,
        }),
      );
      return executions.flatMap(({ execution }) => execution?.workflowId ?? []);
    },

    async ensureSchedule(options) {
      try {
        await succeeding(DEADLINES_MS.slowCall, () => client.schedule.create(options));
      } catch (error) {
        if (!(error instanceof ScheduleAlreadyRunning)) throw error;
        await updateSchedule(options).catch(async (failure: unknown) => {
          if (!isAppError(failure, PAYLOAD_NOT_READABLE)) throw failure;
          // What it starts its workflow with is lost with its key. Its pause, if it had one, goes too.
          await deleteSchedule(options.scheduleId);
          await succeeding(DEADLINES_MS.slowCall, () => client.schedule.create(options));
        });
      }
    },

    deleteSchedule,

    async idle() {
      await withTimeout(Promise.all(open), IDLE_LIMIT_MS);
    },
  };
}

function stateOf(status: string): WorkflowState {
  switch (status) {
    case 'RUNNING':
    case 'PAUSED':
      return 'running';
    case 'COMPLETED':
      return 'completed';
    case 'FAILED':
      return 'failed';
    default:
      return 'gone';
  }
}
