import { z } from 'zod';
import { LEDGER_KINDS } from '../../domain/stock/ledger/types';
import { count, pageOf, time } from './common';

export const ledgerKind = z.enum(LEDGER_KINDS);

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
