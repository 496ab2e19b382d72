import { readJob } from '../../domain/jobs/jobs';
import { jobHasEnded } from '../../domain/jobs/rules';
import type { JobView } from '../../domain/jobs/types';
import type { Queryable } from '../../platform/database/database';
import { jobBody } from '../schemas/jobs';
import { positionAhead } from './ahead';
import type { ChangeFeed } from './change-feed';
import type { Followed, FollowedMessage } from './follow-by-position';
import { pollMsOf } from './poll';

/**
 * How a job stands, by its version, until it has ended. Each message is the whole job, so one that was missed while a client was slow or away is
 * no loss.
 */
export function jobSource(
  { db, jobChanges }: { db: Queryable; jobChanges: ChangeFeed },
  jobId: string,
): Followed {
  return {
    watch: (wake) => jobChanges.watch(jobId, wake),
    get pollMs() {
      return pollMsOf(jobChanges);
    },
    async read(after = 0) {
      const job = await readJob(db, jobId);
      if (!job) return null;
      if (after > job.version) throw positionAhead(job.version);
      return {
        messages: job.version > after ? [asMessage(job)] : [],
        after: job.version,
        atEnd: true,
        ended: jobHasEnded(job.status),
      };
    },
  };
}

function asMessage(job: JobView): FollowedMessage {
  return {
    position: job.version,
    event: jobHasEnded(job.status) ? job.status : 'progress',
    data: JSON.stringify(jobBody(job)),
  };
}
