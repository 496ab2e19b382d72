import { csvLine, csvLines } from '../../platform/csv';
import type { Queryable } from '../../platform/database/database';
import { readJobInput } from '../jobs/jobs';
import { rejectPages } from '../uploads/reject-pages';
import { selectRejects } from './queries';
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
  for await (const page of rejectPages((after, size) => selectRejects(on, jobId, after, size), PAGE)) {
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
