import { createInterface } from 'node:readline/promises';
import { applyRepair, planRepairs, type RepairPlan } from '../domain/assurance/repair/run-repairs';
import { repairText } from '../domain/assurance/repair/repair-script';
import type { Settings } from '../platform/config';
import type { Database } from '../platform/database/database';
import { AppError, messageOf } from '../platform/errors';
import type { Output } from './output';
import { locateDatabaseOwner } from './servers';
import { needsEngine, runChecks, printResults, withDatabase } from './verify';

export interface RepairOptions {
  job: string;
  /** Do not ask. */
  yes: boolean;
}

/** Asked before anything is written. */
export type Confirm = (question: string) => Promise<boolean>;

/**
 * `holdfast repair`: shows the repair script of a job, asks, applies it transaction by transaction, and checks again. Exit
 * code 1 tells that something is left.
 */
export async function runRepairs(
  settings: Settings,
  options: RepairOptions,
  output: Output,
  confirm: Confirm = askOnTerminal,
): Promise<number> {
  return withDatabase(
    settings,
    async (db) => {
      const plan = await planRepairs(db, options.job);
      if (plan.repairs.length === 0) {
        output.line('This job has found nothing that a script can repair.');
        output.json({ repairs: 0, failed: 0, left: false });
        return 0;
      }
      for (const repair of plan.repairs) output.line(repairText(repair));
      if (!options.yes && !(await confirm(`Apply these ${plan.repairs.length} repairs? [y/N] `))) {
        output.line('Nothing was changed.');
        output.json({ repairs: 0, failed: 0, left: true });
        return 1;
      }
      const failed = await applyAll(db, plan, output);
      const isSound = (await checkAgain(db, plan, output)) && failed === 0;
      output.json({ repairs: plan.repairs.length - failed, failed, left: !isSound });
      return isSound ? 0 : 1;
    },
    // Only the owner of a table may enable its triggers and validate its constraints.
    locateDatabaseOwner,
  );
}

async function applyAll(db: Database, { repairs }: RepairPlan, output: Output): Promise<number> {
  let failed = 0;
  for (const repair of repairs) {
    const { id, check, subject } = repair.finding;
    try {
      await applyRepair(db, repair);
      output.line(`  done    ${id} ${check} ${subject}`);
    } catch (error) {
      failed += 1;
      output.line(`  failed  ${id} ${check} ${subject}: ${messageOf(error)}`);
    }
  }
  return failed;
}

/** What asks for a workflow to be woken shows only once a worker has done so: it is not asked about again. */
async function checkAgain(db: Database, { checks }: RepairPlan, output: Output): Promise<boolean> {
  const own = checks.filter((check) => !needsEngine(check));
  if (own.length < checks.length)
    output.line('  Workflows are woken by the worker: verify again in a minute.');
  if (own.length === 0) return true;
  const { jobId, results } = await runChecks(db, { mode: 'full', checks: own });
  output.line(`\nChecked again, job ${jobId}`);
  printResults(output, results);
  return results.every((check) => check.findings === 0);
}

async function askOnTerminal(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new AppError(
      'CONFIRMATION_NEEDED',
      'There is no terminal to ask on: review the script, then add --yes.',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}
