import { many, type Queryable, type Transaction } from '../../../platform/database/database';
import type { CheckId, StoredFinding } from '../types';

/** Findings of a check that the script can repair, after the one with id `after`. */
export function selectRepairable(
  on: Queryable,
  { jobId, check, after, limit }: { jobId: string; check: CheckId; after: number; limit: number },
): Promise<StoredFinding[]> {
  return many<StoredFinding>(
    on,
    'consistency.repairable',
    `select id, check_id as check, severity, subject, details, repairable
     from consistency_findings where job_id = $1 and check_id = $2 and repairable and id > $3 order by id limit $4`,
    [jobId, check, after, limit],
  );
}

/** Runs a repair, whose text is made for its finding: it is prepared under no name. */
export async function runRepair(tx: Transaction, sql: string): Promise<void> {
  await tx.query({ name: '', text: sql });
}
