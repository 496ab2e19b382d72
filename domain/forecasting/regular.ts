import { autoEts, mstl } from './augurs';
import { naive, seasonalNaive } from './naive';
import { at } from './numbers';
import { deseasonalised, reseasonalised, seasonOf, type Seasonal } from './seasonality';
import { theta } from './theta';
import type { RegularModel } from './types';

export interface RegularForecast {
  point: readonly number[];
  /** The forecast without its season; that of a model that has no such part is its point forecast. */
  trend: readonly number[];
}

export interface RegularForecaster {
  season: Seasonal | null;
  /** The history without its season. */
  adjusted: readonly number[];
  /** Null: the model finds nothing in this series. */
  forecast: (model: RegularModel) => RegularForecast | null;
}

/**
 * Forecasts of a series by each model that is asked for. The season is taken off once, and what models share is computed once.
 *
 * @param values at equal steps, oldest first, not empty
 * @param period steps of a season; 1: none
 */
export function regularForecaster(
  values: readonly number[],
  period: number,
  horizon: number,
): RegularForecaster {
  const season = seasonOf(values, period);
  const adjusted = deseasonalised(values, season);
  const withSeason = (trend: readonly number[] | null): RegularForecast | null =>
    trend && { trend, point: reseasonalised(trend, season, values.length) };
  const known = new Map<RegularModel, RegularForecast | null>();

  const made: Readonly<Record<RegularModel, () => RegularForecast | null>> = {
    naive: () => plain(naive(values, horizon)),
    seasonal_naive: () => plain(seasonalNaive(values, period, horizon)),
    theta: () => withSeason(theta(adjusted, horizon)),
    ets: () => withSeason(autoEts(adjusted, horizon)),
    ets_theta: () => {
      const [one, other] = [forecast('ets'), forecast('theta')];
      if (!one || !other) return other;
      return withSeason(one.trend.map((value, step) => (value + at(other.trend, step)) / 2));
    },
    mstl: () => {
      const point = season === null ? null : mstl(values, [period], horizon);
      return point && plain(point);
    },
  };

  function forecast(model: RegularModel): RegularForecast | null {
    const before = known.get(model);
    if (before !== undefined) return before;
    const now = made[model]();
    known.set(model, now);
    return now;
  }
  return { season, adjusted, forecast };
}

function plain(point: readonly number[]): RegularForecast {
  return { point, trend: point };
}
