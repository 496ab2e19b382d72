import { csvLine, csvLines } from '../../platform/csv';
import type { Queryable } from '../../platform/database/database';
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
] as const satisfies readonly (keyof DifferenceView)[];
const PAGE = 1_000;

/** The differences of a reconciliation as CSV (RFC 4180), by number, as they are now, read page by page as they are taken. */
export async function* differencesCsv(on: Queryable, jobId: string): AsyncGenerator<string> {
  yield csvLine(COLUMNS);
  let after = 0;
  for (;;) {
    const found = await selectDifferencesAfter(on, jobId, { after, limit: PAGE });
    if (found.length > 0) yield csvLines(found.map((row) => COLUMNS.map((column) => row[column])));
    const last = found.at(-1);
    if (found.length < PAGE || !last) return;
    after = last.n;
  }
}
