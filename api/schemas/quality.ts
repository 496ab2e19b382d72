import { z } from 'zod';
import { HOLD_CAUSES } from '../../domain/warehousing/quality/types';
import { count, line, pageOf, unitCode, time, uuid, warehouseCode } from './common';
import { namedSerials } from './naming';
import { units } from './warehousing';

export const newQualityHold = z
  .strictObject({
    location: warehouseCode,
    quantity: units,
    reason: line(200),
    lot: unitCode.optional().meta({ description: 'Needed where the product is kept by lot' }),
    serials: namedSerials.meta({ description: 'Which units these are: as many as `quantity`' }),
  })
  .meta({ id: 'NewQualityHold' });

export const qualityWriteOff = z
  .strictObject({
    quantity: units.optional().meta({ description: 'Default: all that is still on hold' }),
    serials: namedSerials,
  })
  .meta({ id: 'QualityDecision' });

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
    awaited: count.meta({ description: 'Of `open`, promised to somebody: taken as soon as they are free' }),
    released: count,
    writtenOff: count,
    gone: count.meta({ description: 'Left with a parcel all the same' }),
    cause: z.enum(HOLD_CAUSES).meta({
      description:
        'expired, recalled: because of its lot; count: a count did not find them, and nobody decides about them here',
    }),
    serials: z.array(z.string()).meta({ description: 'Serial numbers on this hold' }),
    reason: z.string(),
    actor: z.string(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'QualityHold' });

export const qualityHoldPage = pageOf('QualityHoldPage', qualityHold);
