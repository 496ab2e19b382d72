import { Client } from 'pg';
import { createJob } from '../../domain/jobs/jobs';
import { repairsOf } from '../../domain/assurance/repair/repair-script';
import { beginConsistencyJob, finishConsistencyJob } from '../../domain/assurance/job';
import { runCheck, type CheckDeps } from '../../domain/assurance/run-check';
import { listFindings } from '../../domain/assurance/findings';
import { CHECK_IDS, type CheckId, type CheckMode, type StoredFinding } from '../../domain/assurance/types';
import type { JobView } from '../../domain/jobs/types';
import { newId } from '../../platform/ids';

/** Those that need no engine. */
export const OWN_CHECKS = CHECK_IDS.filter((id) => !id.startsWith('workflow_'));

export interface CheckedJob {
  jobId: string;
  job: JobView;
  findings: StoredFinding[];
}

/** Runs a consistency job as its workflow does. */
export async function check(
  deps: CheckDeps,
  mode: CheckMode = 'full',
  checks: readonly CheckId[] = OWN_CHECKS,
  graceSeconds = 60,
): Promise<CheckedJob> {
  const { db } = deps;
  const jobId = newId();
  await createJob(db, { id: jobId, type: 'consistency', input: { mode, checks }, actor: 'test' });
  // Nobody starts a workflow for it here.
  await db.pool.query(`delete from outbox where topic = 'job.start' and key = $1`, [jobId]);
  const plan = await beginConsistencyJob(db, jobId);
  if (!plan) throw new Error('the job has ended before it began');
  for (const id of plan.checks) await runCheck(deps, { jobId, check: id, mode: plan.mode, graceSeconds });
  const job = await finishConsistencyJob(db, { jobId, mode, cancelled: false });
  const { items: findings } = await listFindings(db, { jobId, limit: 1_000 });
  return { jobId, job, findings };
}

/** Runs statements by hand, past triggers and foreign keys. */
export async function tamper(url: string, ...statements: string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query('set session_replication_role = replica');
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Makes readers of transfers wait, as a large table would. Returns how to undo that, which waits for the readers. */
export async function slowTransfers(url: string): Promise<() => Promise<void>> {
  await tamper(
    url,
    'alter table transfers rename to real_transfers',
    // Asked once a statement, whatever its plan, and before any row is read.
    'create view transfers as select * from real_transfers where (select pg_sleep(600)) is not null',
  );
  return () => tamper(url, 'drop view transfers', 'alter table real_transfers rename to transfers');
}

/** Applies a repair script as psql does: statement by statement, each on its own, going on after one that fails. */
export async function applyScript(url: string, deps: CheckDeps, jobId: string): Promise<string[]> {
  const client = new Client({ connectionString: url });
  const notices: string[] = [];
  client.on('notice', (notice) => notices.push(notice.message ?? ''));
  await client.connect();
  try {
    for await (const { sql } of repairsOf(deps.db, jobId)) {
      await client.query(`begin;\n${sql}\ncommit;`);
    }
  } finally {
    await client.end();
  }
  return notices;
}
