import { execute, many, type Queryable, type Transaction } from '../../platform/database/database';

/**
 * Jobs of these that are still needed: a check was not run since, or has a finding that nobody has found again and no later full run
 * has looked for in vain.
 */
export async function selectNeededJobs(on: Queryable, jobIds: readonly string[]): Promise<Set<string>> {
  const needed = await many<{ jobId: string }>(
    on,
    'consistency.needed_jobs',
    `select distinct c.job_id as "jobId" from consistency_checks c
     where c.job_id = any ($1::uuid[])
       and (not exists (select from consistency_checks later
                        where later.check_id = c.check_id and later.started_at > c.started_at)
         or exists (
           select from consistency_findings f
           where f.job_id = c.job_id and f.check_id = c.check_id
             and not exists (select from consistency_findings again
                             where again.check_id = f.check_id and again.subject = f.subject and again.id > f.id)
             and not exists (select from consistency_checks later join jobs j on j.id = later.job_id
                             where later.check_id = c.check_id and later.started_at > c.finished_at and not later.truncated
                               and j.input ->> 'mode' = 'full')))`,
    [jobIds],
  );
  return new Set(needed.map(({ jobId }) => jobId));
}

/** What checks of these jobs found, and that they ran. */
export async function deleteChecks(tx: Transaction, jobIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'consistency.delete_findings',
    'delete from consistency_findings where job_id = any ($1::uuid[])',
    [jobIds],
  );
  await execute(
    tx,
    'consistency.delete_checks',
    'delete from consistency_checks where job_id = any ($1::uuid[])',
    [jobIds],
  );
}
