import { z } from 'zod';
import { FORECAST_KINDS, KEPT_MODELS } from '../../domain/forecasting/types';
import { HORIZON_DAYS, LEAD_TIME_DEVIATIONS } from '../../domain/forecasting/rules';
import { count, date, sku, warehouseCode, wholeNumber } from './common';

const days = (least: number, most: number) => wholeNumber.pipe(z.int().min(least).max(most));

export const forecastQuery = z
  .strictObject({
    horizonDays: days(1, HORIZON_DAYS).default(28).meta({ description: 'Days that are shown' }),
    location: warehouseCode.optional().meta({ description: 'Code of a location; absent: all together' }),
    leadTimeDays: days(1, HORIZON_DAYS)
      .optional()
      .meta({ description: 'Mean days until what is ordered now has come' }),
    leadTimeDeviationDays: days(0, HORIZON_DAYS)
      .default(0)
      .meta({ description: 'Standard deviation of these days' }),
    reviewDays: days(0, HORIZON_DAYS).default(0).meta({ description: 'Days from one order to the next' }),
  })
  .refine(
    ({ leadTimeDays = 0, leadTimeDeviationDays, reviewDays }) =>
      leadTimeDays + LEAD_TIME_DEVIATIONS * leadTimeDeviationDays + reviewDays <= HORIZON_DAYS,
    {
      path: ['leadTimeDays'],
      message: `with three deviations and the review, must be at most ${HORIZON_DAYS} days`,
    },
  );

const units = z.number().min(0);
const interval = z
  .object({ lower: units, upper: units })
  .nullable()
  .meta({ description: 'Null: too few series are known that far' });

export const forecastRequest = z.strictObject({}).default({}).meta({ id: 'ForecastRequest' });

export const forecast = z
  .object({
    sku,
    location: z.string().nullable().meta({ description: 'Null: all locations together' }),
    lastDay: date.meta({ description: 'The last day whose demand it knows, in UTC' }),
    kind: z.enum(FORECAST_KINDS),
    model: z.enum(KEPT_MODELS),
    level: z.number().meta({ description: 'Chance with which demand lies within an interval' }),
    history: z.object({
      days: count,
      filledDays: count.meta({
        description: 'On which it was not in stock, or sold out: what they would have had',
      }),
      outliers: count.meta({ description: 'Days that were left out' }),
    }),
    days: z.array(
      z.object({
        date,
        units,
        interval,
        trend: units.meta({ description: 'Without its season' }),
        season: z
          .object({ by: z.enum(['factor', 'addition']), value: z.number() })
          .nullable()
          .meta({ description: 'What the day of the week does to it' }),
        total: z
          .object({ units, interval })
          .meta({ description: 'Of all days up to this one; its interval is that of such sums' }),
      }),
    ),
    leadTime: z.object({ p50: units, p90: units, p95: units, p99: units }).nullable().meta({
      description:
        'Units that demand over lead time and review stays within, by chance; null: not asked for, or too few series are known that far',
    }),
    accuracy: z
      .array(
        z.object({
          lastDay: date,
          model: z.string(),
          days: count.meta({ description: 'On which demand is known' }),
          actualUnits: units,
          forecastUnits: units,
          weightedError: z
            .number()
            .nullable()
            .meta({ description: 'Absolute errors of days over the actual units; null: there were none' }),
        }),
      )
      .meta({ description: 'How far past forecasts were off, the latest first' }),
  })
  .meta({ id: 'Forecast' });
