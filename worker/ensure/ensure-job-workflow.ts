import { readJob } from '../../domain/jobs/jobs';
import { jobHasEnded } from '../../domain/jobs/rules';
import { JOBS } from '../../domain/jobs/types';
import { WORKFLOW_TYPES } from '../../workflows/contract/names';
import type { EnsureContext } from './ensure-document-workflow';

/**
 * Starts the workflow of a job that has not ended; one that runs is left alone. One that was terminated, or has ended too
 * early, is started again, and finds in its rows how far it had come.
 *
 * @returns false when the job has ended, or there is none
 */
export async function ensureJobWorkflow(
  { db, engine, names }: EnsureContext,
  jobId: string,
): Promise<boolean> {
  const job = await readJob(db, jobId);
  if (!job || jobHasEnded(job.status)) return false;
  const { workflow, summary } = JOBS[job.type];
  await engine.start(WORKFLOW_TYPES[workflow], {
    workflowId: names.jobWorkflowId(jobId),
    taskQueue: names.jobsQueue,
    args: [{ jobId }],
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    staticSummary: summary,
    staticDetails: `Job \`${jobId}\`, asked for at ${job.createdAt}.`,
  });
  return true;
}
