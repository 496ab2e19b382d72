/**
 * Every model. Regular series are forecast by those of `REGULAR_MODELS`, intermittent ones by those of `INTERMITTENT_MODELS`.
 * `ets_theta` is the mean of both.
 */
export const REGULAR_MODELS = ['naive', 'seasonal_naive', 'theta', 'ets', 'ets_theta', 'mstl'] as const;
export const INTERMITTENT_MODELS = ['croston', 'sba', 'tsb', 'aggregated'] as const;

export type RegularModel = (typeof REGULAR_MODELS)[number];
export type IntermittentModel = (typeof INTERMITTENT_MODELS)[number];
export type ModelName = RegularModel | IntermittentModel;

/** Of a new product: between its own mean and that of its category. */
export const NEW_PRODUCT_MODEL = 'category';
export const KEPT_MODELS = [...REGULAR_MODELS, ...INTERMITTENT_MODELS, NEW_PRODUCT_MODEL] as const;
export type KeptModel = (typeof KEPT_MODELS)[number];

export const FORECAST_KINDS = ['regular', 'intermittent'] as const;
export type ForecastKind = (typeof FORECAST_KINDS)[number];

/** Used where there is too little history to compare, and where no other model is better by the margin of selection. */
export const DEFAULT_REGULAR_MODEL = 'ets_theta' satisfies RegularModel;
export const DEFAULT_INTERMITTENT_MODEL = 'sba' satisfies IntermittentModel;

/** One day of a product's demand, as it was seen. */
export interface ObservedDay {
  /** Net quantity ordered; below zero where corrections took back more than was ordered. */
  ordered: number;
  /** `stocked`: it could be ordered all day. `sold_out`: at some time of the day it could not. `absent`: never that day. */
  stock: 'stocked' | 'sold_out' | 'absent';
}

/** A day of a prepared series. `lower_bound`: demand was at least so much; `missing`: nothing is known of it. */
export type Demand =
  { kind: 'observed'; quantity: number } | { kind: 'lower_bound'; quantity: number } | { kind: 'missing' };
