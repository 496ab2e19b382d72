import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { mase, msis, smape } from '../domain/forecasting/accuracy';
import { conformalInterval, pooled } from '../domain/forecasting/conformal';
import type { SeriesForecast } from '../domain/forecasting/forecast';
import { naive, seasonalNaive } from '../domain/forecasting/naive';
import { openForecastThreads } from '../domain/forecasting/threads';
import { messageOf } from '../platform/errors';
import { fetchM3, FREQUENCIES, PERIODS, statsforecasts, type CompetitionSeries, type Frequency } from './m3';
import { timed } from './timed';
import { report, rounded } from './windows';

const LEVEL = 0.9;
const THREADS = 2;

/** The aims of docs/forecasting.md. */
const MOST_SMAPE = 13;
const MOST_SECONDS = 60;
const COVERAGE = { all: [0.88, 0.92], frequency: [0.85, 0.95] } as const;

/** A forecast of a series, and its interval where the method has one. */
interface Made {
  series: CompetitionSeries;
  point: readonly number[];
  interval?: { lower: readonly number[]; upper: readonly number[] };
}

/**
 * Forecasts the series of the M3 competition as the product forecasts a regular series, and says how far they are off: as the competition does,
 * over all forecasts, so that long horizons weigh more. The hold-outs are read only here.
 */
export async function benchForecast(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-m3-'));
  try {
    const series = await fetchM3(folder);
    const before = process.cpuUsage();
    const own = await timed(() => ownForecasts(series));
    const used = process.cpuUsage(before);
    const overall = summary(own.result);
    line('holdfast', own.result, own.seconds);
    line(
      'naive',
      series.map((one) => ({ series: one, point: naive(one.history, one.after.length) })),
    );
    line(
      'seasonal naive',
      series.map((one) => ({
        series: one,
        point: seasonalNaive(one.history, PERIODS[one.frequency], one.after.length),
      })),
    );
    await others(folder, series);
    const within = (share: number, [low, high]: readonly [number, number]) => share >= low && share <= high;
    report({
      bench: 'forecast',
      aims: 'M3',
      series: series.length,
      cores: Math.min(THREADS, availableParallelism()),
      isAccurate: overall.smape <= MOST_SMAPE,
      seconds: rounded(own.seconds, 1),
      // Of all threads: what it would take on one core that does nothing else.
      cpuSeconds: rounded((used.user + used.system) / 1_000_000, 1),
      isInTime: own.seconds <= MOST_SECONDS,
      covers:
        within(overall.coverage ?? 0, COVERAGE.all) &&
        FREQUENCIES.every((frequency) =>
          within(summary(of(own.result, frequency)).coverage ?? 0, COVERAGE.frequency),
        ),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function others(folder: string, series: readonly CompetitionSeries[]): Promise<void> {
  try {
    const made = await statsforecasts(folder, series);
    for (const [model, { seconds, forecasts }] of Object.entries(made))
      line(
        `statsforecast ${model}`,
        series.map((one, place) => ({ series: one, point: forecasts[place] ?? [] })),
        seconds,
      );
  } catch (error) {
    report({ bench: 'forecast', method: 'statsforecast', skipped: messageOf(error) });
  }
}

async function ownForecasts(series: readonly CompetitionSeries[]): Promise<Made[]> {
  const threads = openForecastThreads({ threads: THREADS });
  try {
    const forecasts = await threads.forecast(
      series.map(({ frequency, history, after }) => ({
        values: history,
        period: PERIODS[frequency],
        horizon: after.length,
      })),
    );
    const made = series.map((one, place) => ({ series: one, forecast: forecastAt(forecasts, place) }));
    return FREQUENCIES.flatMap((frequency) =>
      withIntervals(made.filter((one) => one.series.frequency === frequency)),
    );
  } finally {
    await threads.close();
  }
}

function forecastAt(forecasts: readonly SeriesForecast[], place: number): SeriesForecast {
  const forecast = forecasts[place];
  if (!forecast) throw new Error(`series ${place} has no forecast`);
  return forecast;
}

/** With intervals from what the forecasts of this frequency missed at their origins of calibration. */
function withIntervals(made: readonly { series: CompetitionSeries; forecast: SeriesForecast }[]): Made[] {
  const horizon = Math.max(...made.map(({ series }) => series.after.length));
  const pool = pooled(
    made.flatMap(({ forecast }) => (forecast.errors ? [forecast.errors] : [])),
    horizon,
  );
  return made.map(({ series, forecast }) => {
    const intervals = forecast.point.map((point, step) =>
      conformalInterval(point, forecast.scale, pool.steps[step] ?? [], LEVEL),
    );
    return {
      series,
      point: forecast.point,
      interval: {
        lower: intervals.map(({ lower }) => lower),
        upper: intervals.map(({ upper }) => upper),
      },
    };
  });
}

function of(made: readonly Made[], frequency: Frequency): Made[] {
  return made.filter(({ series }) => series.frequency === frequency);
}

interface Summary {
  smape: number;
  mase: number;
  /** Part of the actual values that lie within the intervals. */
  coverage?: number;
  msis?: number;
}

/** Weighted by horizons, as the competition's tables are. */
function summary(made: readonly Made[]): Summary {
  const weighted = (score: (one: Made) => number | null) => {
    let [total, steps] = [0, 0];
    for (const one of made) {
      const value = score(one);
      if (value === null) continue;
      total += value * one.series.after.length;
      steps += one.series.after.length;
    }
    return total / steps;
  };
  const point = {
    smape: weighted(({ series, point }) => smape(series.after, point)),
    mase: weighted(({ series, point }) =>
      mase(series.after, point, series.history, PERIODS[series.frequency]),
    ),
  };
  if (!made.every(({ interval }) => interval)) return point;
  return {
    ...point,
    coverage: weighted((one) => covered(one) / one.series.after.length),
    msis: weighted(({ series: { after, history, frequency }, interval }) =>
      interval
        ? msis({ actual: after, ...interval, history, period: PERIODS[frequency], level: LEVEL })
        : null,
    ),
  };
}

function covered({ series, interval }: Made): number {
  return series.after.filter((value, step) => {
    const [low, high] = [interval?.lower[step], interval?.upper[step]];
    return low !== undefined && high !== undefined && value >= low && value <= high;
  }).length;
}

function line(method: string, made: readonly Made[], seconds?: number): void {
  const shown = ({ smape: s, mase: m, coverage, msis: score }: Summary) => ({
    smape: rounded(s, 3),
    mase: rounded(m, 3),
    ...(coverage === undefined ? {} : { coverage: rounded(100 * coverage, 1) }),
    ...(score === undefined ? {} : { msis: rounded(score) }),
  });
  report({
    bench: 'forecast',
    method,
    ...(seconds === undefined ? {} : { seconds: rounded(seconds, 1) }),
    ...shown(summary(made)),
    ...Object.fromEntries(FREQUENCIES.map((frequency) => [frequency, shown(summary(of(made, frequency)))])),
  });
}
