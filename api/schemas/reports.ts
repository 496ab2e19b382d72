import { z } from 'zod';
import { count, currency, date, money, sku, time } from './common';

export const tz = z
  .string()
  .min(1)
  .max(64)
  .default('UTC')
  .meta({ description: 'IANA name of the time zone whose days are meant', examples: ['Europe/Paris'] });

export const month = z
  .string()
  .regex(/^(?!0000)\d{4}-(0[1-9]|1[0-2])$/, 'must be a month, YYYY-MM')
  .meta({ description: 'Month, YYYY-MM' });

const products = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a whole number')
  .transform(Number)
  .pipe(z.int().min(0).max(10_000))
  .default(100)
  .meta({ description: 'Products of each currency that are listed at most, by their sales' });

export const dailyCsvQuery = z.object({ date, tz });
export const dailyQuery = z.object({ date, tz, products });
export const monthlyCsvQuery = z.object({ month, tz });
export const monthlyQuery = z.object({ month, tz, products });

export const reportRequest = z
  .discriminatedUnion('report', [
    z.strictObject({ report: z.literal('daily'), date, tz }),
    z.strictObject({ report: z.enum(['monthly', 'cost-of-goods']), month, tz }),
  ])
  .meta({ id: 'ReportRequest' });

const uncosted = count.meta({ description: 'Units whose cost nobody knows: they are in no cost' });

const figureMembers = {
  currency,
  units: count.meta({ description: 'That left with parcels of orders' }),
  salesMinor: money.meta({ description: 'What they were sold for' }),
  returnedUnits: count.meta({ description: 'That came back' }),
  returnedMinor: money.meta({ description: 'What those were sold for' }),
  capturedMinor: money,
  refundedMinor: money.meta({ description: 'Less refunds that came back' }),
  disputedMinor: money.meta({ description: 'What disputes took, less what they gave back' }),
  netMinor: money.meta({ description: 'Captured, less refunded and disputed' }),
  feeMinor: money.meta({ description: 'What merchants were charged, less what was given back' }),
  costMinor: money.meta({ description: 'What the goods cost that left' }),
  uncosted,
  marginMinor: money.meta({ description: 'Net, less that cost' }),
};

const figures = z.object(figureMembers).meta({ id: 'ReportFigures' });

const orderCounts = z
  .object({
    placed: count,
    rejected: count,
    expired: count,
    cancelled: count,
    failed: count,
    fulfilled: count,
  })
  .meta({ id: 'ReportOrderCounts' });

export const salesReport = z
  .object({
    period: z.string().meta({ examples: ['2026-03-29', '2026-03'] }),
    tz: z.string(),
    from: time,
    to: time.meta({ description: 'Not in it' }),
    asOf: time.meta({ description: 'All that was committed by then is in it' }),
    isOver: z.boolean().meta({ description: 'The period has ended; money may still come of it' }),
    orders: orderCounts,
    totals: z.array(figures).meta({ description: 'By currency: amounts of two never add' }),
    slots: z
      .array(
        z.object({
          at: time,
          local: z.string().meta({ examples: ['2026-03-29T03:00'] }),
          orders: orderCounts,
          figures: z.array(figures),
        }),
      )
      .meta({
        description: 'Hours of the day as time goes by, 23 or 25 where clocks change; or days of the month',
      }),
    products: z
      .array(z.object({ sku: sku.nullable(), ...figureMembers }))
      .meta({ description: 'Null: money of no product' }),
    hasMoreProducts: z.boolean(),
    categories: z
      .array(z.object({ category: z.string().nullable(), ...figureMembers }))
      .meta({ description: 'Null: products without a category, and money of no product' }),
    warehouses: z
      .array(z.object({ warehouse: z.string().nullable(), ...figureMembers }))
      .meta({ description: 'Null: money of no warehouse' }),
    merchants: z
      .array(z.object({ merchant: z.string().nullable(), ...figureMembers }))
      .meta({ description: 'Null: money that belongs to no merchant' }),
  })
  .meta({ id: 'SalesReport' });

export const costReport = z
  .object({
    period: z.string().meta({ examples: ['2026-03'] }),
    tz: z.string(),
    from: time,
    to: time.meta({ description: 'Not in it; not after now' }),
    final: z.boolean().meta({ description: 'No transaction is running that may still write before `to`' }),
    totals: z.array(z.object({ currency, units: count, costMinor: money })),
    uncosted,
    products: z.array(
      z.object({ sku, currency: currency.nullable(), units: count, costMinor: money, uncosted }),
    ),
  })
  .meta({ id: 'CostReport' });
