import { absoluteScale } from './accuracy';
import { scaledErrors, type ScaledErrors } from './conformal';
import { forecastIntermittent, isIntermittent } from './intermittent';
import { naive } from './naive';
import { regularForecaster } from './regular';
import { seasonAhead } from './seasonality';
import { originsOf, selectIntermittent, selectRegular, splitAt } from './selection';
import type { ForecastKind, ModelName, RegularModel } from './types';

/** Models that regular series are offered. Each is fitted up to three times: to select, to calibrate, and to all values. */
export const CANDIDATES = [
  'seasonal_naive',
  'theta',
  'ets',
  'mstl',
] as const satisfies readonly RegularModel[];

export interface SeriesToForecast {
  /** At equal steps, oldest first, not empty. */
  values: readonly number[];
  /** Steps of a season; 1: none. */
  period: number;
  horizon: number;
}

export interface SeriesForecast {
  kind: ForecastKind;
  model: ModelName;
  /** Of the next step first. */
  point: readonly number[];
  /** The forecast without its season. */
  trend: readonly number[];
  /** What the season does to each step: multiplies the trend, or is added to it. Null: the series has none, or its model shows none. */
  season: { multiplicative: boolean; indices: readonly number[] } | null;
  /** What errors of this series are measured in: its mean change of a step, its season taken off. 0: it never changes. */
  scale: number;
  /** What the chosen model missed at an origin that took no part in choosing it. Null: the series is too short, or never changes. */
  errors: ScaledErrors | null;
}

/**
 * Forecasts a series, and measures the chosen model on values that neither it nor the choice has seen. Whether demand is intermittent decides
 * among which models is chosen.
 */
export function forecastSeries(series: SeriesToForecast): SeriesForecast {
  return series.values.some((value) => value > 0) && !isIntermittent(series.values)
    ? forecastRegular(series)
    : forecastSparse(series);
}

/** @param candidates models that may take the place of the default */
export function forecastRegular(
  { values, period, horizon }: SeriesToForecast,
  candidates: readonly RegularModel[] = CANDIDATES,
): SeriesForecast {
  const origins = originsOf(values.length, horizon, period);
  const model = selectRegular({ values, period, horizon, origin: origins.selection, candidates });
  const { season, adjusted, forecast } = regularForecaster(values, period, horizon);
  const found = forecast(model);
  const point = found?.point ?? naive(values, horizon);
  return {
    kind: 'regular',
    model: found ? model : 'naive',
    point,
    trend: found?.trend ?? point,
    season: season && {
      multiplicative: season.multiplicative,
      indices: seasonAhead(season, values.length, horizon),
    },
    scale: absoluteScale(adjusted, 1),
    errors: origins.calibration === null ? null : missed(origins.calibration),
  };

  function missed(origin: number): ScaledErrors | null {
    const { history, after } = splitAt(values, origin, horizon);
    const before = regularForecaster(history, period, after.length);
    const scale = absoluteScale(before.adjusted, 1);
    const seen = before.forecast(model)?.point ?? naive(history, after.length);
    return scale === 0 ? null : scaledErrors(after, seen, scale);
  }
}

function forecastSparse({ values, period, horizon }: SeriesToForecast): SeriesForecast {
  const origins = originsOf(values.length, horizon, period);
  const model = selectIntermittent({ values, horizon, origin: origins.selection });
  const point = forecastIntermittent(model, values, horizon);
  return {
    kind: 'intermittent',
    model,
    point,
    trend: point,
    season: null,
    scale: absoluteScale(values, 1),
    errors: origins.calibration === null ? null : missed(origins.calibration),
  };

  function missed(origin: number): ScaledErrors | null {
    const { history, after } = splitAt(values, origin, horizon);
    const scale = absoluteScale(history, 1);
    if (scale === 0) return null;
    return scaledErrors(after, forecastIntermittent(model, history, after.length), scale);
  }
}
