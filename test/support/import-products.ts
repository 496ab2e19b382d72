import { beginJob } from '../../domain/jobs/jobs';
import { finishProducts } from '../../domain/product-import/finish';
import { importNextBatch } from '../../domain/product-import/next-batch';
import { productRejectsCsv } from '../../domain/product-import/rejects';
import { resolveProducts } from '../../domain/product-import/resolve';
import { stageProducts } from '../../domain/product-import/stage';
import type { ImportOptions } from '../../domain/product-import/types';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';

async function* bytes(text: string): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from(text);
}

/** Stages products as their upload does. Returns the job. */
export async function stageProductText(
  db: Database,
  text: string,
  options: Partial<ImportOptions> & { jobId?: string } = {},
): Promise<string> {
  const jobId = options.jobId ?? newId();
  const source = bytes(text);
  await stageProducts(db, {
    mode: 'upsert',
    format: 'csv',
    empty: 'leave',
    ...options,
    jobId,
    actor: 'test',
    source,
  });
  await beginJob(db, jobId);
  return jobId;
}

/** Takes all rows that are left, without a workflow. */
export async function takeAllRows(db: Database, jobId: string, size: number): Promise<void> {
  while ((await importNextBatch(db, { jobId, lane: 1, size })).left > 0);
}

/** The rejects of a job as the download has them. */
export async function rejectsOf(db: Database, jobId: string): Promise<string> {
  let rejects = '';
  for await (const part of productRejectsCsv(db, jobId)) rejects += part;
  return rejects;
}

/** Imports products from upload to end. Returns the job's result, and the rejects as the download has them. */
export async function importProducts(
  db: Database,
  text: string,
  { size = 100, ...options }: Partial<ImportOptions> & { size?: number; jobId?: string } = {},
) {
  const jobId = await stageProductText(db, text, options);
  await resolveProducts(db, jobId);
  await takeAllRows(db, jobId, size);
  const result = await finishProducts(db, jobId, { as: 'completed' });
  const rejects = await rejectsOf(db, jobId);
  const { added, changed, unchanged, rejected, left } = result;
  return { counts: [added, changed, unchanged, rejected], left, result, rejects };
}
