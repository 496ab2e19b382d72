import * as fc from 'fast-check';
import { autoEts, mstl } from '../../domain/forecasting/augurs';
import {
  aggregated,
  croston,
  demandInterval,
  demandPaths,
  isIntermittent,
  sba,
  tsb,
} from '../../domain/forecasting/intermittent';
import { naive, seasonalNaive } from '../../domain/forecasting/naive';
import { at, mean } from '../../domain/forecasting/numbers';
import { regularForecaster } from '../../domain/forecasting/regular';
import { deseasonalised, isSeasonal, reseasonalised, seasonOf } from '../../domain/forecasting/seasonality';
import { bestLevel, lineThrough, theta } from '../../domain/forecasting/theta';
import { REGULAR_MODELS } from '../../domain/forecasting/types';

/** A level that rises by `slope`, times a week's season, without noise. */
const WEEK = [0.6, 0.8, 1, 1, 1.1, 1.5, 1];
const weekly = (length: number, slope = 0) =>
  Array.from({ length }, (_, t) => (100 + slope * t) * at(WEEK, t % 7));

/** Numbers that look random and are the same each time. */
function noise(length: number): number[] {
  let state = 12_345;
  return Array.from({ length }, () => {
    state = (1_103_515_245 * state + 12_345) % 2_147_483_648;
    return state / 2_147_483_648 - 0.5;
  });
}

describe('seasons', () => {
  it('are found where there are some, and only there', () => {
    expect(isSeasonal(weekly(70), 7)).toBe(true);
    expect(isSeasonal(noise(70), 7)).toBe(false);
    expect(isSeasonal(weekly(20), 7)).toBe(false);
    expect(isSeasonal(weekly(70), 1)).toBe(false);
    expect(
      isSeasonal(
        Array.from({ length: 70 }, () => 3),
        7,
      ),
    ).toBe(false);
  });

  it('are factors of a positive series, and its level is what remains without them', () => {
    const values = weekly(70);
    const season = seasonOf(values, 7);
    expect(season?.multiplicative).toBe(true);
    season?.indices.forEach((index, place) => expect(index).toBeCloseTo(at(WEEK, place), 9));
    for (const value of deseasonalised(values, season)) expect(value).toBeCloseTo(100, 6);
  });

  it('are added where a series has zeros', () => {
    const values = weekly(70).map((value, t) => (t % 7 === 0 ? 0 : value));
    const season = seasonOf(values, 7);
    expect(season?.multiplicative).toBe(false);
    expect(mean([...(season?.indices ?? [])])).toBeCloseTo(0, 9);
  });

  it('go on in a forecast where the history ended', () => {
    const values = weekly(73);
    const season = seasonOf(values, 7);
    const forecast = reseasonalised([100, 100, 100], season, values.length);
    expect(forecast.map((value) => Math.round(value))).toEqual([100, 110, 150]);
  });
});

describe('simple models', () => {
  it('repeat the last value, or the last season', () => {
    expect(naive([3, 1, 4], 3)).toEqual([4, 4, 4]);
    expect(seasonalNaive([9, 1, 2, 3], 3, 5)).toEqual([1, 2, 3, 1, 2]);
    expect(seasonalNaive([1, 2], 3, 2)).toEqual([2, 2]);
  });
});

describe('theta', () => {
  it('fits the least-squares line', () => {
    const { intercept, slope } = lineThrough([1, 3, 5, 7]);
    expect([intercept, slope]).toEqual([1, 2]);
    expect(lineThrough([4]).slope).toBe(0);
  });

  it('is smoothing with half the slope of the line as drift, as Hyndman and Billah show', () => {
    const values = noise(60).map((value, t) => 50 + 2 * t + 20 * value);
    const { slope, intercept } = lineThrough(values);
    const forecast = theta(values, 6);
    for (let step = 1; step < 6; step++)
      expect(at(forecast, step) - at(forecast, step - 1)).toBeCloseTo(slope / 2, 9);
    const doubled = values.map((value, t) => 2 * value - intercept - slope * t);
    expect(at(forecast, 0)).toBeCloseTo((bestLevel(doubled).level + intercept + slope * 60) / 2, 9);
  });

  it('takes the smoothing constant of the least squared errors', () => {
    // A level that jumps once is followed at once; noise about a level is averaged.
    expect(
      bestLevel([...Array.from({ length: 30 }, () => 10), ...Array.from({ length: 30 }, () => 90)]).alpha,
    ).toBeGreaterThan(0.95);
    expect(bestLevel(noise(200)).alpha).toBeLessThan(0.1);
  });

  it('forecasts one value, and a series that never changes', () => {
    expect(theta([5], 3)).toEqual([5, 5, 5]);
    theta([7, 7, 7, 7], 3).forEach((value) => expect(value).toBeCloseTo(7, 9));
  });
});

