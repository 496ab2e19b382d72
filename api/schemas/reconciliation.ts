import { z } from 'zod';
import { DATE_ORDERS } from '../../domain/reconciliation/dates';
import { DIFFERENCE_CLASSES, DIFFERENCE_STATUSES, ROW_KINDS } from '../../domain/reconciliation/types';
import { DECIMAL_MARKS, STATEMENT_MODES } from '../../domain/uploads/types';
import { givenCurrency } from './catalogue';
import {
  count,
  date,
  DAYS_IN_ORDER,
  daysWithin,
  flag,
  line,
  money,
  name,
  pageOf,
  time,
  uuid,
  wholeNumber,
} from './common';

const number = (max: number) => wholeNumber.pipe(z.int().max(max));

export const reconciliationQuery = z
  .strictObject({
    report: z.enum(STATEMENT_MODES).meta({
      description: '`gateway`: transactions of a payment gateway; `bank`: the statement of an account',
    }),
    from: date.meta({ description: 'The first day, in UTC. What is missing is told of these days' }),
    to: date.meta({ description: 'The last day' }),
    gateway: name(50)
      .optional()
      .meta({ description: 'Whose transactions the file has; absent: of the gateway that takes payments' }),
    of: uuid.optional().meta({
      description: 'Of a bank: the completed reconciliation of a gateway whose payouts are to have come in',
    }),
    toleranceDays: number(60)
      .optional()
      .meta({ description: 'So many days may lie between both sides; of a gateway 1, of a bank 5' }),
    feeBasisPoints: number(10_000).optional().meta({
      description:
        'What the gateway charges of a capture, hundredths of a per cent, rounded half to even. Absent: only that gross, fee and net of a row fit is looked at',
    }),
    feeFixedMinor: number(1_000_000).optional().meta({ description: 'And beside that, minor units' }),
    currency: givenCurrency.optional().meta({
      description:
        'Of rows that name none, ISO 4217; of a bank that of the account: only payouts in it are to be there',
    }),
    decimal: z.enum(DECIMAL_MARKS).default('.').meta({ description: 'What stands before decimals' }),
    dateOrder: z.enum(DATE_ORDERS).optional().meta({
      description:
        'Of dates such as `06/05/2026`, whether the day or the month comes first; absent: those that can be read in two ways are not read',
    }),
    dryRun: flag
      .prefault('false')
      .meta({ description: '`true`: differences are told, and cannot be accepted or booked' }),
  })
  .refine(...DAYS_IN_ORDER)
  .refine(...daysWithin(366))
  .refine(({ report, of }) => report === 'bank' || of === undefined, {
    path: ['of'],
    message: 'is of a bank',
  })
  .refine(({ report, gateway }) => report === 'gateway' || gateway === undefined, {
    path: ['gateway'],
    message: 'is of a gateway',
  });

export const difference = z
  .object({
    n: z.int(),
    class: z.enum(DIFFERENCE_CLASSES),
    kind: z.enum(ROW_KINDS).nullable(),
    ref: z.string().nullable().meta({ description: 'By which both sides know it' }),
    line: count.nullable().meta({ description: 'Of the file; null: it is not in it' }),
    sourceId: uuid.nullable().meta({ description: 'Our payment, capture, refund, dispute or payout' }),
    oursMinor: money.nullable(),
    theirsMinor: money.nullable(),
    deltaMinor: money
      .nullable()
      .meta({ description: 'What they have more than we, which can be booked; null: nothing' }),
    oursCurrency: z.string().nullable(),
    theirsCurrency: z.string().nullable(),
    oursDay: date.nullable(),
    theirsDay: date.nullable(),
    detail: z
      .string()
      .nullable()
      .meta({ description: 'Why a row could not be read, or what may be why both differ' }),
    earlierJobId: uuid.nullable().meta({
      description: 'The decision about an earlier file that it goes on from: it is what is new since',
    }),
    earlierN: z.int().nullable(),
    status: z.enum(DIFFERENCE_STATUSES),
    reason: z.string().nullable(),
    decidedBy: z.string().nullable(),
    decidedAt: time.nullable(),
    adjustmentId: uuid.nullable().meta({ description: '`source_id` of the row of the money ledger' }),
    merchant: z.string().nullable(),
  })
  .meta({ id: 'Difference' });

export const differencePage = pageOf('DifferencePage', difference);

export const acceptance = z.strictObject({ reason: line(500) }).meta({ id: 'DifferenceAcceptance' });

export const booking = z
  .strictObject({
    reason: line(500),
    merchant: name(50)
      .nullable()
      .default(null)
      .meta({ description: 'Id of the merchant who owes it, or is owed it; absent: nobody but us' }),
  })
  .meta({ id: 'DifferenceBooking' });

/** A difference in an address. */
export const differenceParams = z.object({
  id: uuid,
  n: z
    .string()
    .regex(/^[1-9]\d{0,8}$/, 'must be a whole number')
    .transform(Number),
});
