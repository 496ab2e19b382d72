import type { Queryable } from '../../platform/database/database';
import { dayAfter } from '../../platform/days';
import { AppError } from '../../platform/errors';
import { selectProductId } from '../catalog/product-ids';
import { findWarehouseId } from '../catalog/warehouses';
import { conformalInterval, type Interval } from './conformal';
import { durationsOf, leadTimeDemand, sampleQuantile } from './lead-time';
import { at, cumulative } from './numbers';
import { INTERVAL_LEVEL } from './rules';
import {
  selectAccuracy,
  selectForecast,
  selectStepErrors,
  type PublishedForecast,
  type StepErrors,
} from './view-queries';
import type { ForecastKind, KeptModel } from './types';

/** Demand of one day, and of all days up to it. Intervals are null where too few series are known that far. */
export interface ForecastDay {
  /** `YYYY-MM-DD` */
  date: string;
  units: number;
  interval: Interval | null;
  /** The same without its season. */
  trend: number;
  /** What the season does to it; null: it has none. */
  season: { by: 'factor' | 'addition'; value: number } | null;
  /** Demand of all days up to this one: its interval is that of sums, and not the sum of intervals. */
  total: { units: number; interval: Interval | null };
}

export interface LeadTime {
  meanDays: number;
  deviationDays: number;
  reviewDays: number;
}

export interface ForecastView {
  sku: string;
  /** Null: all locations together. */
  location: string | null;
  /** The last day whose demand it knows. */
  lastDay: string;
  kind: ForecastKind;
  model: KeptModel;
  level: number;
  history: { days: number; filledDays: number; outliers: number };
  days: ForecastDay[];
  /** Demand until what is ordered now has come and the next order is due; null: it was not asked for, or too few series are known that far. */
  leadTime: { p50: number; p90: number; p95: number; p99: number } | null;
  accuracy: {
    lastDay: string;
    model: string;
    days: number;
    actualUnits: number;
    forecastUnits: number;
    /** Sum of absolute errors of days over the actual units; null: there were none. */
    weightedError: number | null;
  }[];
}

/** Past forecasts that are shown. */
const SHOWN_ACCURACY = 12;

/**
 * The newest forecast of a product, or of it where a location is first choice.
 *
 * @param horizonDays 1 to `HORIZON_DAYS`, as a lead time is with its spread and review
 * @throws AppError `NOT_FOUND` for a product that there is not, `UNKNOWN_LOCATION`, `FORECAST_NOT_MADE`
 */
export async function readForecast(
  on: Queryable,
  asked: { sku: string; location: string | null; horizonDays: number; leadTime: LeadTime | null },
): Promise<ForecastView> {
  const { sku, location, horizonDays } = asked;
  const productId = await selectProductId(on, sku);
  if (productId === undefined) throw new AppError('NOT_FOUND', `There is no product ${sku}.`);
  const warehouseId = location === null ? null : await findWarehouseId(on, location);
  const found = await selectForecast(on, { productId, warehouseId });
  if (!found)
    throw new AppError(
      'FORECAST_NOT_MADE',
      location === null
        ? `${sku} was in no forecast yet.`
        : `${location} was first choice of no order of ${sku} when the forecast was made.`,
    );
  const { jobId, kind, lastDay, scale } = found;
  const durations = asked.leadTime && durationsOf(asked.leadTime);
  const days = Math.max(horizonDays, ...(durations ?? []).map((duration) => duration.days));
  const errors = scale > 0 ? await selectStepErrors(on, { jobId, kind, days }) : [];
  const past = await selectAccuracy(on, { productId, warehouseId, limit: SHOWN_ACCURACY });
  const sample =
    durations &&
    errors.length >= days &&
    leadTimeDemand({ point: found.point, scale, sums: errors.map(({ sums }) => sums), durations });
  return {
    sku,
    location,
    lastDay,
    kind,
    model: found.model,
    level: INTERVAL_LEVEL,
    history: { days: found.historyDays, filledDays: found.filledDays, outliers: found.outliers },
    days: daysOf(found, errors, horizonDays),
    leadTime: sample
      ? {
          p50: rounded(sampleQuantile(sample, 0.5)),
          p90: rounded(sampleQuantile(sample, 0.9)),
          p95: rounded(sampleQuantile(sample, 0.95)),
          p99: rounded(sampleQuantile(sample, 0.99)),
        }
      : null,
    accuracy: past.map(({ actual, forecast, absoluteError, ...one }) => ({
      ...one,
      actualUnits: rounded(actual),
      forecastUnits: rounded(forecast),
      weightedError: actual > 0 ? rounded(absoluteError / actual) : null,
    })),
  };
}

function daysOf(
  { lastDay, point, trend, season, multiplicative, scale }: PublishedForecast,
  errors: readonly StepErrors[],
  horizonDays: number,
): ForecastDay[] {
  const totals = cumulative(point);
  const intervalOf = (units: number, of: readonly number[] | undefined): Interval | null => {
    if (!of) return null;
    const { lower, upper } = conformalInterval(units, scale, of, INTERVAL_LEVEL);
    return { lower: rounded(Math.max(0, lower)), upper: rounded(Math.max(0, upper)) };
  };
  return point.slice(0, horizonDays).map((units, step) => ({
    date: dayAfter(lastDay, step + 1),
    units: rounded(units),
    interval: intervalOf(units, errors[step]?.steps),
    trend: rounded(at(trend, step)),
    season: season && { by: multiplicative ? 'factor' : 'addition', value: rounded(at(season, step)) },
    total: {
      units: rounded(at(totals, step)),
      interval: intervalOf(at(totals, step), errors[step]?.sums),
    },
  }));
}

/** To a thousandth: more digits would claim more than is known. */
function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
