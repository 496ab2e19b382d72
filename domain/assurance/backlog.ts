import type { Queryable } from '../../platform/database/database';
import { JOB_STATUSES, JOB_TYPES } from '../jobs/types';
import {
  selectBacklog,
  selectEndedJobs,
  selectOpenJobs,
  type Backlog,
  type JobCount,
} from './backlog-queries';
import { CHECK_IDS } from './types';

export type { Backlog, JobCount };

/** How much waits to be done, and since when. */
export function readBacklog(on: Queryable): Promise<Backlog> {
  return selectBacklog(on, CHECK_IDS);
}

/** Jobs that are open, and those that ended within the last day, without failed ones that somebody has acknowledged: every type and status there is, with 0 where there are none. */
export async function countJobs(on: Queryable): Promise<JobCount[]> {
  const found = [...(await selectOpenJobs(on)), ...(await selectEndedJobs(on))];
  return JOB_TYPES.flatMap((type) =>
    JOB_STATUSES.map((status) => ({
      type,
      status,
      count: found.find((one) => one.type === type && one.status === status)?.count ?? 0,
    })),
  );
}
