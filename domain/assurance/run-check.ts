import type { Database } from '../../platform/database/database';
import { transactionEndedBy } from '../../platform/database/forced-end';
import { AppError } from '../../platform/errors';
import { checkOf, SQL_CHECKS, statementOf } from './checks/checks';
import { ENGINE_CHECKS, type DescribeSaga } from './checks/workflows';
import {
  insertCheck,
  insertFindings,
  openSnapshot,
  selectCheck,
  selectLastStart,
  selectNow,
} from './queries';
import { LOG_WORDS, SEALED_LOGS, verifyLog } from './seals/sealed-logs';
import { repairOf } from './repair/repair-script';
import { beginLedgerReading } from './seals/checkpoint';
import { selectShare } from './share-queries';
import type { CheckId, CheckMode, CheckResult, CheckScope, Finding, SqlCheck } from './types';
import { verifySeals } from './seals/verify';

export interface CheckDeps {
  db: Database;
  /** Of orders' workflows; without it, checks that ask the engine cannot be run. */
  describe?: DescribeSaga;
  /** Called while it runs, at least at every step. */
  onProgress?: () => void;
  /** Ends what runs, also a statement in PostgreSQL; the check then throws `CHECK_CANCELLED`. */
  signal?: AbortSignal;
}

export interface CheckRequest {
  jobId: string;
  check: CheckId;
  mode: CheckMode;
  graceSeconds: number;
}

/** What is stored of one check. More than this are not read one by one. */
export const MAX_FINDINGS = 10_000;

/** Runs one check without storing anything. */
export async function findInconsistencies(
  deps: CheckDeps,
  request: Omit<CheckRequest, 'jobId'>,
  limit = MAX_FINDINGS + 1,
): Promise<Finding[]> {
  const { db } = deps;
  const { check, graceSeconds, mode } = request;
  const since = mode === 'incremental' ? await selectLastStart(db, check, graceSeconds) : null;
  const run: CheckScope = { mode, graceSeconds, limit, since };
  const signal = deps.signal ? { signal: deps.signal } : {};
  const onProgress = deps.onProgress ? { onProgress: deps.onProgress } : {};
  const byStatement = SQL_CHECKS.get(check);
  if (byStatement) return readFindings(deps, byStatement, run);
  const log = SEALED_LOGS.find((one) => LOG_WORDS[one].check === check);
  if (log) return verifyLog(db, log, { mode, limit, ...signal, ...onProgress });
  const byEngine = ENGINE_CHECKS.find(({ id }) => id === check);
  if (!byEngine) return (await verifySeals(db, { mode, limit, ...signal, ...onProgress })).findings;
  if (!deps.describe)
    throw new AppError('ENGINE_UNAVAILABLE', 'This check asks the engine, and there is none.');
  return byEngine.find({ db, describe: deps.describe, ...signal, ...onProgress }, run);
}

/** Runs one check of a job and stores what it finds. A check that has run before is not run again: what is stored is returned. */
export async function runCheck(deps: CheckDeps, request: CheckRequest): Promise<CheckResult> {
  const { db, signal } = deps;
  const { jobId, check: id } = request;
  const { title, severity } = checkOf(id);
  const readResult = async (): Promise<CheckResult | undefined> => {
    const stored = await selectCheck(db, jobId, id);
    return stored && { ...stored, title, severity };
  };
  const before = await readResult();
  if (before) return before;
  const startedAt = await selectNow(db);
  const found = await findInconsistencies(deps, request);
  if (signal?.aborted) throw checkCancelled();
  const findings = found.slice(0, MAX_FINDINGS).map((finding) => {
    return { ...finding, repairable: repairOf(jobId, id, finding) !== null };
  });
  const truncated = found.length > MAX_FINDINGS;
  await db.retrying(async (tx) => {
    const isNew = await insertCheck(tx, { jobId, id, findings: findings.length, truncated, startedAt });
    if (isNew) await insertFindings(tx, { jobId, check: id, severity }, findings);
  });
  const stored = await readResult();
  if (!stored) throw new Error(`check ${id} of job ${jobId} was not stored`);
  return stored;
}

/** In one snapshot with the question up to where sums are kept and whether they can be used: the plan depends on it. */
async function readFindings(
  { db, signal, onProgress }: CheckDeps,
  check: SqlCheck,
  run: CheckScope,
): Promise<Finding[]> {
  const found = await transactionEndedBy(
    signal,
    db,
    async (tx) => {
      const summedUp = await beginLedgerReading(tx);
      const share = await selectShare(tx);
      const mode = run.mode === 'incremental' && summedUp.stale ? 'full' : run.mode;
      onProgress?.();
      const { rows } = await tx.query(statementOf(check, { ...run, mode, summedUp, share }));
      // Every check's statement selects these two.
      return rows.map((row) => ({
        subject: String(row['subject']),
        details: row['details'] as Finding['details'],
      }));
    },
    { opening: openSnapshot },
  );
  if (!found) throw checkCancelled();
  return found;
}

function checkCancelled(): AppError {
  return new AppError('CHECK_CANCELLED', 'The check was cancelled.');
}
