import { Context } from '@temporalio/activity';
import { isCancelForced } from '../domain/jobs/jobs';
import type { Database } from '../platform/database/database';
import { whileWanted } from './heartbeat';

/**
 * Runs a step of a job, with heartbeats. The signal that it gets is aborted when somebody forces the end of the job, and when the activity is
 * cancelled in the engine or its worker shuts down; of these it is told by what this throws.
 */
export async function untilForced<T>(
  db: Database,
  jobId: string,
  step: (force: AbortSignal) => Promise<T>,
): Promise<T> {
  const result = await whileWanted(step, () => isCancelForced(db, jobId));
  Context.current().cancellationSignal.throwIfAborted();
  return result;
}
