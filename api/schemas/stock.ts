import { z } from 'zod';
import { WAREHOUSE_STATUSES } from '../../domain/catalog/types';
import { STOCK_STATUSES } from '../../domain/stock/ledger/types';
import { count, currency, line, MAX_UNITS, money, pageOf, time, warehouseCode } from './common';
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
    active: z.boolean().meta({ description: 'Orders are placed from it' }),
    status: z.enum(WAREHOUSE_STATUSES),
  })
  .meta({ id: 'Warehouse' });

export const stateChange = z
  .strictObject({ reason: line(500).optional() })
  .meta({ id: 'WarehouseStateChange' });

export const warehouseState = z
  .object({
    code: z.string(),
    status: z.enum(WAREHOUSE_STATUSES).meta({
      description: '`opening`: backorders are served from it first; no order is placed from it yet',
    }),
    since: time.nullable().meta({ description: 'When it was last closed or opened; null: never' }),
    actor: z.string().nullable(),
    reason: z.string().nullable(),
  })
  .meta({ id: 'WarehouseState' });

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

export const locationOnTheWay = location
  .extend({
    open: z.boolean().optional().meta({
      description:
        'Orders are placed from it; of a closed one nothing is available. Of the past it is not said',
    }),
    incoming: count.meta({ description: 'Units of open transfers on their way here' }),
  })
  .meta({ id: 'StockLocationOnTheWay' });

const states = {
  committed: count.optional().meta({
    description: 'With `states`: reserved for good: paid, being paid, confirmed, or kept for backorders',
  }),
  unpaid: count
    .optional()
    .meta({ description: 'With `states`: reserved and neither paid nor confirmed: it falls due' }),
  unavailable: count.optional().meta({
    description:
      'With `states`: not for sale: on quality hold (damaged, expired, recalled), or free in a closed warehouse',
  }),
};

export const stock = z
  .object({
    sku: z.string(),
    onHand: count,
    reserved: count,
    available: count,
    inTransit: count.meta({ description: 'Units on their way between locations' }),
    ...states,
    locations: z.array(locationOnTheWay.extend(states).meta({ id: 'StockLocationByState' })),
    asOf: time,
  })
  .meta({ id: 'Stock' });

export const adjustment = z
  .object({
    location: warehouseCode,
    delta: z.int().min(-MAX_UNITS).max(MAX_UNITS).optional(),
    setTo: z.int().min(0).max(MAX_UNITS).optional(),
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
  .meta({ id: 'Adjustment' });
