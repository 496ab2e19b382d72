import type { JobFile, JobType } from '../../domain/jobs/types';
import { repairScript } from '../../domain/assurance/repair/repair-script';
import { productRejectsCsv } from '../../domain/product-import/rejects';
import { differencesCsv } from '../../domain/reconciliation/differences-csv';
import { settlementCsv } from '../../domain/settlement/run';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';
import type { Queryable } from '../../platform/database/database';

/** The file of a job, read from PostgreSQL piece by piece as the client takes it. */
export type FileWriter = (on: Queryable, jobId: string) => AsyncIterable<string>;

/** What each type of job has to download. */
export const DOWNLOADS: Partial<Record<JobType, { file: JobFile; write: FileWriter }>> = {
  feed: { file: 'csv', write: feedRejectsCsv },
  products: { file: 'csv', write: productRejectsCsv },
  consistency: { file: 'sql', write: repairScript },
  reconciliation: { file: 'csv', write: differencesCsv },
  settlement: { file: 'csv', write: settlementCsv },
};
