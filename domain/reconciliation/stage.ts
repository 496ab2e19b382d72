import type { Database } from '../../platform/database/database';
import type { JobView } from '../jobs/types';
import { escaped, stageUpload, type CopyLine } from '../uploads/stage';
import { forgetStatement } from './forget';
import { readStatement } from './read-rows';
import { inputOf } from './request';
import { COPY_ROWS } from './staged-queries';
import type { ReconciliationRequest, StatementFormat, StatementReject, StatementRow } from './types';

export interface NewReconciliation {
  jobId: string;
  actor: string;
  request: ReconciliationRequest;
  format: StatementFormat;
  /** The file itself, unpacked. */
  source: AsyncIterable<Buffer>;
}

/**
 * Stages the rows of a file, as `stageUpload` says.
 *
 * @throws what `stageUpload` and `readStatement` throw
 */
export function stageStatement(
  db: Database,
  { jobId, actor, request, format, source }: NewReconciliation,
): Promise<{ job: JobView; isNew: boolean }> {
  const { mode } = request;
  return stageUpload<StatementRow | StatementReject>(db, {
    jobId,
    type: 'reconciliation',
    actor,
    mode,
    source,
    read: (pieces) => readStatement(pieces, { ...format, mode }),
    lineOf,
    input: () => inputOf(request),
    forget: forgetStatement,
  });
}

function lineOf(feedId: number, row: StatementRow | StatementReject): CopyLine {
  const { line, ref } = row;
  const said =
    'code' in row
      ? `\\N\t${escaped(ref)}\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t${row.code}\t${escaped(row.reason)}`
      : `${row.kind}\t${escaped(ref)}\t${row.minor}\t${row.feeMinor ?? '\\N'}\t${row.netMinor ?? '\\N'}\t${row.currency}\t${row.day}\t${escaped(row.groupRef)}\t\\N\t\\N`;
  return { copy: COPY_ROWS, line: `${feedId}\t${line}\t${said}\n` };
}
