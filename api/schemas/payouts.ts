import { z } from 'zod';
import { PAYOUT_STATUSES } from '../../domain/payouts/types';
import { givenCurrency } from './catalogue';
import { count, currency, date, line, money, name, pageOf, time, uuid } from './common';

export const payoutStatus = z.enum(PAYOUT_STATUSES).meta({
  description:
    '`pending`: a second person is to approve it; `approved`: it is to be paid; `paid`: the bank has made the transfer; `cancelled`: what it was about is owed again',
});

export const payout = z
  .object({
    id: uuid,
    merchant: z.string(),
    currency,
    status: payoutStatus,
    amountMinor: money,
    lines: count.meta({ description: 'How many rows of the money ledger it pays' }),
    createdBy: z.string(),
    createdAt: time,
    approvedBy: z.string().nullable(),
    approvedAt: time.nullable(),
    reference: z.string().nullable().meta({ description: "The bank's, of the transfer" }),
    paidOn: date.nullable(),
    paidBy: z.string().nullable(),
    paidAt: time.nullable(),
    cancelReason: z.string().nullable(),
    cancelledBy: z.string().nullable(),
    cancelledAt: time.nullable(),
  })
  .meta({ id: 'Payout' });

export const payoutPage = pageOf('PayoutPage', payout);

export const newPayout = z
  .strictObject({
    merchant: name(50).meta({ description: 'Id of the merchant' }),
    currency: givenCurrency
      .nullable()
      .default(null)
      .meta({ description: 'ISO 4217; absent: the only one that the merchant has' }),
  })
  .meta({ id: 'NewPayout' });

export const payoutPaid = z
  .strictObject({
    reference: name(200).meta({ description: "The bank's, of the transfer: one for each payout" }),
    paidOn: date
      .nullable()
      .default(null)
      .meta({ description: "The bank's day, which has come; absent: today" }),
  })
  .meta({ id: 'PayoutPaid' });

export const payoutCancel = z.strictObject({ reason: line(500) }).meta({ id: 'PayoutCancel' });
