import { join } from 'node:path';
import { mase, msis, pinballLoss, rmsse, smape } from '../../domain/forecasting/accuracy';
import { conformalInterval, pooled, scaledErrors } from '../../domain/forecasting/conformal';
import { forecastSeries } from '../../domain/forecasting/forecast';
import { durationsOf, leadTimeDemand, sampleQuantile } from '../../domain/forecasting/lead-time';
import { at, quantileOfSorted, repeated, sum } from '../../domain/forecasting/numbers';
import { originsOf, selectIntermittent, selectRegular } from '../../domain/forecasting/selection';
import { completed, demandOf, newProductRate, outlierLimit } from '../../domain/forecasting/series';
import { openForecastThreads } from '../../domain/forecasting/threads';
import type { ObservedDay } from '../../domain/forecasting/types';

/** Normal numbers that are the same each time, by Box and Muller from a linear congruential generator. */
function normals(length: number, seed = 1): number[] {
  let state = seed;
  const next = () => (state = (1_103_515_245 * state + 12_345) % 2_147_483_648) / 2_147_483_648;
  return Array.from(
    { length },
    () => Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next()),
  );
}

describe('accuracy', () => {
  it('is as its papers define it', () => {
    expect(smape([100, 0], [50, 0])).toBeCloseTo((200 * 50) / 150 / 2, 9);
    expect(mase([3, 5], [4, 4], [1, 2, 3, 4], 1)).toBe(1);
    expect(mase([3], [4], [1, 2, 1, 4], 2)).toBeCloseTo(1, 9);
    expect(rmsse([3, 5], [4, 4], [1, 3, 5])).toBe(0.5);
    expect(pinballLoss(10, 4, 0.9)).toBeCloseTo(5.4, 9);
    expect(pinballLoss(4, 10, 0.9)).toBeCloseTo(0.6, 9);
    const bounds = { lower: [0, 0], upper: [10, 10], history: [0, 1, 2], period: 1, level: 0.9 };
    expect(msis({ actual: [5, 12], ...bounds })).toBeCloseTo((10 + 10 + 20 * 2) / 2, 9);
  });

  it('has no scale where the history never changes', () => {
    expect(mase([1], [2], [3, 3, 3], 1)).toBeNull();
    expect(rmsse([1], [2], [3, 3, 3])).toBeNull();
    expect(mase([1], [2], [3], 1)).toBeNull();
  });
});

describe('origins', () => {
  it('of selection end where those of calibration begin', () => {
    expect(originsOf(100, 20, 7)).toEqual({ selection: 60, calibration: 80 });
    expect(originsOf(30, 10, 7)).toEqual({ selection: null, calibration: 20 });
    expect(originsOf(20, 10, 7)).toEqual({ selection: null, calibration: 14 });
    expect(originsOf(10, 10, 7)).toEqual({ selection: null, calibration: null });
  });

  it('hide from the choice what it is measured with', () => {
    // From the origin of calibration on, the series does something else: neither choice nor forecast of the origin may tell.
    const before = normals(80).map((value, t) => 50 + t + value);
    const one = forecastSeries({
      values: [...before, ...normals(20, 5).map((v) => 500 + v)],
      period: 1,
      horizon: 20,
    });
    const other = forecastSeries({
      values: [...before, ...normals(20, 5).map((v) => 100 + v)],
      period: 1,
      horizon: 20,
    });
    expect(one.model).toBe(other.model);
    const difference = (step: number) => at(one.errors ?? [], step) - at(other.errors ?? [], step);
    expect(difference(0)).toBeGreaterThan(0);
    expect(difference(19)).toBeCloseTo(difference(0), 9);
  });
});

