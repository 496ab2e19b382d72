import { z } from 'zod';
import { ADJUSTMENT_KINDS } from '../../domain/stock/adjustments/adjust';
import { STOCK_STATUSES } from '../../domain/stock/ledger/types';
import { count, currency, exactTime, line, MAX_UNITS, money, pageOf, time, warehouseCode } from './common';
import { foundLots, namedSerials } from './naming';

export const product = z
  .object({
    sku: z.string(),
    name: z.string(),
    description: z.string(),
    category: z.string().nullable(),
    priceMinor: money,
    currency,
    active: z.boolean(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Product' });

export const productPage = pageOf('ProductPage', product);

export const warehouse = z
  .object({
    code: z.string(),
    name: z.string(),
    type: z.string(),
    address: z.string(),
    latitude: z.number(),
    longitude: z.number(),
    region: z.string(),
    priority: z.int().meta({ description: 'Lower is preferred between equally near warehouses' }),
    active: z.boolean(),
  })
  .meta({ id: 'Warehouse' });

export const warehousePage = pageOf('WarehousePage', warehouse);

export const location = z
  .object({
    warehouse: z.string(),
    onHand: count,
    reserved: count,
    available: count,
    status: z.enum(STOCK_STATUSES),
  })
  .meta({ id: 'StockLocation' });

export const adjusted = location
  .extend({
    outcome: z.enum(['applied', 'superseded']).meta({
      description: '`superseded`: a newer absolute number is known, and nothing was changed',
    }),
  })
  .meta({ id: 'AdjustedLocation' });

export const locationOnTheWay = location
  .extend({ incoming: count.meta({ description: 'Units of open transfers on their way here' }) })
  .meta({ id: 'StockLocationOnTheWay' });

export const stock = z
  .object({
    sku: z.string(),
    onHand: count,
    reserved: count,
    available: count,
    inTransit: count.meta({ description: 'Units on their way between locations' }),
    locations: z.array(locationOnTheWay),
    asOf: time,
  })
  .meta({ id: 'Stock' });

export const adjustment = z
  .object({
    location: warehouseCode,
    delta: z.int().min(-MAX_UNITS).max(MAX_UNITS).optional(),
    setTo: z.int().min(0).max(MAX_UNITS).optional().meta({
      description:
        'What was on hand as of `asOf`. What has moved since stays applied; a newer number that is known stays.',
    }),
    kind: z
      .enum(ADJUSTMENT_KINDS)
      .optional()
      .meta({
        description:
          'Of a `delta`. `movement` (default): units came or left now. `correction`: the books were wrong; a later absolute number ' +
          'supersedes it.',
      }),
    asOf: exactTime.optional().meta({
      description:
        'As of when a `setTo` is true (default: when the request began), or a correction takes effect',
    }),
    expected: z.int().min(0).max(MAX_UNITS).optional().meta({
      description: 'With `setTo`: what must be on hand now, else 409 ON_HAND_CHANGED',
    }),
    reason: line(200),
    reference: line(200).optional(),
    serials: namedSerials,
    lots: foundLots,
  })
  .refine((given) => (given.delta === undefined) !== (given.setTo === undefined), {
    message: 'exactly one of delta and setTo is needed',
    path: ['delta'],
  })
  .refine((given) => given.delta !== 0, { message: 'must not be zero', path: ['delta'] })
  .refine((given) => given.delta !== undefined || given.kind === undefined, {
    message: 'is of a delta: a setTo is no movement',
    path: ['kind'],
  })
  .refine((given) => given.setTo !== undefined || given.expected === undefined, {
    message: 'is of a setTo',
    path: ['expected'],
  })
  .refine((given) => given.setTo !== undefined || given.kind === 'correction' || given.asOf === undefined, {
    message: 'is of a setTo or a correction: a movement takes effect when it is booked',
    path: ['asOf'],
  })
  .meta({ id: 'Adjustment' });
