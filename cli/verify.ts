import { z } from 'zod';
import { CHECK_IDS, type CheckId, type CheckMode, type CheckResult } from '../domain/assurance/types';
import { checkOf } from '../domain/assurance/checks/checks';
import type { DescribeSaga } from '../domain/assurance/checks/workflows';
import { listFindings } from '../domain/assurance/findings';
import { runCheck } from '../domain/assurance/run-check';
import { beginConsistencyJob, finishConsistencyJob, openConsistencyJob } from '../domain/assurance/job';
import { readSealHead, verifyHead, type KeptHead } from '../domain/assurance/seals/head';
import { advanceCheckpoint } from '../domain/assurance/seals/checkpoint';
import { SEALED_LOGS, verifyLog } from '../domain/assurance/seals/sealed-logs';
import { verifySeals } from '../domain/assurance/seals/verify';
import { AppError } from '../platform/errors';
import type { Settings } from '../platform/config';
import { openDatabase, type Database } from '../platform/database/database';
import { createLogger } from '../platform/telemetry/log';
import { createEngineClient } from '../platform/temporal/engine-client';
import { engineNames } from '../workflows/contract/names';
import { describeOrderWorkflow } from '../worker/ensure/ensure-order-workflow';
import type { Output } from './output';
import { locateDirectDatabase, locateTemporal } from './servers';
import { openTemporalLink } from './temporal-link';

export interface VerifyOptions {
  full: boolean;
  /** Only the seals of both ledgers and of the audit log, all of them. */
  seals: boolean;
  /** Text of a head that `holdfast seals head` wrote. */
  head?: string | undefined;
}

/** What is younger is not yet called stuck or orphaned: it may be on its way. */
const GRACE_SECONDS = 300;
/** Findings of one check that are shown. */
const SHOWN = 20;

/** `holdfast verify`: runs the consistency checks in this process. Exit code 1 tells that something was found. */
export async function runVerify(settings: Settings, options: VerifyOptions, output: Output): Promise<number> {
  const kept = options.head === undefined ? undefined : readHead(options.head);
  return withDatabase(settings, async (db) => {
    // A head proves what is read: rows that were sealed long ago too.
    const mode: CheckMode = options.full || options.seals || kept ? 'full' : 'incremental';
    const engine = options.seals ? undefined : await connectEngine(settings);
    const checks = options.seals
      ? (['seals', 'audit_seals', 'money_seals'] as const)
      : CHECK_IDS.filter((id) => engine || !needsEngine(id));
    try {
      const { jobId, results } = await runChecks(db, { mode, checks, describe: engine?.describe });
      const { items: findings } = await listFindings(db, { jobId, limit: 1_000 });
      const head = await readSealHead(db);
      const compared = kept ? await verifyHead(db, kept) : undefined;
      const againstHead = compared?.findings ?? [];
      const { foldedSince, sumsCompared } = compared ?? {};
      output.json({
        jobId,
        mode,
        checks: results,
        findings,
        seals: head,
        againstHead,
        foldedSince,
        sumsCompared,
      });
      print();
      return findings.length + againstHead.length === 0 ? 0 : 1;

      function print(): void {
        output.line(`Consistency, ${mode}, job ${jobId}`);
        printResults(output, results);
        if (!engine && !options.seals)
          output.line('  skipped: what asks Temporal, which is not known here or away');
        for (const { id, findings: found } of results.filter((check) => check.findings > 0)) {
          output.line(`\n${id}: ${found}`);
          const own = findings.filter((finding) => finding.check === id);
          for (const { severity, subject, details } of own.slice(0, SHOWN)) {
            output.line(`  ${severity.padEnd(9)} ${subject}  ${JSON.stringify(details)}`);
          }
          if (found > SHOWN) output.line(`  and ${found - SHOWN} more: GET /api/v1/jobs/${jobId}/findings`);
        }
        for (const { subject, details } of againstHead)
          output.line(`\nNot as in the head that was kept: ${subject}  ${JSON.stringify(details)}`);
        if (kept && againstHead.length === 0)
          output.line(`\nThe seals go through the head that was kept: seal ${kept.seq}.`);
        if (foldedSince && foldedSince.length > 0) {
          const proven = sumsCompared
            ? 'what is left of them agrees with the head, unless it is named above'
            : 'the head does not prove what is left of them';
          output.line(`Summed up and dropped since: ${foldedSince.join(', ')}; ${proven}.`);
        }
        if (head.hash) output.line(`\nSealed rows: ${head.rows}. Seal ${head.seq}: ${head.hash}`);
        if (head.auditHash) output.line(`Audit log: seal ${head.auditSeq}: ${head.auditHash}`);
        if (head.moneyHash) output.line(`Money ledger: seal ${head.moneySeq}: ${head.moneyHash}`);
        const repairable = findings.filter((finding) => finding.repairable).length;
        if (repairable > 0) output.line(`\n${repairable} can be repaired: holdfast repair --job ${jobId}`);
        else
          output.line(
            findings.length + againstHead.length === 0
              ? '\nNothing was found.'
              : '\nWhat was found is for a person.',
          );
      }
    } finally {
      await engine?.close();
    }
  });
}

