import type { Database } from '../../platform/database/database';
import type { JobView } from '../jobs/types';
import { escaped, stageUpload, type CopyLine } from '../uploads/stage';
import { forgetReport } from './forget';
import { readReport } from './read-rows';
import { COPY_ROWS } from './staged-queries';
import type { ReconciliationRequest, ReportFormat, ReportReject, ReportRow } from './types';

export interface NewReconciliation {
  jobId: string;
  actor: string;
  request: ReconciliationRequest;
  format: ReportFormat;
  /** The file itself, unpacked. */
  source: AsyncIterable<Buffer>;
}

/**
 * Stages the rows of a file, as `stageUpload` says.
 *
 * @throws what `stageUpload` and `readReport` throw
 */
export function stageReport(
  db: Database,
  { jobId, actor, request, format, source }: NewReconciliation,
): Promise<{ job: JobView; isNew: boolean }> {
  const { report } = request;
  return stageUpload<ReportRow | ReportReject>(db, {
    jobId,
    type: 'reconciliation',
    actor,
    mode: report,
    source,
    read: (pieces) => readReport(pieces, { ...format, report }),
    lineOf,
    input: () => ({ ...request }),
    forget: forgetReport,
  });
}

function lineOf(feedId: number, row: ReportRow | ReportReject): CopyLine {
  const { line, ref } = row;
  const said =
    'code' in row
      ? `\\N\t${escaped(ref)}\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t${row.code}\t${escaped(row.reason)}`
      : `${row.kind}\t${escaped(ref)}\t${row.minor}\t${row.feeMinor ?? '\\N'}\t${row.netMinor ?? '\\N'}\t${row.currency}\t${row.day}\t${escaped(row.groupRef)}\t\\N\t\\N`;
  return { copy: COPY_ROWS, line: `${feedId}\t${line}\t${said}\n` };
}
