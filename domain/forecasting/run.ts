import type { Database, Transaction } from '../../platform/database/database';
import { dayAfter, daysAfter } from '../../platform/days';
import { AppError } from '../../platform/errors';
import { derivedId } from '../../platform/ids';
import { listWarehouses } from '../catalog/warehouses';
import {
  abandonJob,
  beginJob,
  completeJob,
  createJob,
  isCancelRequested,
  reportProgress,
} from '../jobs/jobs';
import { jobHasEnded } from '../jobs/rules';
import { SCHEDULE, type JobView } from '../jobs/types';
import type { SourcingStrategy } from '../stock/sourcing/types';
import { pooled } from './conformal';
import { readDemand, type DemandSeries } from './demand';
import type { SeriesForecast } from './forecast';
import { repeated, sum } from './numbers';
import { obsoleteRuns } from './obsolete-runs';
import {
  FEWEST_ERRORS,
  HISTORY_DAYS,
  HORIZON_DAYS,
  MEASURED_DAYS,
  MOST_ERRORS,
  NEW_PRODUCT_DAYS,
  WEEK,
} from './rules';
import {
  advanceRun,
  countProducts,
  deleteRuns,
  insertAccuracy,
  insertCategories,
  insertErrors,
  insertForecasts,
  insertRun,
  publishRun,
  selectErrors,
  selectNextProducts,
  selectRun,
  selectRuns,
  selectUnmeasured,
  type AccuracyRow,
  type ForecastRow,
  type PastForecast,
  type ProductRow,
  type RunRow,
} from './run-queries';
import { completed, demandOf, newProductRate } from './series';
import type { ForecastThreads } from './threads';
import { FORECAST_KINDS, NEW_PRODUCT_MODEL } from './types';

/** Orders and ledger of a batch may be more than fit in the time of a statement of the pool. */
const LONG = { outsidePool: true } as const;

/** Asks for forecasts of all products. The same id again is the same job. */
export function requestForecast(db: Database, jobId: string, actor: string): Promise<JobView> {
  return createJob(db, { id: jobId, type: 'forecast', input: {}, actor });
}

/** Asks for them once a run of the schedule's workflow. */
export function requestScheduledForecast(db: Database, runId: string): Promise<JobView> {
  return requestForecast(db, derivedId('scheduled-forecast', runId), SCHEDULE);
}

/**
 * Marks a job as running and fixes the last day that it knows: yesterday, in UTC. Repeated, it goes on from where it was. Returns whether there is
 * something to do: not where the job has ended.
 *
 * @throws AppError `JOB_NOT_FOUND`
 */
export async function beginForecast(db: Database, jobId: string): Promise<boolean> {
  if (jobHasEnded((await beginJob(db, jobId)).status)) return false;
  await db.retrying(async (tx) => {
    if ((await insertRun(tx, jobId)) > 0) await insertCategories(tx, jobId);
  }, LONG);
  const run = await runOf(db, jobId);
  const left = await countProducts(db, run.doneTo);
  await reportProgress(db, jobId, { processed: run.products, total: run.products + left });
  return true;
}

export interface ForecastDeps {
  db: Database;
  threads: ForecastThreads;
  /** By which the location of first choice is told. */
  strategy: SourcingStrategy;
  /** Products of one transaction. */
  batch: number;
  /** Ends after the batch that is under way. */
  signal?: AbortSignal;
}

/**
 * Forecasts the products of a run that has begun, batch by batch; a batch that is committed is not made again. Returns whether all are done: not
 * where the job is to be cancelled, or the signal came.
 */
export async function forecastProducts(deps: ForecastDeps, jobId: string): Promise<boolean> {
  const { db, batch, signal } = deps;
  for (;;) {
    if (signal?.aborted || (await isCancelRequested(db, jobId))) return false;
    const run = await runOf(db, jobId);
    const products = await selectNextProducts(db, { jobId, after: run.doneTo, limit: batch });
    const last = products.at(-1);
    if (!last) return true;
    await forecastBatch(deps, { jobId, run, products, last: last.productId });
    await reportProgress(db, jobId, { processed: run.products + products.length });
  }
}

async function forecastBatch(
  { db, threads, strategy }: ForecastDeps,
  {
    jobId,
    run,
    products,
    last,
  }: { jobId: string; run: RunRow; products: readonly ProductRow[]; last: number },
): Promise<void> {
  const { lastDay } = run;
  const warehouses = await listWarehouses(db);
  const productIds = products.map(({ productId }) => productId);
  const firstDay = dayAfter(lastDay, 1 - HISTORY_DAYS);
  const read = await db.bulk(async (tx) => ({
    series: await readDemand(tx, { productIds, firstDay, lastDay, warehouses, strategy }),
    past: await selectUnmeasured(tx, { productIds, lastDay, days: MEASURED_DAYS }),
  }));
  const rates = new Map(products.map(({ productId, categoryRate }) => [productId, categoryRate]));
  const rows = await forecastsOf(threads, read.series, (productId) => rates.get(productId) ?? null);
  const accuracy = read.past.flatMap((past) => measured(past, read.series, firstDay));
  await db.retrying(async (tx) => {
    const advanced = await advanceRun(tx, {
      jobId,
      from: run.doneTo,
      to: last,
      products: products.length,
    });
    if (advanced === 0) return;
    await insertForecasts(tx, jobId, rows);
    await insertAccuracy(tx, accuracy);
  }, LONG);
}