describe('models of augurs', () => {
  it('follow a trend', () => {
    const values = noise(60).map((value, t) => 100 + 3 * t + value);
    const forecast = autoEts(values, 4) ?? [];
    forecast.forEach((value, step) => expect(Math.abs(value - (100 + 3 * (60 + step)))).toBeLessThan(5));
    expect(forecast).toHaveLength(4);
  });

  it('find nothing in too few values, and say so', () => {
    expect(autoEts([1, 2], 3)).toBeNull();
    expect(mstl([1, 2, 3], [7], 3)).toBeNull();
    expect(mstl(weekly(70), [], 3)).toBeNull();
  });

  it('forecast a constant', () => {
    expect(autoEts([4, 4, 4], 2)).toEqual([4, 4]);
  });

  it('forecast a season by MSTL', () => {
    const values = weekly(140, 0.5).map((value, t) => value + at(noise(140), t));
    const forecast = mstl(values, [7], 7) ?? [];
    weekly(147, 0.5)
      .slice(140)
      .forEach((value, step) => expect(Math.abs(value - at(forecast, step)) / value).toBeLessThan(0.1));
  });
});

describe('a forecaster', () => {
  it('gives smoothing back the season that it cannot see', () => {
    const values = weekly(70, 1).map((value, t) => value + at(noise(70), t));
    const { forecast, season } = regularForecaster(values, 7, 7);
    expect(season).not.toBeNull();
    const after = weekly(77, 1).slice(70);
    for (const model of ['theta', 'ets', 'ets_theta', 'mstl'] as const)
      after.forEach((value, step) =>
        expect(Math.abs(value - at(forecast(model)?.point ?? [], step)) / value).toBeLessThan(0.12),
      );
  });

  it('takes the mean of smoothing and theta', () => {
    const values = noise(40).map((value, t) => 30 + t + 5 * value);
    const { forecast } = regularForecaster(values, 1, 3);
    const [ets, theta2, both] = [forecast('ets'), forecast('theta'), forecast('ets_theta')];
    both?.point.forEach((value, step) =>
      expect(value).toBeCloseTo((at(ets?.point ?? [], step) + at(theta2?.point ?? [], step)) / 2, 9),
    );
    // Of three values there is no smoothing model: theta alone.
    const short = regularForecaster([1, 2, 4], 1, 2);
    expect(short.forecast('ets_theta')).toEqual(short.forecast('theta'));
  });

  it('says finite numbers of whatever it is given, or nothing', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.constant(0),
            fc.integer({ min: 0, max: 50 }),
            fc.double({ min: -1e9, max: 1e9, noNaN: true }),
          ),
          {
            minLength: 1,
            maxLength: 60,
          },
        ),
        fc.constantFrom(1, 4, 7),
        (values, period) => {
          const { forecast } = regularForecaster(values, period, 5);
          for (const model of REGULAR_MODELS) {
            const found = forecast(model);
            if (!found) continue;
            expect(found.point).toHaveLength(5);
            expect(found.point.every(Number.isFinite)).toBe(true);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('intermittent demand', () => {
  const everyFourth = Array.from({ length: 80 }, (_, t) => (t % 4 === 3 ? 8 : 0));

  it('is told by the mean interval', () => {
    expect(demandInterval(everyFourth)).toBe(4);
    expect(isIntermittent(everyFourth)).toBe(true);
    expect(isIntermittent([1, 2, 3, 0, 4, 5, 6, 7])).toBe(false);
    expect(demandInterval([0, 0])).toBe(Infinity);
  });

  it('is size by interval, and less by the bias that Syntetos and Boylan take off', () => {
    expect(croston(everyFourth)).toBeCloseTo(2, 9);
    expect(sba(everyFourth)).toBeCloseTo(1.9, 9);
    expect(aggregated(everyFourth)).toBeCloseTo(2, 6);
  });

  it('fades once demand ends, by TSB alone', () => {
    const ended = [...everyFourth, ...Array.from({ length: 60 }, () => 0)];
    expect(tsb(ended)).toBeLessThan(0.01);
    expect(croston(ended)).toBeGreaterThan(0.5);
  });

  it('is none of zeros', () => {
    for (const model of [croston, sba, tsb, aggregated]) expect(model([0, 0, 0])).toBe(0);
    expect(demandPaths([0, 0, 0], 0, 2)).toEqual([0]);
  });

  it('adds up over spans of the history, scaled to the forecast', () => {
    const paths = demandPaths([0, 4, 0, 0, 8, 0], 3, 2);
    expect(paths).toHaveLength(5);
    expect(mean(paths)).toBeCloseTo(6, 9);
    expect(demandPaths([4], 3, 2)).toEqual([6]);
  });
});
