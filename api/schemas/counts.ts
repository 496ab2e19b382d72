import { z } from 'zod';
import { RESERVATION_KINDS, RESERVATION_STATUSES } from '../../domain/stock/reservations/types';
import { LINE_STATUSES, SHEET_STATUSES } from '../../domain/warehousing/counting/types';
import {
  count,
  date,
  exactTime,
  MAX_UNITS,
  MAX_UNITS_NAMED,
  name,
  pageOf,
  sku,
  time,
  unitCode,
  uuid,
  warehouseCode,
} from './common';

const MAX_SHEET_LINES = 5_000;
const counted = z.int().min(0).max(MAX_UNITS);
const skus = z.array(sku).min(1).max(MAX_SHEET_LINES);

export const newCount = z
  .strictObject({
    location: warehouseCode,
    skus: skus.optional().meta({ description: 'Count these products' }),
    category: name(50).optional().meta({ description: 'Count the products of this category' }),
    blind: z.boolean().default(false).meta({ description: 'Do not show what is expected to who counts' }),
    tolerance: z.int().min(0).max(MAX_UNITS).optional().meta({
      description:
        'Units a line may be off by and is still approved by itself; default COUNT_TOLERANCE_UNITS',
    }),
  })
  .refine((given) => given.skus === undefined || given.category === undefined, {
    message: 'skus and category exclude each other',
    path: ['category'],
  })
  .meta({ id: 'NewCount', description: 'With neither skus nor category everything the location has' });

const countedLine = z
  .strictObject({
    sku,
    counted: counted.optional().meta({ description: 'May be left out where `lots` or `serials` tell it' }),
    lots: z
      .array(z.strictObject({ code: unitCode, counted, expiresOn: date.optional() }))
      .max(MAX_UNITS_NAMED)
      .optional()
      .meta({
        description:
          'Of a product that is kept by lot: each that is there, also one that is not on the sheet (`expiresOn`: of one that is new), and ' +
          'those of the sheet that are not there, with 0',
      }),
    serials: z
      .array(unitCode)
      .max(MAX_UNITS_NAMED)
      .optional()
      .meta({ description: 'Of a product with serial numbers: those that are there' }),
    countedAt: exactTime
      .optional()
      .meta({ description: 'As of when the count is true; default: when the request began' }),
  })
  .refine((given) => given.counted !== undefined || given.lots !== undefined || given.serials !== undefined, {
    message: 'is needed where neither lots nor serials are given',
    path: ['counted'],
  });

const lines = z
  .array(countedLine)
  .min(1)
  .max(MAX_SHEET_LINES)
  .refine((given) => new Set(given.map((line) => line.sku)).size === given.length, {
    message: 'must name each SKU once',
  });

export const countedLines = z
  .union([z.strictObject({ lines: lines }), countedLine])
  .transform((given) => ('lines' in given ? given.lines : [given]))
  .meta({ id: 'CountedLines' });

export const countDecision = z
  .strictObject({ skus: skus.optional().meta({ description: 'Default: every line that awaits it' }) })
  .meta({ id: 'CountDecision' });

export const countApproval = countDecision
  .extend({
    resolveReserved: z.boolean().default(false).meta({
      description:
        'Applies also what leaves less than is reserved: reservations give up what was not found, as far as no other warehouse has any',
    }),
  })
  .meta({ id: 'CountApproval' });

export const sheetStatus = z.enum(SHEET_STATUSES);

export const sheet = z
  .object({
    id: uuid,
    location: z.string(),
    status: sheetStatus,
    blind: z.boolean(),
    tolerance: count,
    lines: z.array(
      z.object({
        sku: z.string(),
        status: z.enum(LINE_STATUSES),
        expected: count.nullable().meta({ description: 'On hand when the sheet was made' }),
        counted: count.nullable(),
        moved: count.nullable().meta({ description: 'By the ledger, between the sheet and `countedAt`' }),
        variance: count.nullable().meta({
          description:
            'counted - (expected + moved): against the ledger as of `countedAt`, taken anew when it is decided',
        }),
        round: count,
        countedBy: z.string().nullable(),
        countedAt: time.nullable().meta({ description: 'As of when the count is true' }),
        decidedBy: z.string().nullable(),
        code: z.string().nullable().meta({ description: 'Why an approval could not be carried out' }),
        reservations: z
          .array(
            z.object({
              reservationId: uuid,
              orderId: uuid.nullable(),
              kind: z.enum(RESERVATION_KINDS),
              status: z.enum(RESERVATION_STATUSES),
              quantity: count,
            }),
          )
          .nullable()
          .meta({
            description:
              'With BELOW_RESERVED: what reserves the units, unpaid first, then the newest; at most 100',
          }),
        reservationCount: count.nullable().meta({ description: 'How many there are' }),
        resolving: z
          .object({
            holdId: uuid.meta({ description: 'The quality hold of the units that were not found' }),
            missing: count,
            awaited: count.meta({ description: 'Of `missing`, still promised to somebody' }),
            parcels: z
              .array(z.object({ shipmentId: uuid, orderId: uuid }))
              .meta({ description: 'That are being stopped there; at most 20' }),
            parcelCount: count,
          })
          .nullable()
          .meta({ description: 'While it awaits units that are promised' }),
        lots: z
          .array(
            z.object({
              code: z.string(),
              expected: count.nullable().meta({ description: '0: it was not on the sheet' }),
              counted: count.nullable(),
              variance: count.nullable(),
              superseded: z.boolean().meta({
                description: 'A later absolute number of this lot is known: nothing of it is changed',
              }),
            }),
          )
          .nullable()
          .meta({ description: 'Of a product that is kept by lot' }),
        serials: z
          .object({
            counted: z.array(z.string()),
            missing: z
              .array(z.string())
              .nullable()
              .meta({ description: 'There by the ledger, and not named' }),
            found: z.array(z.string()).nullable().meta({ description: 'Named, and not there by the ledger' }),
          })
          .nullable()
          .meta({ description: 'Of a product with serial numbers, once it is counted' }),
      }),
    ),
    actor: z.string(),
    createdAt: time,
    submittedAt: time.nullable(),
    closedAt: time.nullable(),
  })
  .meta({ id: 'CountSheet' });

export const sheetPage = pageOf('CountSheetPage', sheet);