/** Forecasts of series as they are kept: those of new products from their category, all others in the threads. */
async function forecastsOf(
  threads: ForecastThreads,
  series: readonly DemandSeries[],
  categoryRate: (productId: number) => number | null,
): Promise<ForecastRow[]> {
  const prepared = series.map(({ productId, warehouseId, days }) => {
    const demand = demandOf(days);
    return { productId, warehouseId, ...completed(demand, WEEK) };
  });
  const known = prepared.filter(({ values }) => values.length >= NEW_PRODUCT_DAYS);
  const forecasts = await threads.forecast(
    known.map(({ values }) => ({ values, period: WEEK, horizon: HORIZON_DAYS })),
  );
  const made = new Map(known.map((one, place) => [one, forecasts[place]]));
  return prepared.map((one) => {
    const { productId, warehouseId, values, filled, outliers } = one;
    // What a category tells is of all locations together.
    const rate = warehouseId === null ? categoryRate(productId) : null;
    const found = made.get(one);
    return {
      productId,
      warehouseId,
      historyDays: values.length,
      filledDays: filled,
      outliers,
      ...(found ? keptForecast(found) : newProductForecast(newProductRate(values, rate))),
    };
  });
}

type Kept = Omit<ForecastRow, 'productId' | 'warehouseId' | 'historyDays' | 'filledDays' | 'outliers'>;

/** Demand is never below zero. */
function keptForecast({ kind, model, point, trend, season, scale, errors }: SeriesForecast): Kept {
  return {
    kind,
    model,
    point: point.map((units) => Math.max(0, units)),
    trend: trend.map((units) => Math.max(0, units)),
    season: season?.indices ?? null,
    multiplicative: season?.multiplicative ?? false,
    scale,
    errors,
  };
}

function newProductForecast(rate: number): Kept {
  const point = repeated(rate, HORIZON_DAYS);
  return {
    kind: 'intermittent',
    model: NEW_PRODUCT_MODEL,
    point,
    trend: point,
    season: null,
    multiplicative: false,
    scale: 0,
    errors: null,
  };
}

/** How far a past forecast was off on the days that are known since; nothing where none is. */
function measured(past: PastForecast, series: readonly DemandSeries[], firstDay: string): AccuracyRow[] {
  const { productId, warehouseId, lastDay, model, point } = past;
  const own = series.find((one) => one.productId === productId && one.warehouseId === warehouseId);
  const after = daysAfter(firstDay, lastDay) + 1;
  const pairs = (own?.days ?? []).slice(after, after + MEASURED_DAYS).flatMap(({ ordered, stock }, step) => {
    const forecast = point[step];
    return stock === 'stocked' && forecast !== undefined ? [{ actual: Math.max(0, ordered), forecast }] : [];
  });
  if (pairs.length === 0) return [];
  return [
    {
      productId,
      warehouseId,
      lastDay,
      model,
      days: pairs.length,
      actual: sum(pairs.map(({ actual }) => actual)),
      forecast: sum(pairs.map(({ forecast }) => forecast)),
      absoluteError: sum(pairs.map(({ actual, forecast }) => Math.abs(actual - forecast))),
    },
  ];
}

/**
 * Publishes the forecasts of a run whose products are all done, with the errors that intervals are made from, removes runs that nothing needs, and
 * ends the job: in one transaction. Repeated, the first end stays. Returns the job.
 *
 * @throws AppError `JOB_NOT_FOUND`
 */
export async function finishForecast(db: Database, jobId: string): Promise<JobView> {
  const { lastDay, products } = await runOf(db, jobId);
  const outcome = { result: { lastDay, products, horizonDays: HORIZON_DAYS } };
  return db.retrying((tx) => completeJob(tx, jobId, outcome, (inner) => publish(inner, jobId)), LONG);
}

async function publish(tx: Transaction, jobId: string): Promise<void> {
  for (const kind of FORECAST_KINDS) {
    const pool = pooled(await selectErrors(tx, { jobId, kind, limit: MOST_ERRORS }), HORIZON_DAYS);
    const rows = pool.steps.flatMap((steps, place) =>
      steps.length < FEWEST_ERRORS ? [] : [{ kind, step: place + 1, steps, sums: pool.sums[place] ?? [] }],
    );
    await insertErrors(tx, jobId, rows);
  }
  await publishRun(tx, jobId);
  const obsolete = obsoleteRuns(await selectRuns(tx));
  await deleteRuns(
    tx,
    obsolete.map((run) => run.jobId),
  );
}

/** Ends a job without forecasts: as failed, or, without an error, as cancelled. Those of the run before stay. */
export async function abandonForecast(
  db: Database,
  jobId: string,
  error: { code: string; detail: string } | null,
): Promise<void> {
  await db.retrying(async (tx) => {
    const job = await abandonJob(tx, jobId, error);
    if (job.status !== 'completed') await deleteRuns(tx, [jobId]);
  }, LONG);
}

async function runOf(db: Database, jobId: string): Promise<RunRow> {
  const run = await selectRun(db, jobId);
  if (!run) throw new AppError('JOB_NOT_FOUND', `The job ${jobId} has not begun.`);
  return run;
}
