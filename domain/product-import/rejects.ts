import { csvLine, csvLines } from '../../platform/csv';
import type { Queryable } from '../../platform/database/database';
import { readJobInput } from '../jobs/jobs';
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
  let after = 0;
  for (;;) {
    const page = await selectRejects(on, jobId, after, PAGE);
    const last = page.at(-1);
    if (!last) return;
    yield csvLines(
      page.map(({ line, given, code, reason }) => [
        line,
        ...columns.map((column) => given[column] ?? null),
        code,
        reason,
      ]),
    );
    if (page.length < PAGE) return;
    after = last.line;
  }
}
