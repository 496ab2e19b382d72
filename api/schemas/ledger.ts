import { z } from 'zod';
import { count, pageOf, time } from './common';

export const ledgerKind = z.enum([
  'opening',
  'receipt',
  'adjust',
  'reserve',
  'allocate',
  'release',
  'expire',
  'ship',
  'transfer_out',
  'transfer_in',
  'return',
  'count',
  'write_off',
  'repair',
  'quality_hold',
  'quality_release',
  'feed',
]);

export const ledgerEntry = z
  .object({
    id: count,
    at: time,
    kind: ledgerKind,
    warehouse: z.string(),
    onHandDelta: count,
    reservedDelta: count,
    reservationId: z.uuid().nullable(),
    orderId: z.uuid().nullable(),
    reason: z.string().nullable(),
    reference: z.string().nullable(),
    actor: z.string(),
  })
  .meta({ id: 'LedgerEntry' });

export const ledgerPage = pageOf('LedgerPage', ledgerEntry);
