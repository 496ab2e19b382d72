import { csvLine, csvLines } from '../../platform/csv';
import type { Queryable } from '../../platform/database/database';
import { pagesOf } from '../../platform/database/pages';
import { readJobInput } from '../jobs/jobs';
import { selectRejects, type RejectRow } from './queries';
import { IMPORT_FIELDS } from './types';

const PAGE = 1_000;

/**
 * The rejected rows of an upload of products as CSV (RFC 4180), in the order of their lines, read page by page as they are taken. It
 * has the columns that the upload had, so that it can be corrected and sent again.
 */
export async function* productRejectsCsv(on: Queryable, jobId: string): AsyncGenerator<string> {
  const input = await readJobInput(on, jobId);
  const columns = IMPORT_FIELDS.filter((field) => [input?.['columns']].flat().includes(field));
  yield csvLine(['line', ...columns, 'code', 'reason']);
  const read = (after?: RejectRow) => selectRejects(on, jobId, after?.line ?? 0, PAGE);
  for await (const page of pagesOf(PAGE, read)) {
    yield csvLines(
      page.map(({ line, given, code, reason }) => [
        line,
        ...columns.map((column) => given[column] ?? null),
        code,
        reason,
      ]),
    );
  }
}
