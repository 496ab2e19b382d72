import { csvLine, csvLines } from '../../platform/csv';
import type { Queryable } from '../../platform/database/database';
import { pagesOf } from '../../platform/database/pages';
import { selectDifferencesAfter } from './difference-queries';
import type { DifferenceView } from './types';

const COLUMNS = [
  'n',
  'class',
  'kind',
  'ref',
  'line',
  'sourceId',
  'oursMinor',
  'theirsMinor',
  'deltaMinor',
  'oursCurrency',
  'theirsCurrency',
  'oursDay',
  'theirsDay',
  'detail',
  'status',
  'reason',
  'decidedBy',
  'decidedAt',
  'adjustmentId',
  'merchant',
  'earlierJobId',
  'earlierN',
] as const satisfies readonly (keyof DifferenceView)[];
const PAGE = 1_000;

/** The differences of a reconciliation as CSV (RFC 4180), by number, as they are now, read page by page as they are taken. */
export async function* differencesCsv(on: Queryable, jobId: string): AsyncGenerator<string> {
  yield csvLine(COLUMNS);
  const read = (after?: DifferenceView) =>
    selectDifferencesAfter(on, jobId, { after: after?.n ?? 0, limit: PAGE });
  for await (const found of pagesOf(PAGE, read))
    yield csvLines(found.map((row) => COLUMNS.map((column) => row[column])));
}
