import { repairScript } from '../../domain/assurance/repair/repair-script';
import type { FileSource } from '../../domain/files/types';
import type { JobFile, JobType } from '../../domain/jobs/types';
import { productRejectsCsv } from '../../domain/product-import/rejects';
import { differencesCsv } from '../../domain/reconciliation/differences-csv';
import { reportFile } from '../../domain/reports/files';
import { settlementFile } from '../../domain/settlement/file';
import { feedRejectsCsv } from '../../domain/stock/feeds/rejects';

/** The file of a job, read piece by piece as the client takes it. */
export type FileWriter = (source: FileSource, jobId: string) => AsyncIterable<Buffer | string>;

/** What each type of job has to download. */
export const DOWNLOADS: Partial<Record<JobType, { file: JobFile; write: FileWriter }>> = {
  feed: { file: 'csv', write: ({ on }, jobId) => feedRejectsCsv(on, jobId) },
  products: { file: 'csv', write: ({ on }, jobId) => productRejectsCsv(on, jobId) },
  consistency: { file: 'sql', write: ({ on }, jobId) => repairScript(on, jobId) },
  settlement: { file: 'csv', write: settlementFile },
  report: { file: 'csv', write: reportFile },
  reconciliation: { file: 'csv', write: ({ on }, jobId) => differencesCsv(on, jobId) },
};
