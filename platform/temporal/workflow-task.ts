import type { LoadedDataConverter } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError } from '@temporalio/common/lib/internal-non-workflow';
import { temporal } from '@temporalio/proto';
import { isAppError } from '../errors';
import { PAYLOAD_NOT_READABLE } from './payload-codec';

const { PendingWorkflowTaskState, WorkflowTaskFailedCause } = temporal.api.enums.v1;

/** What a workflow waits for a worker to do. */
export interface PendingTask {
  /** 1 the first time; more after a try that failed or timed out. */
  attempt: number;
  /** A worker has it. */
  isTaken: boolean;
  /** When this attempt was offered to workers. */
  offeredAt: Date;
  taskQueue: string;
  runId: string;
}

/** An activity that a workflow has asked for and that has not ended. */
export interface PendingActivity {
  type: string;
  /** 1 the first time. */
  attempt: number;
  /** Of the try before; null: there was none. */
  lastFailure: string | null;
  /** When it is tried again; null: it is tried now. */
  nextTryAt: Date | null;
}

/** How a try of a workflow's task ended badly. */
export interface TaskFailure {
  at: Date;
  /** Of the worker that had the task; null where the server does not say it. */
  buildId: string | null;
  /** Its identity. */
  worker: string | null;
  /** The server's word, or `timed out`. */
  cause: string;
  message: string | null;
}

type Failure = temporal.api.failure.v1.IFailure;

/** What a failure says; null: there is none, or it says nothing. */
export type MessageOfFailure = (failure: Failure | null | undefined) => Promise<string | null>;

/** Reads what failures say, also where that is encrypted. */
export function messagesBy(converter: LoadedDataConverter): MessageOfFailure {
  return async (failure) => {
    try {
      return (await decodeOptionalFailureToOptionalError(converter, failure))?.message ?? null;
    } catch (error) {
      if (!isAppError(error, PAYLOAD_NOT_READABLE)) throw error;
      return error.message;
    }
  };
}

type Description = temporal.api.workflowservice.v1.IDescribeWorkflowExecutionResponse;
type Event = temporal.api.history.v1.IHistoryEvent;

export function pendingTaskOf({
  pendingWorkflowTask: task,
  workflowExecutionInfo: info,
}: Description): PendingTask | null {
  if (!task) return null;
  return {
    attempt: task.attempt ?? 1,
    isTaken: task.state === PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED,
    offeredAt: dateOf(task.scheduledTime),
    taskQueue: info?.taskQueue ?? '',
    runId: info?.execution?.runId ?? '',
  };
}

export function pendingActivitiesOf(
  { pendingActivities }: Description,
  messageOf: MessageOfFailure,
): Promise<PendingActivity[]> {
  return Promise.all(
    (pendingActivities ?? []).map(
      async ({ activityType, attempt, lastFailure, nextAttemptScheduleTime: next }) => ({
        type: activityType?.name ?? '',
        attempt: attempt ?? 1,
        lastFailure: await messageOf(lastFailure),
        nextTryAt: next ? dateOf(next) : null,
      }),
    ),
  );
}

/**
 * The latest try that ended badly. The server writes the first one of a row of bad tries to the history and only counts the others.
 *
 * @param events the latest first
 */
export async function latestFailure(
  events: readonly Event[],
  messageOf: MessageOfFailure,
): Promise<TaskFailure | null> {
  const at = events.findIndex(
    (event) => event.workflowTaskFailedEventAttributes ?? event.workflowTaskTimedOutEventAttributes,
  );
  const ended = events[at];
  if (!ended) return null;
  const failed = ended.workflowTaskFailedEventAttributes;
  const startedId = (failed ?? ended.workflowTaskTimedOutEventAttributes)?.startedEventId;
  const started = events.find(
    (event) => String(event.eventId) === String(startedId),
  )?.workflowTaskStartedEventAttributes;
  const stated = [failed?.workerVersion?.buildId, started?.workerVersion?.buildId, failed?.binaryChecksum];
  return {
    at: dateOf(ended.eventTime),
    buildId: stated.find((id) => id) ?? null,
    worker: [failed?.identity, started?.identity].find((name) => name) ?? null,
    cause: failed ? causeOf(failed) : 'timed out',
    message: await messageOf(failed?.failure),
  };
}

/** `WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR` as `non deterministic error`. */
function causeOf({ cause }: temporal.api.history.v1.IWorkflowTaskFailedEventAttributes): string {
  const name = typeof cause === 'number' ? WorkflowTaskFailedCause[cause] : cause;
  return (name ?? 'failed').replace('WORKFLOW_TASK_FAILED_CAUSE_', '').replaceAll('_', ' ').toLowerCase();
}

function dateOf(time: { seconds?: unknown; nanos?: number | null } | null | undefined): Date {
  return new Date(Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1_000_000);
}
