import { z } from 'zod';
import { count, line, pageOf, time, uuid, warehouseCode } from './common';
import { namedSerials } from './naming';
import { units } from './warehousing';

export const newQualityHold = z
  .strictObject({
    location: warehouseCode,
    quantity: units,
    reason: line(200),
    lot: line(100).optional().meta({ description: 'Needed where the product is kept by lot' }),
  })
  .meta({ id: 'NewQualityHold' });

export const qualityDecision = z
  .strictObject({ quantity: units.optional().meta({ description: 'Default: all that is still on hold' }) })
  .meta({ id: 'QualityDecision' });

export const qualityWriteOff = qualityDecision
  .extend({ serials: namedSerials })
  .meta({ id: 'QualityWriteOff' });

export const qualityHoldStatus = z.enum(['open', 'closed']);

export const qualityHold = z
  .object({
    id: uuid,
    sku: z.string(),
    location: z.string(),
    lot: z.string().nullable(),
    status: qualityHoldStatus,
    quantity: count,
    open: count.meta({ description: 'Still on hold' }),
    released: count,
    writtenOff: count,
    reason: z.string(),
    actor: z.string(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'QualityHold' });

export const qualityHoldPage = pageOf('QualityHoldPage', qualityHold);
