import type { Queryable } from '../../../platform/database/database';
import { request, shell } from '../../../platform/told-commands';
import { readJob } from '../../jobs/jobs';
import { jobHasEnded } from '../../jobs/rules';
import type { JobView } from '../../jobs/types';
import { waitingAbout } from '../attention';
import { wordsOf } from '../attention-words';
import type { Waiting } from '../attention-types';
import type { Explanation } from './types';

/** Why a job is as it is. Null: there is none. */
export async function explainJob(on: Queryable, jobId: string): Promise<Explanation | null> {
  const job = await readJob(on, jobId);
  if (!job) return null;
  const { type, status, cancelRequested, rejected, createdAt, startedAt, finishedAt, acknowledged } = job;
  const { fileStore } = job.details;
  const alerts = await waitingAbout(on, {
    subjects: [`start_job:${jobId}`, `run_workflow:job:${jobId}`, `take_workflow_task:job:${jobId}`],
  });
  return {
    subject: { type: 'job', id: jobId },
    state: stateOf(job),
    because: [
      `Asked for at ${createdAt}; ${startedAt === null ? 'not begun' : `begun at ${startedAt}`}${finishedAt === null ? '' : `; ended at ${finishedAt}`}.`,
      ...(rejected === null ? [] : [`${rejected} rows were rejected.`]),
      ...(cancelRequested && !jobHasEnded(status)
        ? ['It was asked to stop, and does so at its next step.']
        : []),
      ...(typeof fileStore === 'string' && !jobHasEnded(status)
        ? [`Its file could not be written, and is tried again: ${fileStore}`]
        : []),
      ...(job.result === null ? [] : [`Its result: ${JSON.stringify(job.result)}`]),
      ...(acknowledged === null
        ? []
        : [
            `${acknowledged.by} has seen it at ${acknowledged.at}${acknowledged.note ? `: ${acknowledged.note}` : '.'}`,
          ]),
    ],
    history: [],
    currency: null,
    waiting: [...alerts, ...ofFailure(job)],
    next: [
      ...(jobHasEnded(status) ? [] : [shell`holdfast jobs cancel ${jobId}`]),
      ...(job.file === null ? [] : [request`GET /api/v1/downloads/${jobId}.${job.file}`]),
      ...(type === 'consistency'
        ? [request`GET /api/v1/jobs/${jobId}/findings`, shell`holdfast repair --job ${jobId}`]
        : []),
    ],
    workflow: { of: 'job', id: jobId, mustRun: !jobHasEnded(status) },
  };
}

function stateOf({ type, status, processed, total, progress, error }: JobView): string {
  const rows = `${processed} of ${total ?? 'a number not known yet'}`;
  switch (status) {
    case 'queued':
      return `The job (${type}) waits for a worker to begin it.`;
    case 'running':
      return `The job (${type}) runs: ${rows}, ${progress} %.`;
    case 'completed':
      return `The job (${type}) is completed: ${rows}.`;
    case 'cancelled':
      return `The job (${type}) was cancelled after ${rows}. What it did stays done.`;
    case 'failed':
      return `The job (${type}) failed after ${rows}: ${error === null ? 'for a reason that is not known' : `${error.code}. ${error.detail}`}`;
  }
}

/** A job that failed waits until somebody says that it is seen. */
function ofFailure({ jobId: id, type, status, error, file, finishedAt, acknowledged }: JobView): Waiting[] {
  if (status !== 'failed' || finishedAt === null || acknowledged !== null) return [];
  const details = { type, code: error?.code, detail: error?.detail, file };
  return [
    {
      kind: 'job_failed',
      subject: { type: 'job', id },
      since: finishedAt,
      deadline: null,
      ...wordsOf('job_failed', { subjectId: id, alertId: null, details }),
      alertId: null,
      acknowledgedBy: null,
    },
  ];
}
