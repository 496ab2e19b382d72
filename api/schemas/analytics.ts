import { z } from 'zod';
import { GROUPINGS } from '../../domain/analytics/groups';
import { AGE_BUCKETS } from '../../domain/analytics/rules';
import { cursorOf } from '../http/cursor';
import {
  count,
  currency,
  cursorName,
  date,
  daysWithin,
  money,
  name,
  pageQuery,
  sku,
  time,
  warehouseCode,
} from './common';
import { tz } from './reports';

const LONGEST_DAYS = 3_660;
const LONGEST_SERIES_DAYS = 1_100;

type FromTo = { from: string; to: string };
const isSome = ({ from, to }: FromTo) => from < to;
const NOT_AFTER = { path: ['to'], message: 'must be after from: it is not in the period' };

const days = {
  from: date.meta({ description: 'First day, YYYY-MM-DD' }),
  to: date.meta({ description: 'The day after the last' }),
};

const filters = {
  category: name(50).optional().meta({ description: 'Code of a category: only what is in it now' }),
  location: warehouseCode.optional(),
};

const afterSku = cursorOf(z.object({ sku: cursorName })).optional();

export const groupsQuery = z
  .object({
    groupBy: z.enum(GROUPINGS),
    ...days,
    tz,
    ...filters,
    sku: sku.optional().meta({ description: 'Of products: only this one' }),
    limit: pageQuery.limit.meta({ description: 'Products of a page; other groups are all told' }),
    cursor: afterSku,
  })
  .refine(isSome, NOT_AFTER)
  .refine(...daysWithin(LONGEST_DAYS))
  .refine(({ groupBy, sku: only, cursor }) => groupBy === 'product' || (only ?? cursor) === undefined, {
    path: ['groupBy'],
    message: 'must be product where sku or cursor is given',
  });

export const seriesQuery = z
  .object({ ...days, location: filters.location })
  .refine(isSome, NOT_AFTER)
  .refine(...daysWithin(LONGEST_SERIES_DAYS));

export const stockoutsQuery = z
  .object({ ...days, ...filters, cursor: afterSku })
  .refine(isSome, NOT_AFTER)
  .refine(...daysWithin(LONGEST_DAYS));

const standing = {
  asOf: time.meta({
    description: 'All that was committed by then is in it; where `stale`, all that had a position by then',
  }),
  position: z.int().meta({ description: 'Of the stream of events, up to which sums are kept' }),
  stale: z
    .boolean()
    .meta({ description: 'What came after the position is left out: it is too much to be read' }),
};

const share = z.number().nullable();

const value = z
  .object({
    currency,
    pricedUnits: count.meta({ description: 'That were sold at the price of an order' }),
    revenueMinor: money,
    returnedMinor: money.meta({ description: 'Price of the units that came back' }),
    costedUnits: count.meta({ description: 'That were sold at a known cost' }),
    costMinor: money,
  })
  .meta({ id: 'AnalyticsValue' });

const groupValue = value
  .extend({
    marginMinor: money
      .nullable()
      .meta({ description: 'Null: of some units only the price is known, or only the cost' }),
    marginRate: share,
    share: share.meta({ description: 'Of the revenue of all groups' }),
    growth: share.meta({ description: 'Of revenue, against the period before' }),
  })
  .meta({ id: 'AnalyticsGroupValue' });

const unknown = { description: 'Null: not known by warehouse, nor in time zones other than UTC' };

const metrics = {
  units: z
    .object({
      sold: count,
      received: count,
      returned: count,
      adjusted: count,
      transferred: count,
      ordered: count.nullable().meta(unknown),
      short: count.nullable().meta(unknown),
      opening: count,
      closing: count,
      average: z.number().nullable().meta({ description: 'On hand in the mean of time' }),
    })
    .meta({ id: 'AnalyticsUnits' }),
  turnover: share,
  turnoverAnnual: share,
  daysOfCover: share,
  sellThrough: share,
  fillRate: share,
  share: share.meta({ description: 'Of the units that all groups sold' }),
  growth: share.meta({
    description: 'Of units sold, against the period before; null until the period has ended',
  }),
  values: z.array(groupValue).meta({ description: 'By currency: amounts of two never add' }),
};

const groupMetrics = z.object(metrics).meta({ id: 'AnalyticsMetrics' });

export const inventoryAnalytics = z
  .object({
    groupBy: z.enum(GROUPINGS),
    ...days,
    tz: z.string(),
    ...standing,
    isOver: z.boolean(),
    totals: groupMetrics,
    items: z.array(
      z
        .object({
          key: z.string().nullable().meta({ description: 'Null: products without a category' }),
          ...metrics,
        })
        .meta({ id: 'AnalyticsGroup' }),
    ),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'InventoryAnalytics' });

export const productAnalytics = z
  .object({
    sku,
    ...days,
    ...standing,
    days: z.array(
      z
        .object({
          day: date,
          sold: count,
          received: count,
          returned: count,
          adjusted: count,
          transferred: count,
          ordered: count.nullable(),
          short: count.nullable(),
          onHand: count.meta({ description: 'At the end of the day' }),
          available: count.meta({ description: 'At the end of the day' }),
          average7: share,
          average28: share,
          values: z.array(value),
        })
        .meta({ id: 'AnalyticsDay' }),
    ),
    stockoutDays: count,
    variability: z
      .object({ xyz: z.enum(['X', 'Y', 'Z']), coefficient: z.number() })
      .nullable()
      .meta({ description: 'Null: fewer than four weeks, or nothing was sold' }),
    movement: z.enum(['active', 'slow', 'dead', 'none']),
    lastSold: date.nullable(),
    ageing: z.record(z.enum(AGE_BUCKETS), count),
  })
  .meta({ id: 'ProductAnalytics' });

export const stockoutList = z
  .object({
    ...days,
    ...standing,
    items: z.array(
      z.object({
        sku,
        warehouse: z.string(),
        days: count,
        since: date.nullable().meta({ description: 'Null: there is something again' }),
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'Stockouts' });
