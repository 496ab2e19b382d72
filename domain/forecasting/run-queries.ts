import { execute, many, maybeOne, type Queryable, type Transaction } from '../../platform/database/database';
import type { KnownRun } from './obsolete-runs';
import { PRODUCT_DAYS_OF_CATEGORY } from './rules';
import type { ForecastKind, KeptModel } from './types';

export interface RunRow {
  /** `YYYY-MM-DD` */
  lastDay: string;
  doneTo: number;
  products: number;
}

/** The run of a job, begun with yesterday as its last day. */
export function insertRun(tx: Transaction, jobId: string): Promise<number> {
  return execute(
    tx,
    'forecasting.insert_run',
    `insert into forecast_runs (job_id, last_day) values ($1, (clock_timestamp() at time zone 'UTC')::date - 1)
     on conflict (job_id) do nothing`,
    [jobId],
  );
}

export function selectRun(on: Queryable, jobId: string): Promise<RunRow | undefined> {
  return maybeOne<RunRow>(
    on,
    'forecasting.run',
    `select last_day::text as "lastDay", done_to as "doneTo", products from forecast_runs where job_id = $1`,
    [jobId],
  );
}

/** Mean demand of a product and day in each category, over the last weeks of a run. */
export function insertCategories(tx: Transaction, jobId: string): Promise<number> {
  return execute(
    tx,
    'forecasting.insert_categories',
    `with ordered as (
       select i.product_id, sum(i.quantity) as units
       from forecast_runs r
       join orders o on o.status <> 'rejected' and o.created_at >= (r.last_day + 1 - ${PRODUCT_DAYS_OF_CATEGORY})::timestamp at time zone 'UTC'
         and o.created_at < (r.last_day + 1)::timestamp at time zone 'UTC'
       join order_items i on i.order_id = o.id
       where r.job_id = $1
       group by 1
     )
     insert into forecast_categories (job_id, category_id, rate)
     select $1, p.category_id, coalesce(sum(o.units), 0)::float8 / (${PRODUCT_DAYS_OF_CATEGORY} * count(*))
     from products p left join ordered o on o.product_id = p.id
     where p.category_id is not null and p.active
     group by p.category_id
     on conflict do nothing`,
    [jobId],
  );
}

export interface ProductRow {
  productId: number;
  /** Null: the product has no category, or nothing is known of it. */
  categoryRate: number | null;
}

/** The next products of a run. */
export function selectNextProducts(
  on: Queryable,
  { jobId, after, limit }: { jobId: string; after: number; limit: number },
): Promise<ProductRow[]> {
  return many<ProductRow>(
    on,
    'forecasting.next_products',
    `select p.id as "productId", c.rate as "categoryRate"
     from products p left join forecast_categories c on c.job_id = $1 and c.category_id = p.category_id
     where p.id > $2 and p.active order by p.id limit $3`,
    [jobId, after, limit],
  );
}

/** Products of a run that are still to come. */
export async function countProducts(on: Queryable, after: number): Promise<number> {
  const row = await maybeOne<{ count: number }>(
    on,
    'forecasting.count_products',
    'select count(*)::int as count from products where id > $1 and active',
    [after],
  );
  return row?.count ?? 0;
}

/** Moves a run on from where it was; 0: another attempt has done that. */
export function advanceRun(
  tx: Transaction,
  { jobId, from, to, products }: { jobId: string; from: number; to: number; products: number },
): Promise<number> {
  return execute(
    tx,
    'forecasting.advance_run',
    `update forecast_runs set done_to = $3, products = products + $4
     where job_id = $1 and done_to = $2 and published_at is null`,
    [jobId, from, to, products],
  );
}

/** A forecast as it is kept. Arrays go by day. */
export interface ForecastRow {
  productId: number;
  warehouseId: number | null;
  model: KeptModel;
  kind: ForecastKind;
  point: readonly number[];
  trend: readonly number[];
  season: readonly number[] | null;
  multiplicative: boolean;
  scale: number;
  errors: readonly number[] | null;
  historyDays: number;
  filledDays: number;
  outliers: number;
}

