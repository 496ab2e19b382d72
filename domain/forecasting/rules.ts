/** Days of history that forecasts are made from. */
export const HISTORY_DAYS = 730;
/** Days that are forecast. */
export const HORIZON_DAYS = 90;
/** Days of a season. */
export const WEEK = 7;
/** Days of which a category's demand is the mean. */
export const PRODUCT_DAYS_OF_CATEGORY = 28;
/** A product of which fewer days are known begins from its category. */
export const NEW_PRODUCT_DAYS = 28;
/** Over so many first days a past forecast is measured. */
export const MEASURED_DAYS = 28;

/** A lead time is taken to be at most so many standard deviations from its mean. */
export const LEAD_TIME_DEVIATIONS = 3;

/** Chance with which a day's demand lies within its interval. */
export const INTERVAL_LEVEL = 0.9;
/** Series whose errors an interval is made from: below the first, an interval of `INTERVAL_LEVEL` would have no end. */
export const FEWEST_ERRORS = 19;
export const MOST_ERRORS = 400;