describe('selection', () => {
  const candidates = ['seasonal_naive', 'theta', 'ets'] as const;

  it('keeps the default without an origin, and takes a model that is clearly better at it', () => {
    // Each season is as the one before, whatever the level of its steps did.
    const week = [0, 90, 5, 300, 7, 10, 45];
    const values = Array.from({ length: 84 }, (_, t) => at(week, t % 7) + (t % 7 === 3 ? t : 0));
    const asked = { values, period: 7, horizon: 7, candidates };
    expect(selectRegular({ ...asked, origin: null })).toBe('ets_theta');
    expect(
      selectRegular({ ...asked, values: values.map((v, t) => v - (t % 7 === 3 ? t : 0)), origin: 70 }),
    ).not.toBe('theta');
    const trend = Array.from({ length: 60 }, (_, t) => 10 + 5 * t + (t % 2));
    expect(selectRegular({ values: trend, period: 1, horizon: 10, origin: 50, candidates })).toBe('ets');
  });

  it('of intermittent demand does not reward a forecast of zero', () => {
    const steady = Array.from({ length: 120 }, (_, t) => (t % 3 === 0 ? 6 : 0));
    const model = selectIntermittent({ values: steady, horizon: 30, origin: 90 });
    const forecast = forecastSeries({ values: steady, period: 7, horizon: 30 });
    expect(['sba', 'croston', 'aggregated', 'tsb']).toContain(model);
    expect(sum(forecast.point)).toBeGreaterThan(45);
    const ended = [...steady.slice(0, 60), ...Array.from({ length: 60 }, () => 0)];
    expect(['tsb', 'aggregated']).toContain(selectIntermittent({ values: ended, horizon: 30, origin: 90 }));
  });
});

describe('conformal intervals', () => {
  it('hold what they promise, whatever errors are distributed like', () => {
    const skewed = (seed: number) => normals(4_000, seed).map((value) => Math.exp(value) - 1);
    const pool = pooled(
      skewed(3).map((error) => [error]),
      1,
    );
    const { lower, upper } = conformalInterval(100, 10, at2(pool.steps, 0), 0.9);
    const inside = skewed(77).filter(
      (error) => 100 + 10 * error >= lower && 100 + 10 * error <= upper,
    ).length;
    expect(inside / 4_000).toBeGreaterThan(0.88);
    expect(inside / 4_000).toBeLessThan(0.92);
  });

  it('of few errors reach from the least to the greatest', () => {
    expect(conformalInterval(10, 2, [-3, 0, 1], 0.9)).toEqual({ lower: 4, upper: 12 });
  });

  it('pool what each series can say', () => {
    const pool = pooled([scaledErrors([3, 5], [1, 1], 2), scaledErrors([0], [1], 1)], 3);
    expect(pool).toEqual({ steps: [[-1, 1], [2], []], sums: [[-1, 1], [3], []] });
  });
});

describe('demand over a lead time', () => {
  it('lasts as long as the lead time may, and the review', () => {
    expect(durationsOf({ meanDays: 5, deviationDays: 0, reviewDays: 7 })).toEqual([{ days: 12, chance: 1 }]);
    const spread = durationsOf({ meanDays: 5, deviationDays: 2, reviewDays: 7 });
    expect(spread[0]?.days).toBe(8);
    expect(sum(spread.map(({ chance }) => chance))).toBeCloseTo(1, 9);
    expect(sum(spread.map(({ days, chance }) => days * chance))).toBeCloseTo(12.1, 0);
  });

  it('is calibrated on sums: errors that cancel make it narrow, whatever those of days are', () => {
    const errors = Array.from({ length: 200 }, (_, n) => scaledErrors(n % 2 ? [9, 1] : [1, 9], [5, 5], 1));
    const sample = leadTimeDemand({
      point: [5, 5],
      scale: 1,
      sums: pooled(errors, 2).sums,
      durations: [{ days: 2, chance: 1 }],
    });
    expect([sampleQuantile(sample, 0.05), sampleQuantile(sample, 0.95)]).toEqual([10, 10]);
  });

  it('is wider where the lead time is uncertain', () => {
    const exact = { point: repeated(2, 22), scale: 1, sums: repeated(0, 22).map((error) => [error]) };
    const at95 = (deviationDays: number) =>
      sampleQuantile(
        leadTimeDemand({
          ...exact,
          durations: durationsOf({ meanDays: 10, deviationDays, reviewDays: 0 }),
        }),
        0.95,
      );
    expect(at95(4)).toBeGreaterThan(at95(0));
  });
});

