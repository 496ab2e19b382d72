import {
  execute,
  maybeOne,
  many,
  one,
  type Database,
  type Queryable,
  type Transaction,
} from '../../platform/database/database';
import type { CheckId, Finding, Severity, StoredFinding } from './types';

/**
 * Makes the transaction read one snapshot. The lock comes first: a partition that is dropped between the snapshot and the
 * reading would be gone although its sums are not seen yet.
 */
export async function openSnapshot(tx: Transaction): Promise<void> {
  await execute(tx, 'consistency.one_snapshot', 'set transaction isolation level repeatable read, read only');
  await execute(tx, 'consistency.keep_ledger', 'lock table inventory_transactions in access share mode');
}

export interface StoredCheck {
  id: CheckId;
  findings: number;
  truncated: boolean;
  milliseconds: number;
}

const CHECK_COLUMNS = `check_id as id, findings, truncated,
  (extract(epoch from finished_at - started_at) * 1000)::float8 as milliseconds`;

export function selectCheck(on: Queryable, jobId: string, check: CheckId): Promise<StoredCheck | undefined> {
  return maybeOne<StoredCheck>(
    on,
    'consistency.check',
    `select ${CHECK_COLUMNS} from consistency_checks where job_id = $1 and check_id = $2`,
    [jobId, check],
  );
}

export function selectChecks(on: Queryable, jobId: string): Promise<StoredCheck[]> {
  return many<StoredCheck>(
    on,
    'consistency.checks',
    `select ${CHECK_COLUMNS} from consistency_checks where job_id = $1`,
    [jobId],
  );
}

/** When the latest run of a check began, less a while in which changes may not have been committed; null: there was none. */
export async function selectLastStart(
  on: Queryable,
  check: CheckId,
  lessSeconds: number,
): Promise<Date | null> {
  const { at } = await one<{ at: Date | null }>(
    on,
    'consistency.last_start',
    `select max(started_at) - make_interval(secs => $2) as at from consistency_checks where check_id = $1`,
    [check, lessSeconds],
  );
  return at;
}

export async function selectNow(on: Queryable): Promise<Date> {
  const { at } = await one<{ at: Date }>(on, 'consistency.now', 'select clock_timestamp() as at');
  return at;
}

/** Stores what a check of a job found. Returns false when that is stored already: the first result stays. */
export async function insertCheck(
  tx: Transaction,
  check: {
    jobId: string;
    id: CheckId;
    findings: number;
    truncated: boolean;
    startedAt: Date;
  },
): Promise<boolean> {
  const added = await execute(
    tx,
    'consistency.insert_check',
    `insert into consistency_checks (job_id, check_id, findings, truncated, started_at)
     values ($1, $2, $3, $4, $5) on conflict do nothing`,
    [check.jobId, check.id, check.findings, check.truncated, check.startedAt],
  );
  return added === 1;
}

export function insertFindings(
  tx: Transaction,
  { jobId, check, severity }: { jobId: string; check: CheckId; severity: Severity },
  findings: readonly (Finding & { repairable: boolean })[],
): Promise<number> {
  return execute(
    tx,
    'consistency.insert_findings',
    `insert into consistency_findings (job_id, check_id, severity, subject, details, repairable)
     select $1, $2, $3, subject, details, repairable
     from unnest($4::text[], $5::jsonb[], $6::boolean[]) as f (subject, details, repairable)
     on conflict (job_id, check_id, subject) do nothing`,
    [
      jobId,
      check,
      severity,
      findings.map((finding) => finding.subject),
      findings.map((finding) => JSON.stringify(finding.details)),
      findings.map((finding) => finding.repairable),
    ],
  );
}

/** Findings of a job, or some of them, in the order in which they were found. */
export function selectFindings(
  on: Database,
  filter: {
    jobId: string;
    check?: CheckId | undefined;
    severity?: Severity | undefined;
    after: number;
    limit: number;
    offset: number;
  },
): Promise<StoredFinding[]> {
  const query = on.builder
    .select(on.builder.raw('id, check_id as "check", severity, subject, details, repairable'))
    .from('consistency_findings')
    .where('job_id', filter.jobId)
    .where('id', '>', filter.after)
    .orderBy('id')
    .limit(filter.limit)
    .offset(filter.offset);
  if (filter.check) void query.where('check_id', filter.check);
  if (filter.severity) void query.where('severity', filter.severity);
  return on.list<StoredFinding>(query);
}

export async function countRepairable(on: Queryable, jobId: string): Promise<number> {
  const { count } = await one<{ count: number }>(
    on,
    'consistency.count_repairable',
    'select count(*) as count from consistency_findings where job_id = $1 and repairable',
    [jobId],
  );
  return count;
}

/**
 * Products and locations that these checks of a job found wrong, with what they found. Not what a run that began later no
 * longer finds: the job may have waited for a worker meanwhile.
 */
export function selectDrifting(
  on: Queryable,
  jobId: string,
  checks: readonly CheckId[],
): Promise<{ productId: number; warehouseId: number; details: Record<string, unknown> }[]> {
  return many(
    on,
    'consistency.drifting',
    `select (f.details ->> 'productId')::int as "productId", (f.details ->> 'warehouseId')::int as "warehouseId",
            jsonb_build_object('jobId', $1::uuid, 'findings', jsonb_object_agg(f.check_id, f.details - 'productId' - 'warehouseId')) as details
     from consistency_findings f join consistency_checks c using (job_id, check_id)
     where f.job_id = $1::uuid and f.check_id = any ($2::text[])
       and not exists (select from consistency_checks later
                       where later.check_id = c.check_id and later.started_at > c.finished_at and not later.truncated
                         and not exists (select from consistency_findings still
                                         where still.job_id = later.job_id and still.check_id = f.check_id and still.subject = f.subject))
     group by 1, 2 order by 1, 2`,
    [jobId, checks],
  );
}

/**
 * Products and locations whose alert `ledger_drift` is not over, but which neither these checks of a job found wrong nor those
 * of any job that was stored since they began.
 */
export function selectSettledDrift(
  on: Queryable,
  jobId: string,
  checks: readonly CheckId[],
): Promise<{ productId: number; warehouseId: number }[]> {
  return many(
    on,
    'consistency.settled_drift',
    `with known as (
       select (f.details ->> 'productId')::int as product_id, (f.details ->> 'warehouseId')::int as warehouse_id
       from consistency_checks c join consistency_findings f using (job_id, check_id)
       where c.check_id = any ($2::text[])
         and c.finished_at > (select min(started_at) from consistency_checks where job_id = $1 and check_id = any ($2::text[])))
     select a.product_id as "productId", a.warehouse_id as "warehouseId" from alerts a
     where a.kind = 'ledger_drift' and a.status <> 'resolved'
       and not exists (select from known k where k.product_id = a.product_id and k.warehouse_id = a.warehouse_id)
     order by 1, 2`,
    [jobId, checks],
  );
}
