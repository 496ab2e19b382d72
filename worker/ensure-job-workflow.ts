import type { Client } from '@temporalio/client';
import { jobHasEnded } from '../domain/jobs/rules';
import { readJob } from '../domain/jobs/jobs';
import type { Database } from '../platform/database/database';
import { JOB_WORKFLOW_TYPES, type EngineNames } from '../workflows/contract/names';

const CALL_DEADLINE_MS = 5_000;

const SUMMARIES = {
  feed: 'Imports an inventory feed',
  consistency: 'Checks that stock, ledger, holds, orders and workflows agree',
  settlement: 'Settles what merchants are owed',
} as const;

/**
 * Starts the workflow of a job that has not ended; one that runs is left alone. One that was terminated, or has ended too
 * early, is started again, and finds in its rows how far it had come.
 */
export async function ensureJobWorkflow(
  { db, client, names }: { db: Database; client: Client; names: EngineNames },
  jobId: string,
): Promise<void> {
  const job = await readJob(db, jobId);
  if (!job || jobHasEnded(job.status)) return;
  await client.withDeadline(Date.now() + CALL_DEADLINE_MS, () =>
    client.workflow.start(JOB_WORKFLOW_TYPES[job.type], {
      workflowId: names.jobWorkflowId(jobId),
      taskQueue: names.jobsQueue,
      args: [{ jobId }],
      workflowIdConflictPolicy: 'USE_EXISTING',
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: SUMMARIES[job.type],
      staticDetails: `Job \`${jobId}\`, asked for at ${job.createdAt}.`,
    }),
  );
}
