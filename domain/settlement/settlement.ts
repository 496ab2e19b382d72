import type { Database, Queryable } from '../../platform/database/database';
import { AppError } from '../../platform/errors';
import { knownMerchantId } from '../catalog/edit-merchants';
import { createJob, readJob } from '../jobs/jobs';
import type { JobView } from '../jobs/types';
import { onlyCurrency } from '../money/only-currency';
import {
  countOpenRuns,
  insertRun,
  lockRuns,
  selectCurrencies,
  selectOpenDay,
  selectSameRun,
  type RunScope,
} from './queries';
import type { SettlementRequest } from './types';

export interface NewSettlement {
  /** The same again is the same job. */
  jobId: string;
  request: SettlementRequest;
  actor: string;
  /** So many jobs may be open. */
  queueSize: number;
}

/**
 * Asks for a settlement file. A job of the very same days, merchant and currency that is open or completed is given again, unless it is to
 * be a supplement.
 *
 * @throws AppError `UNKNOWN_MERCHANT`; `DAY_NOT_ENDED` with `merchants`: `to` has not ended where they are; `CURRENCY_REQUIRED` with
 * `currencies`: there are several, and none is named; `JOB_QUEUE_FULL`
 */
export async function requestSettlement(
  db: Database,
  { jobId, request, actor, queueSize }: NewSettlement,
): Promise<JobView> {
  const { from, to, merchant, supplement } = request;
  const merchantId = merchant === null ? null : await knownMerchantId(db, merchant);
  const merchants = await selectOpenDay(db, { day: to, merchantId });
  if (merchants.length > 0)
    throw new AppError('DAY_NOT_ENDED', `${to} has not ended yet where ${merchants.join(', ')} is.`, {
      merchants,
    });
  const currency = request.currency ?? (await currencyOf(db, { from, to, merchantId }));
  const scope: RunScope = { from, to, merchantId, currency };
  return db.retrying(async (tx) => {
    await lockRuns(tx);
    const made = await readJob(tx, jobId);
    if (made) return made;
    const same = supplement ? undefined : await selectSameRun(tx, scope);
    const known = same === undefined ? null : await readJob(tx, same);
    if (known) return known;
    const open = await countOpenRuns(tx);
    if (open >= queueSize)
      throw new AppError(
        'JOB_QUEUE_FULL',
        `${open} settlement jobs are open. Try again when one has ended.`,
        {
          retryAfter: 10,
        },
      );
    const job = await createJob(tx, {
      id: jobId,
      type: 'settlement',
      input: { ...request, currency },
      actor,
    });
    await insertRun(tx, jobId, { ...scope, supplement });
    return job;
  });
}

/** Null: there is no money. */
async function currencyOf(
  on: Queryable,
  range: { from: string; to: string; merchantId: number | null },
): Promise<string | null> {
  const ofDays = await selectCurrencies(on, range);
  // What came late may be all that there is to tell.
  const found =
    ofDays.length > 0 ? ofDays : await selectCurrencies(on, { ...range, from: '-infinity', to: 'infinity' });
  return onlyCurrency('file', found) ?? null;
}