describe('a series of demand', () => {
  const day = (ordered: number, stock: ObservedDay['stock'] = 'stocked'): ObservedDay => ({ ordered, stock });

  it('knows which days say nothing, and which only a lower bound', () => {
    expect(
      demandOf([day(0, 'absent'), day(4), day(0, 'absent'), day(3, 'sold_out'), day(2, 'absent'), day(-5)]),
    ).toEqual([
      { kind: 'observed', quantity: 4 },
      { kind: 'missing' },
      { kind: 'lower_bound', quantity: 3 },
      { kind: 'lower_bound', quantity: 2 },
      { kind: 'observed', quantity: 0 },
    ]);
    expect(demandOf([day(0, 'absent')])).toEqual([]);
  });

  it('fills gaps by the same day of the seasons around, and never below the bound', () => {
    const days = Array.from({ length: 21 }, (_, t) => day(t % 7 === 2 ? 30 : 10));
    const asked = demandOf(
      days.map((one, t) =>
        t === 9 ? day(4, 'sold_out') : t === 10 ? day(0, 'absent') : t === 16 ? day(50, 'sold_out') : one,
      ),
    );
    const { values, filled } = completed(asked, 7);
    expect([values[9], values[10], values[16]]).toEqual([30, 10, 50]);
    expect(filled).toBe(2);
  });

  it('sets outliers aside, of regular and of rare demand', () => {
    const regular = demandOf(Array.from({ length: 30 }, (_, t) => day(t === 20 ? 100_000 : 8 + (t % 5))));
    expect(completed(regular, 7).outliers).toBe(1);
    expect(Math.max(...completed(regular, 7).values)).toBeLessThan(13);
    const rare = demandOf(
      Array.from({ length: 100 }, (_, t) => day(t % 10 === 0 ? (t === 50 ? 5_000 : 2) : 0)),
    );
    expect(completed(rare, 7).outliers).toBe(1);
    expect(outlierLimit(demandOf([day(1), day(1_000)]))).toBe(Infinity);
  });

  it('of a new product begins as its category, and becomes its own', () => {
    expect(newProductRate([], 6)).toBe(6);
    expect(newProductRate([], null)).toBe(0);
    expect(newProductRate([20, 20], null)).toBe(20);
    expect(
      newProductRate(
        Array.from({ length: 14 }, () => 20),
        6,
      ),
    ).toBe(13);
  });
});

describe('a forecast', () => {
  it('is made of zeros, of one value, and of gaps', () => {
    for (const values of [[0, 0, 0, 0], [7], [0], Array.from({ length: 60 }, () => 3)]) {
      const forecast = forecastSeries({ values, period: 7, horizon: 5 });
      expect(forecast.point).toHaveLength(5);
      expect(forecast.point.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
    }
    expect(forecastSeries({ values: [0, 0, 0], period: 7, horizon: 2 }).point).toEqual([0, 0]);
    expect(forecastSeries({ values: [7], period: 7, horizon: 2 }).point).toEqual([7, 7]);
  });

  it('is the same in threads, in the order of what they were asked', async () => {
    const series = Array.from({ length: 60 }, (_, n) => ({
      values: normals(70, n + 1).map((value, t) => 20 + n + (t % 7) + value),
      period: 7,
      horizon: 7,
    }));
    const threads = openForecastThreads({
      threads: 2,
      script: join(__dirname, '../support/typescript-thread.cjs'),
    });
    try {
      expect(await threads.forecast(series)).toEqual(series.map(forecastSeries));
    } finally {
      await threads.close();
    }
    await expect(threads.forecast(series)).rejects.toThrow('the threads are closed');
  });

  it('fails, and does not wait, where its thread dies', async () => {
    const threads = openForecastThreads({ threads: 1, script: join(__dirname, 'no-such-thread.cjs') });
    await expect(threads.forecast([{ values: [1], period: 1, horizon: 1 }])).rejects.toThrow(
      'no-such-thread',
    );
    await threads.close();
  });
});

function at2(values: readonly (readonly number[])[], index: number): readonly number[] {
  return values[index] ?? [];
}

it('quantiles are the inverse of the distribution function', () => {
  expect([0, 0.25, 0.26, 0.5, 1].map((p) => quantileOfSorted([1, 2, 3, 4], p))).toEqual([1, 1, 2, 2, 4]);
});
