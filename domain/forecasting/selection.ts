import { mase, pinballLoss, rmsse } from './accuracy';
import { demandPaths, forecastIntermittent } from './intermittent';
import { at, mean, quantile, sum } from './numbers';
import { regularForecaster } from './regular';
import {
  DEFAULT_INTERMITTENT_MODEL,
  DEFAULT_REGULAR_MODEL,
  INTERMITTENT_MODELS,
  type IntermittentModel,
  type RegularModel,
} from './types';

/** A model takes the place of the default only where its error is below this part of the default's: one origin is little evidence. */
const MARGIN = 0.75;
/** Quantiles whose loss is compared: the middle, and what stock is kept for. */
const QUANTILES = [0.5, 0.75, 0.95] as const;
/** Fewest values that a model is fitted to when it is compared or calibrated. */
const SHORTEST_HISTORY = 8;

/** Numbers of first values to forecast from. What comes after one is only compared with the forecast. */
export interface Origins {
  /** Null: too short to compare models. Its forecasts end where those of calibration begin. */
  selection: number | null;
  /** Null: too short to calibrate. Its forecasts end with the series. */
  calibration: number | null;
}

/** Origins of a series for forecasts of so many steps: what models are selected by calibrates no interval. */
export function originsOf(length: number, horizon: number, period: number): Origins {
  const shortest = Math.max(SHORTEST_HISTORY, 2 * period);
  const calibration = Math.max(length - horizon, shortest);
  const selection = calibration - horizon;
  return {
    selection: selection >= shortest ? selection : null,
    calibration: calibration < length ? calibration : null,
  };
}

/** A history, and what came after it. */
interface Split {
  history: readonly number[];
  after: readonly number[];
}

export function splitAt(values: readonly number[], origin: number, horizon: number): Split {
  return { history: values.slice(0, origin), after: values.slice(origin, origin + horizon) };
}

/** The model whose mean absolute scaled error at the origin is least, the default unless another is better by the margin. */
export function selectRegular(input: {
  values: readonly number[];
  period: number;
  horizon: number;
  origin: number | null;
  candidates: readonly RegularModel[];
}): RegularModel {
  const { values, period, horizon, origin, candidates } = input;
  if (origin === null) return DEFAULT_REGULAR_MODEL;
  const { history, after } = splitAt(values, origin, horizon);
  const { forecast } = regularForecaster(history, period, after.length);
  const errorOf = (model: RegularModel) => {
    const found = forecast(model);
    return (found && mase(after, found.point, history, period)) ?? Infinity;
  };
  return best(candidates, DEFAULT_REGULAR_MODEL, errorOf);
}

/**
 * The model that is best by root mean squared scaled error and by pinball loss of the sum over the horizon, each against the default's. Absolute
 * errors would favour a forecast of zero.
 */
export function selectIntermittent(input: {
  values: readonly number[];
  horizon: number;
  origin: number | null;
}): IntermittentModel {
  const { values, horizon, origin } = input;
  if (origin === null) return DEFAULT_INTERMITTENT_MODEL;
  const { history, after } = splitAt(values, origin, horizon);
  const scoresOf = (model: IntermittentModel) => {
    const forecast = forecastIntermittent(model, history, after.length);
    const paths = demandPaths(history, at(forecast, 0), after.length);
    const losses = QUANTILES.map((p) => pinballLoss(sum(after), quantile(paths, p), p));
    return { squared: rmsse(after, forecast, history), pinball: mean(losses) };
  };
  const usual = scoresOf(DEFAULT_INTERMITTENT_MODEL);
  return best(INTERMITTENT_MODELS, DEFAULT_INTERMITTENT_MODEL, (model) => {
    const { squared, pinball } = scoresOf(model);
    return mean([relative(squared, usual.squared), relative(pinball, usual.pinball)]);
  });
}

/** 1 where there is nothing to be relative to. */
function relative(error: number | null, usual: number | null): number {
  return error === null || usual === null || usual === 0 ? 1 : error / usual;
}

function best<M>(candidates: readonly M[], usual: M, errorOf: (model: M) => number): M {
  let found = { model: usual, error: MARGIN * errorOf(usual) };
  for (const model of candidates) {
    if (model === usual) continue;
    const error = errorOf(model);
    if (error < found.error) found = { model, error };
  }
  return found.model;
}
