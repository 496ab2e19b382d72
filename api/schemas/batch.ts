import { z } from 'zod';
import { ADJUSTMENT_KINDS } from '../../domain/stock/adjustments/adjust';
import { count, line, MAX_UNITS, sku, warehouseCode } from './common';
import { location } from './stock';

export const MAX_UPDATES = 5_000;

const update = z.strictObject({
  sku,
  location: warehouseCode,
  delta: z
    .int()
    .min(-MAX_UNITS)
    .max(MAX_UNITS)
    .refine((delta) => delta !== 0, { message: 'must not be zero' }),
  kind: z.enum(ADJUSTMENT_KINDS).optional().meta({
    description: '`movement` (default), or `correction`: the next newer absolute number supersedes it',
  }),
  reason: line(200),
  reference: line(200).optional(),
});

export const batch = z
  .strictObject({
    atomic: z.boolean().default(false).meta({ description: 'All updates or none' }),
    updates: z.array(update).min(1).max(MAX_UPDATES),
  })
  .meta({ id: 'Batch' });

const updateOutcome = z.object({
  index: count.meta({ description: 'Place in the batch, from 0' }),
  status: z.enum(['applied', 'rejected']),
  code: z.string().optional().meta({ description: 'Why it was rejected' }),
  detail: z.string().optional(),
  location: location.nullable().meta({ description: 'As it is afterwards; null: there is no stock' }),
});

export const batchResult = z
  .object({ applied: count, rejected: count, results: z.array(updateOutcome) })
  .meta({ id: 'BatchResult' });
