import type { Response } from 'express';
import { readJob } from '../../domain/jobs/jobs';
import { jobHasEnded } from '../../domain/jobs/rules';
import type { JobView } from '../../domain/jobs/types';
import type { Queryable } from '../../platform/database/database';
import { jobBody } from '../schemas/jobs';
import type { ChangeFeed } from './change-feed';
import { sendEventStream, type StreamContext } from './server-sent-events';

interface JobStreamContext extends StreamContext {
  db: Queryable;
  jobChanges: ChangeFeed;
}

/** A comment keeps proxies from closing a silent stream; it also reads again, in case a notice was lost. */
const HEARTBEAT_MS = 5_000;

/**
 * Sends how a job stands, again whenever that changes, and ends with the message that tells its end. Each message is the
 * whole job, so one that was missed while the client was slow or away is no loss.
 *
 * @param from.after version that the client has seen already
 */
export function streamJob(
  context: JobStreamContext,
  res: Response,
  from: { job: JobView; after: number },
): Promise<void> {
  return sendEventStream(
    context,
    res,
    (onChange) => context.jobChanges.watch(from.job.jobId, onChange),
    async ({ change, stop, write }) => {
      let seen = from.after;
      let job: JobView | null = from.job;
      while (job && !stop.aborted) {
        await write(job.version > seen ? asMessage(job) : ': still here\n\n');
        seen = job.version;
        if (jobHasEnded(job.status)) return;
        await change.wait(HEARTBEAT_MS);
        job = await readJob(context.db, job.jobId);
      }
    },
  );
}

function asMessage(job: JobView): string {
  const event = jobHasEnded(job.status) ? job.status : 'progress';
  return `id: ${job.version}\nevent: ${event}\ndata: ${JSON.stringify(jobBody(job))}\n\n`;
}
