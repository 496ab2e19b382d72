import { z } from 'zod';
import {
  raiseAlerts,
  raiseTampered,
  resolveAlerts,
  resolveTampered,
  type TamperedSubject,
} from '../stock/alerts/alerts';
import {
  beginJob,
  cancelJob,
  completeJob,
  createCallerRunJob,
  createJob,
  failJob,
  isCancelRequested,
  readJobInput,
  reportProgress,
} from '../jobs/jobs';
import { jobHasEnded } from '../jobs/rules';
import { SCHEDULE, type JobView } from '../jobs/types';
import { postAgainIfMissing } from '../payments/backfill';
import type { Database } from '../../platform/database/database';
import { derivedId, newId } from '../../platform/ids';
import { boundShare, moveShare } from './share-queries';
import { advanceCheckpoint } from './seals/checkpoint';
import { LOG_WORDS, SEALED_LOGS } from './seals/sealed-logs';
import { checkOf, DRIFT_CHECKS } from './checks/checks';
import { MAX_FINDINGS } from './run-check';
import {
  countRepairable,
  selectCheck,
  selectChecks,
  selectDrifting,
  selectFindings,
  selectSettledDrift,
} from './queries';
import { CHECK_IDS, CHECK_MODES, type CheckId, type CheckMode, type CheckResult } from './types';

/** What a consistency job is asked to do, as its row has it. */
export const consistencyInput = z.object({
  mode: z.enum(CHECK_MODES),
  checks: z.array(z.enum(CHECK_IDS)).min(1),
});

export interface ConsistencyPlan {
  mode: CheckMode;
  checks: CheckId[];
}

export interface ConsistencyEnd {
  jobId: string;
  mode: CheckMode;
  cancelled: boolean;
  /** Why it could not go on. */
  error?: { code: string; detail: string } | undefined;
}

/** Asks for an incremental run of all checks; once for the same occasion. Returns the job's id. */
export async function requestScheduledCheck(db: Database, occasion: string): Promise<string> {
  const input: ConsistencyPlan = { mode: 'incremental', checks: [...CHECK_IDS] };
  const id = derivedId('scheduled-consistency', occasion);
  return (await createJob(db, { id, type: 'consistency', input: { ...input }, actor: SCHEDULE })).jobId;
}

/** Makes a job that the caller runs itself, without a workflow. Returns its id. */
export async function openConsistencyJob(
  db: Database,
  plan: ConsistencyPlan,
  actor: string,
): Promise<string> {
  const job = { id: newId(), type: 'consistency' as const, input: { ...plan }, actor };
  return (await createCallerRunJob(db, job)).jobId;
}

/**
 * Marks a job as running. Returns its checks, in the order in which they run; null when it has ended.
 *
 * @throws AppError `JOB_NOT_FOUND`
 */
export async function beginConsistencyJob(db: Database, jobId: string): Promise<ConsistencyPlan | null> {
  if (jobHasEnded((await beginJob(db, jobId)).status)) return null;
  const { mode, checks } = consistencyInput.parse(await readJobInput(db, jobId));
  const plan = { mode, checks: CHECK_IDS.filter((id) => checks.includes(id)) };
  if (mode === 'incremental') await boundShare(db);
  await reportProgress(db, jobId, { processed: 0, total: plan.checks.length });
  return plan;
}

/** Reports that the checks up to `done` have run. Returns whether the job was asked to stop. */
export async function reportChecked(db: Database, jobId: string, done: number): Promise<boolean> {
  await reportProgress(db, jobId, { processed: done });
  return isCancelRequested(db, jobId);
}

/**
 * Ends a job with what its checks found. One that ran to its end also moves the kept sums of the ledger on, raises and resolves the alerts
 * `ledger_drift` of products and locations, and has money posted that workers of the version before did not post. Repeated, it changes nothing.
 */
