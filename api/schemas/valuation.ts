import { z } from 'zod';
import { cursorOf } from '../http/cursor';
import {
  count,
  cursorName,
  exactTime,
  money,
  name,
  pageOf,
  pageQuery,
  time,
  uuid,
  warehouseCode,
} from './common';

export const valuationMethod = z.enum(['fifo', 'average']).default('fifo');

export const valuationQuery = z.object({
  method: valuationMethod,
  location: warehouseCode.optional(),
  category: name(50).optional().meta({ description: 'Code of a category' }),
  asOf: exactTime.optional().meta({ description: 'As the ledger has it at this time, to the microsecond' }),
});

const thenMembers = {
  asOf: time.optional(),
  final: z.boolean().optional().meta({
    description: 'With `asOf`: no transaction is running that may still write at this time or before it',
  }),
};

export const valuedProductsQuery = valuationQuery.extend({
  ...pageQuery,
  cursor: cursorOf(z.object({ sku: cursorName })).optional(),
});

const method = z.enum(['fifo', 'average']);

export const valuation = z
  .object({
    method,
    totals: z.array(z.object({ currency: z.string(), products: count, quantity: count, valueMinor: money })),
    uncosted: count.meta({ description: 'Units whose cost nobody knows: they are in no total' }),
    ...thenMembers,
  })
  .meta({ id: 'Valuation' });

export const valuedProductPage = pageOf(
  'ValuedProductPage',
  z.object({
    sku: z.string(),
    quantity: count,
    currency: z.string().nullable(),
    valueMinor: money,
    uncosted: count,
    unitCostMinor: z.number().nullable().meta({ description: 'Of one unit, on average, with a fraction' }),
  }),
);

export const productValuation = z
  .object({
    sku: z.string(),
    method,
    currency: z.string().nullable(),
    onHand: count,
    inTransit: count.meta({ description: 'Units on their way between locations: in the value too' }),
    valueMinor: money,
    uncosted: count.meta({ description: 'Units whose cost nobody knows: they are not in the value' }),
    unitCostMinor: z.number().nullable().meta({ description: 'Of one unit, on average, with a fraction' }),
    layers: z
      .array(
        z.object({
          receiptId: uuid,
          supplierReference: z.string(),
          receivedAt: time,
          quantity: count,
          unitCostMinor: money.nullable(),
        }),
      )
      .optional()
      .meta({ description: 'By FIFO, newest first' }),
    ...thenMembers,
  })
  .meta({ id: 'ProductValuation' });