export function insertForecasts(
  tx: Transaction,
  jobId: string,
  rows: readonly ForecastRow[],
): Promise<number> {
  return execute(
    tx,
    'forecasting.insert_forecasts',
    `insert into forecasts (job_id, product_id, warehouse_id, model, kind, point, trend, season, multiplicative, scale, errors,
                            history_days, filled_days, outliers)
     select $1, f."productId", f."warehouseId", f.model, f.kind, f.point, f.trend, f.season, f.multiplicative, f.scale, f.errors,
            f."historyDays", f."filledDays", f.outliers
     from jsonb_to_recordset($2::jsonb) as f ("productId" int, "warehouseId" int, model text, kind text, point real[], trend real[],
       season real[], multiplicative boolean, scale float8, errors real[], "historyDays" int, "filledDays" int, outliers int)`,
    [jobId, JSON.stringify(rows)],
  );
}

export interface PastForecast {
  productId: number;
  warehouseId: number | null;
  lastDay: string;
  model: string;
  point: number[];
}

/** Published forecasts of products whose first days are over by a day, of those that were not measured yet. */
export function selectUnmeasured(
  on: Queryable,
  { productIds, lastDay, days }: { productIds: readonly number[]; lastDay: string; days: number },
): Promise<PastForecast[]> {
  return many<PastForecast>(
    on,
    'forecasting.unmeasured',
    `select f.product_id as "productId", f.warehouse_id as "warehouseId", r.last_day::text as "lastDay", f.model, f.point
     from forecast_runs r join forecasts f on f.job_id = r.job_id
     where r.published_at is not null and r.last_day + $3::int <= $2::date and f.product_id = any($1::int[])
       and not exists (select from forecast_accuracy a where a.product_id = f.product_id
         and a.warehouse_id is not distinct from f.warehouse_id and a.last_day = r.last_day)`,
    [productIds, lastDay, days],
  );
}

export interface AccuracyRow {
  productId: number;
  warehouseId: number | null;
  lastDay: string;
  model: string;
  days: number;
  actual: number;
  forecast: number;
  absoluteError: number;
}

export function insertAccuracy(tx: Transaction, rows: readonly AccuracyRow[]): Promise<number> {
  return execute(
    tx,
    'forecasting.insert_accuracy',
    `insert into forecast_accuracy (product_id, warehouse_id, last_day, model, days, actual, forecast, absolute_error)
     select a."productId", a."warehouseId", a."lastDay", a.model, a.days, a.actual, a.forecast, a."absoluteError"
     from jsonb_to_recordset($1::jsonb) as a ("productId" int, "warehouseId" int, "lastDay" date, model text, days int,
       actual float8, forecast float8, "absoluteError" float8)
     on conflict do nothing`,
    [JSON.stringify(rows)],
  );
}

/** Errors of some forecasts of a kind over all locations: the same for the same products, and as if they were drawn by lot. */
export async function selectErrors(
  on: Queryable,
  { jobId, kind, limit }: { jobId: string; kind: ForecastKind; limit: number },
): Promise<number[][]> {
  const rows = await many<{ errors: number[] }>(
    on,
    'forecasting.errors',
    `select errors from forecasts where job_id = $1 and kind = $2 and warehouse_id is null and errors is not null
     order by hashint4(product_id), product_id limit $3`,
    [jobId, kind, limit],
  );
  return rows.map(({ errors }) => errors);
}

export interface ErrorsRow {
  kind: ForecastKind;
  step: number;
  steps: readonly number[];
  sums: readonly number[];
}

export function insertErrors(tx: Transaction, jobId: string, rows: readonly ErrorsRow[]): Promise<number> {
  return execute(
    tx,
    'forecasting.insert_errors',
    `insert into forecast_errors (job_id, kind, step, steps, sums)
     select $1, e.kind, e.step, e.steps, e.sums
     from jsonb_to_recordset($2::jsonb) as e (kind text, step int, steps real[], sums real[])
     on conflict do nothing`,
    [jobId, JSON.stringify(rows)],
  );
}

export function publishRun(tx: Transaction, jobId: string): Promise<number> {
  return execute(
    tx,
    'forecasting.publish_run',
    'update forecast_runs set published_at = clock_timestamp() where job_id = $1 and published_at is null',
    [jobId],
  );
}

/** All runs, the earliest first. */
export function selectRuns(on: Queryable): Promise<KnownRun[]> {
  return many<KnownRun>(
    on,
    'forecasting.runs',
    `select job_id as "jobId", last_day::text as "lastDay", published_at is not null as "isPublished" from forecast_runs
     order by last_day, published_at nulls first`,
  );
}

/** Removes runs with their forecasts. */
export function deleteRuns(tx: Transaction, jobIds: readonly string[]): Promise<number> {
  return execute(tx, 'forecasting.delete_runs', 'delete from forecast_runs where job_id = any($1::uuid[])', [
    jobIds,
  ]);
}
