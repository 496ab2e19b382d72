import { beginJob } from '../../domain/jobs/jobs';
import { finishFeed } from '../../domain/stock/feeds/finish';
import { applyNextBatch } from '../../domain/stock/feeds/next-batch';
import { resolveFeed } from '../../domain/stock/feeds/resolve';
import { readUpload } from '../../domain/uploads/uploads';
import { stageFeed } from '../../domain/stock/feeds/stage';
import type { FeedMode } from '../../domain/stock/feeds/types';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import { withStock } from './stock';

async function* bytes(text: string): AsyncGenerator<Buffer> {
  await Promise.resolve();
  yield Buffer.from(text);
}

export interface ImportOptions {
  mode?: FeedMode;
  /** Of the whole feed. */
  asOf?: string | undefined;
  /** Rows of a batch. */
  size?: number;
  jobId?: string;
}

/** Stages a feed as its upload does. Returns its job. */
export async function stageText(
  db: Database,
  text: string,
  { mode = 'set', asOf, jobId = newId() }: ImportOptions = {},
): Promise<string> {
  const source = bytes(text);
  await stageFeed(db, { jobId, actor: 'test', mode, format: 'csv', location: null, asOf, source });
  await beginJob(db, jobId);
  return jobId;
}

/** Applies what is staged, without a workflow. Returns the job's result. */
export async function applyStagedFeed(db: Database, jobId: string, size = 1_000) {
  await resolveFeed(db, jobId, 1);
  const { openLanes } = await readUpload(db, jobId);
  for (const lane of openLanes) {
    while ((await applyNextBatch(withStock(db), { jobId, lane, size, makeStock: false })).left > 0);
  }
  return finishFeed(db, jobId, { as: 'completed' });
}

/** Imports a feed from upload to end. Returns the job's result. */
export async function importFeed(db: Database, text: string, options: ImportOptions = {}) {
  const jobId = await stageText(db, text, options);
  return applyStagedFeed(db, jobId, options.size);
}
