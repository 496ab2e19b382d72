import { z } from 'zod';
import type { Queryable } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { readJob, readJobInput } from '../jobs/jobs';
import type { JobView } from '../jobs/types';
import { STATEMENT_MODES } from '../uploads/types';
import type { ReconciliationRequest } from './types';

const stored = z.object({
  report: z.enum(STATEMENT_MODES),
  from: z.string(),
  to: z.string(),
  gateway: z.string().nullable(),
  gatewayJobId: z.string().nullable(),
  accountCurrency: z.string().nullable(),
  toleranceDays: z.int(),
  fee: z.object({ rateBasisPoints: z.int(), fixedMinor: z.int() }).nullable(),
  dryRun: z.boolean(),
});

/** The input of the job, as it is stored: `report` is the mode. */
export function inputOf({ mode, ...request }: ReconciliationRequest): z.infer<typeof stored> {
  return { report: mode, ...request };
}

/** What was asked for. @throws AppError `RECONCILIATION_NOT_FOUND` */
export async function readRequest(on: Queryable, jobId: string): Promise<ReconciliationRequest> {
  await readReconciliation(on, jobId);
  const { report, ...request } = stored.parse(await readJobInput(on, jobId));
  return { mode: report, ...request };
}

/** The job of a reconciliation. @throws AppError `RECONCILIATION_NOT_FOUND` */
export async function readReconciliation(on: Queryable, jobId: string): Promise<JobView> {
  const job = await readJob(on, jobId);
  if (job?.type !== 'reconciliation')
    throw new AppError('RECONCILIATION_NOT_FOUND', 'There is no such reconciliation.', { jobId });
  return job;
}

/**
 * The gateway whose payouts a bank's statement is to be compared with.
 *
 * @throws AppError `RECONCILIATION_NOT_FOUND`; `RECONCILIATION_NOT_DONE`: it is not completed, or not of a gateway
 */
export async function expectGatewayRun(on: Queryable, jobId: string): Promise<void> {
  const { status } = await readReconciliation(on, jobId);
  const { mode } = await readRequest(on, jobId);
  if (status !== 'completed' || mode !== 'gateway')
    throw new AppError(
      'RECONCILIATION_NOT_DONE',
      `Name a completed reconciliation of a gateway. This one, of a ${mode}, is ${status}.`,
    );
}
