import { many, maybeOne, type Queryable } from '../../platform/database/database';
import type { ForecastRow } from './run-queries';
import type { ForecastKind } from './types';

export interface PublishedForecast extends Omit<ForecastRow, 'productId' | 'warehouseId' | 'errors'> {
  jobId: string;
  /** `YYYY-MM-DD` */
  lastDay: string;
}

/** The forecast of a product, or of it at a location, of the newest published run that has one. */
export function selectForecast(
  on: Queryable,
  { productId, warehouseId }: { productId: number; warehouseId: number | null },
): Promise<PublishedForecast | undefined> {
  return maybeOne<PublishedForecast>(
    on,
    'forecasting.forecast',
    `select r.job_id as "jobId", r.last_day::text as "lastDay", f.model, f.kind, f.point, f.trend, f.season, f.multiplicative, f.scale,
            f.history_days as "historyDays", f.filled_days as "filledDays", f.outliers
     from (select job_id, last_day from forecast_runs where published_at is not null order by last_day desc, published_at desc limit 1) r
     join forecasts f on f.job_id = r.job_id and f.product_id = $1 and f.warehouse_id is not distinct from $2::int`,
    [productId, warehouseId],
  );
}

export interface StepErrors {
  step: number;
  steps: number[];
  sums: number[];
}

/** Scaled errors of the first days of a run's horizon, in their order. */
export function selectStepErrors(
  on: Queryable,
  { jobId, kind, days }: { jobId: string; kind: ForecastKind; days: number },
): Promise<StepErrors[]> {
  return many<StepErrors>(
    on,
    'forecasting.step_errors',
    'select step, steps, sums from forecast_errors where job_id = $1 and kind = $2 and step <= $3 order by step',
    [jobId, kind, days],
  );
}

export interface PastAccuracy {
  lastDay: string;
  model: string;
  days: number;
  actual: number;
  forecast: number;
  absoluteError: number;
}

/** How far past forecasts were off, the latest first. */
export function selectAccuracy(
  on: Queryable,
  { productId, warehouseId, limit }: { productId: number; warehouseId: number | null; limit: number },
): Promise<PastAccuracy[]> {
  return many<PastAccuracy>(
    on,
    'forecasting.accuracy',
    `select last_day::text as "lastDay", model, days, actual, forecast, absolute_error as "absoluteError"
     from forecast_accuracy where product_id = $1 and warehouse_id is not distinct from $2::int
     order by last_day desc limit $3`,
    [productId, warehouseId, limit],
  );
}
