import type { Database } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { readJob } from '../../jobs/jobs';
import { prepareLongReading } from '../../stock/ledger/long-reading';
import { runRepair } from './queries';
import { repairsOf, type Repair } from './repair-script';
import { checksToRepeat } from '../rules';
import type { CheckId } from '../types';

export interface RepairPlan {
  repairs: Repair[];
  /** Checks that tell whether it helped. */
  checks: CheckId[];
}

/** All that can be repaired of what a job found. @throws AppError `JOB_NOT_FOUND` where there is no such consistency job */
export async function planRepairs(db: Database, jobId: string): Promise<RepairPlan> {
  const job = await readJob(db, jobId);
  if (job?.type !== 'consistency') throw new AppError('JOB_NOT_FOUND', 'There is no such consistency job.');
  const repairs: Repair[] = [];
  for await (const repair of repairsOf(db, jobId)) repairs.push(repair);
  return { repairs, checks: checksToRepeat(repairs.map(({ finding }) => finding.check)) };
}

/** Makes one repair in a transaction of its own. It changes nothing where its finding no longer holds. */
export function applyRepair(db: Database, { sql }: Repair): Promise<void> {
  return db.retrying(async (tx) => {
    // Of counters: of the ledger everything is read that a place has, and once in a run all of it is counted.
    await prepareLongReading(tx);
    await runRepair(tx, sql);
  });
}