export async function finishConsistencyJob(
  db: Database,
  { jobId, mode, cancelled, error }: ConsistencyEnd,
): Promise<JobView> {
  const checks = await readResults(db, jobId);
  if (!cancelled && !error) {
    const ran = new Set(checks.map((check) => check.id));
    if (ran.has('seals')) {
      await advanceCheckpoint(db, mode);
      const found = await trackSeals(db, jobId, { check: 'seals', subject: 'ledger' });
      // Everything was read, so that month too.
      if (mode === 'full' && found === 0) await db.retrying((tx) => resolveTampered(tx, 'ledger_fold'));
    }
    for (const log of SEALED_LOGS) {
      const { check } = LOG_WORDS[log];
      if (ran.has(check)) await trackSeals(db, jobId, { check, subject: log });
    }
    if (DRIFT_CHECKS.every((id) => ran.has(id))) await trackDrift(db, jobId);
    if (ran.has('money_ledger')) await postAgainIfMissing(db, await paymentsFound(db, jobId));
  }
  const findings = checks.reduce((sum, check) => sum + check.findings, 0);
  const repairable = await countRepairable(db, jobId);
  const outcome = {
    result: { mode, checks, findings, repairable },
    ...(repairable > 0 ? { file: 'sql' as const } : {}),
  };
  if (error) return failJob(db, jobId, error, outcome);
  if (cancelled) return cancelJob(db, jobId, outcome);
  const hadShare = mode === 'incremental' && checks.some(({ id }) => id === 'on_hand_ledger');
  // With the end of the job: a worker that dies before it moves on once all the same.
  return completeJob(db, jobId, outcome, async (tx) => {
    if (hadShare) await moveShare(tx, jobId);
  });
}

async function readResults(db: Database, jobId: string): Promise<CheckResult[]> {
  const stored = await selectChecks(db, jobId);
  return CHECK_IDS.flatMap((id) => {
    const check = stored.find((one) => one.id === id);
    const { title, severity } = checkOf(id);
    return check ? [{ ...check, milliseconds: Math.round(check.milliseconds), title, severity }] : [];
  });
}

/** Payments that the money ledger does not have to the cent. */
async function paymentsFound(db: Database, jobId: string): Promise<string[]> {
  const page = { check: 'money_ledger', after: 0, limit: MAX_FINDINGS, offset: 0 } as const;
  const found = await selectFindings(db, { jobId, ...page });
  return found.flatMap(({ details: { paymentId } }) => (typeof paymentId === 'string' ? [paymentId] : []));
}

/** Findings that the alert names. */
const NAMED = 20;

async function trackSeals(
  db: Database,
  jobId: string,
  { check, subject }: { check: CheckId; subject: TamperedSubject },
): Promise<number> {
  const found = await selectFindings(db, { jobId, check, after: 0, limit: NAMED, offset: 0 });
  const findings = (await selectCheck(db, jobId, check))?.findings ?? 0;
  const first = found.map(({ subject }) => subject);
  await db.retrying(async (tx) => {
    if (findings > 0) await raiseTampered(tx, subject, { jobId, findings, first });
    else await resolveTampered(tx, subject);
  });
  return findings;
}

/** Alerts of one transaction: each takes a row's lock. */
const ALERTS_AT_ONCE = 200;

/** In the order of their stock rows, below which alerts are locked. */
async function trackDrift(db: Database, jobId: string): Promise<void> {
  const drifting = await selectDrifting(db, jobId, DRIFT_CHECKS);
  for (let start = 0; start < drifting.length; start += ALERTS_AT_ONCE) {
    const places = drifting.slice(start, start + ALERTS_AT_ONCE);
    await db.retrying((tx) => raiseAlerts(tx, 'ledger_drift', places));
  }
  const settled = await selectSettledDrift(db, jobId, DRIFT_CHECKS);
  await db.retrying((tx) => resolveAlerts(tx, 'ledger_drift', settled));
}
