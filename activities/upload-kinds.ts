import { forgetUpload } from '../domain/product-import/forget';
import { finishProducts } from '../domain/product-import/finish';
import { importNextBatch } from '../domain/product-import/next-batch';
import { resolveProducts } from '../domain/product-import/resolve';
import { finishFeed } from '../domain/stock/feeds/finish';
import { applyNextBatch } from '../domain/stock/feeds/next-batch';
import { forgetStaged, resolveFeed } from '../domain/stock/feeds/resolve';
import type { StockAccess } from '../domain/stock/ledger/stock-ledger';
import type { UploadEnding } from '../domain/uploads/finish';
import { forgetStatement } from '../domain/reconciliation/forget';
import { isOfProducts, isOfStatements } from '../domain/uploads/rules';
import type { UploadMode } from '../domain/uploads/types';
import type { ForgetRows } from '../domain/uploads/receiving';
import { readUpload } from '../domain/uploads/uploads';

/** What differs between uploads of stock levels and uploads of products. */
export interface UploadKind {
  /** Looks up what the rows are about, and splits them into lanes: at most so many. */
  resolve(jobId: string, lanes: number): Promise<unknown>;
  /** What applies the next rows of a lane, up to a size, and says how many are left. */
  batchesOf(jobId: string, lane: number): (size: number) => Promise<{ left: number }>;
  finish(jobId: string, end: UploadEnding): Promise<Readonly<Record<string, unknown>>>;
}

export function uploadKind({ db, stock }: StockAccess, mode: UploadMode): UploadKind {
  if (isOfProducts(mode)) {
    return {
      resolve: (jobId) => resolveProducts(db, jobId),
      batchesOf: (jobId, lane) => (size) => importNextBatch(db, { jobId, lane, size }),
      finish: (jobId, end) => finishProducts(db, jobId, end),
    };
  }
  return {
    resolve: (jobId, lanes) => resolveFeed(db, jobId, lanes),
    batchesOf(jobId, lane) {
      let makeStock = false;
      return async (size) => {
        const batch = await applyNextBatch({ db, stock }, { jobId, lane, size, makeStock });
        makeStock = batch.madeStock;
        return batch;
      };
    },
    finish: (jobId, end) => finishFeed(db, jobId, end),
  };
}

/** Ends the job of an upload as failed, and forgets its staged rows. */
export async function failUpload(
  access: StockAccess,
  jobId: string,
  error: { code: string; detail: string },
): Promise<void> {
  const { mode } = await readUpload(access.db, jobId);
  await uploadKind(access, mode).finish(jobId, { as: 'failed', error });
}

/** Forgets what was staged of an upload that never becomes a job. */
export function forgetting(mode: UploadMode): ForgetRows {
  if (isOfStatements(mode)) return forgetStatement;
  return isOfProducts(mode) ? forgetUpload : forgetStaged;
}
