import { Context } from '@temporalio/activity';
import { isCancelForced } from '../domain/jobs/jobs';
import type { Database } from '../platform/database/database';
import { withHeartbeats } from './heartbeat';

/**
 * Runs a step of a job, with heartbeats. The signal that it gets is aborted when somebody forces the end of the job, and when the activity is
 * cancelled in the engine or its worker shuts down; of these it is told by what this throws.
 */
export async function untilForced<T>(
  db: Database,
  jobId: string,
  step: (force: AbortSignal) => Promise<T>,
): Promise<T> {
  const { cancellationSignal } = Context.current();
  const forced = new AbortController();
  const look = async () => {
    if (await isCancelForced(db, jobId)) forced.abort();
  };
  const result = await withHeartbeats(
    () => step(AbortSignal.any([cancellationSignal, forced.signal])),
    () => {
      // A database that is away is noticed by the step itself.
      look().catch(() => undefined);
    },
  );
  cancellationSignal.throwIfAborted();
  return result;
}
