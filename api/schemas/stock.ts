import { z } from 'zod';
import { ADJUSTMENT_KINDS } from '../../domain/stock/adjustments/adjust';
import { WAREHOUSE_STATUSES } from '../../domain/catalog/types';
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
    merchant: z.string().meta({ description: 'Id of the merchant who sells it' }),
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

export const reSourced = z
  .object({
    warehouse: z.string(),
    reservations: count.meta({
      description: 'Of which anything was moved by this call, each product of one for itself',
    }),
    units: count.meta({ description: 'That were moved by this call' }),
    failed: count.meta({
      description:
        'Reservations that could not be moved: an alert `work_failed` names each, but those whose rows somebody else kept locked. They stay; call again without a cursor',
    }),
    nextCursor: z.string().nullable().meta({ description: 'Where to go on; null: all were looked at' }),
  })
  .meta({ id: 'ReSourced' });

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

export const adjusted = location
  .extend({
    outcome: z.enum(['applied', 'superseded']).meta({
      description: '`superseded`: a newer absolute number is known, and nothing was changed',
    }),
  })
  .meta({ id: 'AdjustedLocation' });

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
    description: 'With `states`: neither reserved for anybody nor for sale; the sum of `unavailableBy`',
  }),
  unavailableBy: z
    .object({
      qualityHold: count.meta({ description: 'On quality hold: damaged, expired, recalled' }),
      safetyStock: count.meta({ description: 'Kept back from customers' }),
      closed: count.meta({ description: 'Free, beside the safety stock, in a closed warehouse' }),
    })
    .optional()
    .meta({ id: 'UnavailableUnits', description: 'With `states`: why units are not for sale' }),
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

export const stockAt = stock
  .extend({
    final: z.boolean().optional().meta({
      description:
        'With `asOf`: no transaction is running that may still write at this time or before it. The units of a final answer never change; `status` goes by the thresholds of today',
    }),
  })
  .meta({ id: 'StockAt' });

export const availableAt = location
  .pick({ warehouse: true, available: true, status: true })
  .meta({ id: 'AvailableAt' });

export const availability = z
  .object({
    sku: z.string(),
    available: count.meta({ description: 'What can be ordered' }),
    locations: z.array(availableAt),
    asOf: time,
  })
  .meta({ id: 'Availability', description: 'For who may not read inventory' });

const safetyUnits = z.int().min(0).max(MAX_UNITS).meta({
  description: 'Units that are not promised to customers, as far as they are there',
});

export const safetyStockChange = z
  .union([
    z.strictObject({ location: warehouseCode.optional(), units: safetyUnits }),
    z.strictObject({ location: warehouseCode.optional(), inherit: z.literal(true) }),
  ])
  .meta({
    id: 'SafetyStockChange',
    description: 'Either `units`, or `inherit: true` to give up what was set there',
  });

export const safetyStock = z
  .object({
    sku: z.string(),
    default: safetyUnits.nullable().meta({
      description:
        'What locations without their own keep back, also those that get stock later; null: nothing is set',
    }),
    locations: z.array(
      z.object({
        warehouse: z.string(),
        units: safetyUnits,
        own: z.boolean().meta({ description: 'Set for this location; otherwise it follows the product' }),
      }),
    ),
  })
  .meta({ id: 'SafetyStock' });

export const adjustment = z
  .strictObject({
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
