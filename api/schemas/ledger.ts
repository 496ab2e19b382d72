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
    asOf: time
      .nullable()
      .meta({ description: 'As of when a correction takes effect; null: a movement, at `at`' }),
    number: count
      .nullable()
      .meta({ description: 'The absolute number that it brought the stock to as of then' }),
  })
  .meta({ id: 'LedgerEntry' });

export const ledgerPage = pageOf('LedgerPage', ledgerEntry);