const keptHead = z.object({
  seq: z.int().min(0),
  hash: z.hex().length(64).nullable(),
  folds: z.int().min(0),
  foldHash: z.hex().length(64).nullable(),
  sumsSeq: z.int().min(0).default(0),
  sumsHash: z.hex().length(64).nullable().default(null),
  auditSeq: z.int().min(0).default(0),
  auditHash: z.hex().length(64).nullable().default(null),
  moneySeq: z.int().min(0).default(0),
  moneyHash: z.hex().length(64).nullable().default(null),
});

/** @throws AppError `HEAD_UNREADABLE` for a text that `holdfast seals head` did not write */
function readHead(text: string): KeptHead {
  try {
    return keptHead.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError('HEAD_UNREADABLE', 'This is no head that holdfast seals head wrote.', {}, { cause });
  }
}

/**
 * `holdfast seals head`: what proves both ledgers and the audit log up to now, as one JSON object, to be kept where nobody of the database can write. New
 * seals are verified and summed up first, so that its sums reach as far as they can. Exit code 1 tells that they are not as
 * they were sealed.
 */
export async function runSealHead(settings: Settings, output: Output): Promise<number> {
  return withDatabase(settings, async (db) => {
    const { findings } = await verifySeals(db, { mode: 'incremental', limit: 1 });
    for (const log of SEALED_LOGS)
      findings.push(...(await verifyLog(db, log, { mode: 'incremental', limit: 1 })));
    await advanceCheckpoint(db, 'incremental');
    const head = await readSealHead(db);
    output.line(JSON.stringify(head));
    output.json(head);
    return findings.length === 0 ? 0 : 1;
  });
}

export function needsEngine(check: CheckId): boolean {
  return check === 'workflow_gone' || check === 'workflow_outlives_order';
}

export function printResults(output: Output, results: readonly CheckResult[]): void {
  const width = Math.max(...CHECK_IDS.map((id) => id.length));
  for (const { id, severity, findings, milliseconds } of results) {
    const found = findings === 0 ? 'ok' : `${findings} found, ${severity}`;
    output.line(`  ${id.padEnd(width)}  ${found.padEnd(20)} ${Math.round(milliseconds)} ms`);
  }
}

/** Runs checks as a job of this process, so that what they find can be repaired. */
export async function runChecks(
  db: Database,
  {
    mode,
    checks,
    describe,
  }: { mode: CheckMode; checks: readonly CheckId[]; describe?: DescribeSaga | undefined },
): Promise<{ jobId: string; results: CheckResult[] }> {
  const jobId = await openConsistencyJob(db, { mode, checks: [...checks] }, 'cli');
  await beginConsistencyJob(db, jobId);
  const results: CheckResult[] = [];
  for (const check of checks) {
    const request = { jobId, check, mode, graceSeconds: GRACE_SECONDS };
    const result = await runCheck({ db, ...(describe ? { describe } : {}) }, request);
    results.push({ ...result, title: checkOf(check).title });
  }
  await finishConsistencyJob(db, { jobId, mode, cancelled: false });
  return { jobId, results };
}

export async function withDatabase(
  settings: Settings,
  work: (db: Database) => Promise<number>,
  locate = locateDirectDatabase,
): Promise<number> {
  const log = createLogger(settings.LOG_LEVEL, undefined, { format: settings.LOG_FORMAT });
  const db = openDatabase({ url: await locate(settings), poolSize: 4, log });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/** Undefined where neither the settings nor a running `holdfast up` name a Temporal, or it is away. */
export async function connectEngine(
  settings: Settings,
): Promise<{ describe: DescribeSaga; close(): Promise<void> } | undefined> {
  const target = await locateTemporal(settings).catch(() => undefined);
  if (!target) return undefined;
  const link = await openTemporalLink(settings, target);
  const engine = createEngineClient(link.client);
  const close = async () => {
    await engine.idle();
    await link.close();
  };
  try {
    await engine.health.probe();
  } catch {
    await close();
    return undefined;
  }
  const names = engineNames();
  return { describe: (orderId) => describeOrderWorkflow({ engine, names }, orderId), close };
}
