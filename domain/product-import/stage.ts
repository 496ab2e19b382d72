import type { Database } from '../../platform/database/database';
import type { JobView } from '../jobs/types';
import { escaped, stageUpload, type CopyLine } from '../uploads/stage';
import { forgetUpload } from './forget';
import { COPY_ROWS } from './queries';
import { createRowReader } from './read-rows';
import { IMPORT_FIELDS, type ImportOptions, type ImportReject, type ImportRow } from './types';

export interface NewProductImport extends ImportOptions {
  jobId: string;
  actor: string;
  /** The upload itself, unpacked. */
  source: AsyncIterable<Buffer>;
}

/**
 * Stages the rows of an upload of products, as `stageUpload` says.
 *
 * @throws what `stageUpload` and the reading of rows throw
 */
export function stageProducts(
  db: Database,
  upload: NewProductImport,
): Promise<{ job: JobView; isNew: boolean }> {
  const { jobId, actor, source, ...options } = upload;
  const reader = createRowReader(options);
  return stageUpload<ImportRow | ImportReject>(db, {
    jobId,
    type: 'products',
    actor,
    mode: options.mode,
    source,
    read: reader.read,
    lineOf,
    input: () => ({
      ...options,
      columns: IMPORT_FIELDS.filter((field) => reader.seen.known.has(field)),
      ignored: [...reader.seen.ignored],
    }),
    forget: forgetUpload,
  });
}

function lineOf(feedId: number, row: ImportRow | ImportReject): CopyLine {
  const { line, sku, given } = row;
  const said =
    'fields' in row
      ? `${escaped(JSON.stringify(row.fields))}\t\\N\t\\N`
      : `\\N\t${row.code}\t${escaped(row.reason)}`;
  const text = `${feedId}\t${line}\t${escaped(sku)}\t${escaped(JSON.stringify(given))}\t${said}\n`;
  return { copy: COPY_ROWS, line: text };
}
