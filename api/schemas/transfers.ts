import { z } from 'zod';
import { TRANSFER_MODES, TRANSFER_STATUSES } from '../../domain/stock/transfers/types';
import { count, givenTime, line, MAX_UNITS, pageOf, sku, time, uuid, warehouseCode } from './common';
import { namedLots, namedSerials } from './naming';

const MAX_TRANSIT_SECONDS = 31_536_000;
const units = z.int().min(1).max(MAX_UNITS);

export const transferStatus = z.enum(TRANSFER_STATUSES);

export const newTransfer = z
  .strictObject({
    sku,
    from: warehouseCode,
    to: warehouseCode,
    quantity: units,
    mode: z.enum(TRANSFER_MODES),
    reason: line(200).optional(),
    reference: line(200).optional(),
    serials: namedSerials,
    lots: namedLots,
    expectedBy: givenTime.optional().meta({ description: 'When it is overdue; only for one in transit' }),
    transitSeconds: z
      .int()
      .min(1)
      .max(MAX_TRANSIT_SECONDS)
      .optional()
      .meta({ description: 'Instead of `expectedBy`, from now' }),
  })
  .refine((given) => given.from !== given.to, { message: 'must not be where it comes from', path: ['to'] })
  .refine((given) => given.expectedBy === undefined || given.transitSeconds === undefined, {
    message: 'only one of expectedBy and transitSeconds may be given',
    path: ['expectedBy'],
  })
  .refine(
    (given) =>
      given.mode === 'in_transit' || (given.expectedBy === undefined && given.transitSeconds === undefined),
    { message: 'an immediate transfer is not waited for', path: ['mode'] },
  )
  .meta({ id: 'NewTransfer' });

export const transfer = z
  .object({
    id: uuid,
    sku: z.string(),
    from: z.string(),
    to: z.string(),
    mode: z.enum(TRANSFER_MODES),
    status: transferStatus,
    quantity: count,
    received: count,
    lost: count,
    returned: count.meta({ description: 'Back at the source' }),
    open: count.meta({ description: 'On the way' }),
    reason: z.string().nullable(),
    reference: z.string().nullable(),
    expectedAt: time.nullable(),
    overdueAt: time.nullable(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Transfer' });

export const transferPage = pageOf('TransferPage', transfer);

export const transferReceipt = z
  .strictObject({
    quantity: units.optional().meta({ description: 'Units that arrived; all that are open unless given' }),
    lost: units.optional().meta({ description: 'Units that will not arrive' }),
    serials: namedSerials,
    lots: namedLots,
    lostSerials: namedSerials,
    lostLots: namedLots,
    reason: line(200).optional(),
  })
  .meta({ id: 'TransferReceipt' });

export const transferCancel = z.strictObject({ reason: line(200).optional() }).meta({ id: 'TransferCancel' });
