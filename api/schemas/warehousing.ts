import { z } from 'zod';
import { RECEIPT_CHANGES } from '../../domain/warehousing/receiving/types';
import {
  count,
  currency,
  date,
  line,
  name,
  MAX_UNITS,
  MAX_UNITS_NAMED,
  money,
  pageOf,
  newestCursor,
  pageQuery,
  sku,
  time,
  unitCode,
  uuid,
  warehouseCode,
} from './common';

const MAX_LINES = 500;

export const units = z.int().min(1).max(MAX_UNITS);
const isoCurrency = z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters (ISO 4217)');

/** What every list of documents takes. */
export const documentQuery = {
  ...pageQuery,
  cursor: newestCursor,
};

const receiptLine = z
  .strictObject({
    sku,
    quantity: units,
    unitCostMinor: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional().meta({
      description: 'What one unit cost, minor units',
    }),
    currency: isoCurrency.optional().meta({ description: "ISO 4217; the product's own unless given" }),
    lot: z
      .strictObject({ code: unitCode, expiresOn: date.optional() })
      .optional()
      .meta({ description: 'Needed where the product is kept by lot' }),
    serials: z
      .array(unitCode)
      .max(MAX_UNITS_NAMED)
      .optional()
      .meta({ description: 'One for each unit, where the product has serial numbers' }),
  })
  .refine((given) => given.currency === undefined || given.unitCostMinor !== undefined, {
    message: 'is of no use without unitCostMinor',
    path: ['currency'],
  });

export const newReceipt = z
  .strictObject({
    location: warehouseCode,
    supplier: name(200).optional(),
    supplierReference: name(200).meta({
      description:
        "The supplier's number of the delivery: taken once, however its capitals and separators are written",
    }),
    acceptSimilarReference: z.boolean().optional().meta({
      description: 'It is another delivery than one whose reference differs in capitals and separators only',
    }),
    lines: z.array(receiptLine).min(1).max(MAX_LINES),
  })
  .meta({ id: 'NewReceipt' });

const lineState = z.object({
  quantity: count,
  unitCostMinor: money.nullable(),
  lot: z.object({ code: z.string(), expiresOn: z.string().nullable() }).nullable(),
  serials: z.array(z.string()).optional(),
});

export const receipt = z
  .object({
    id: uuid,
    location: warehouseCode,
    supplier: z.string().nullable(),
    supplierReference: z.string(),
    lines: z.array(
      z.object({
        sku: z.string(),
        quantity: count,
        unitCostMinor: money.nullable(),
        currency: currency.nullable(),
        lot: z.object({ code: z.string(), expiresOn: z.string().nullable() }).nullable(),
        serials: z.array(z.string()),
      }),
    ),
    actor: z.string(),
    receivedAt: time,
    reversedAt: time.nullable().meta({ description: 'When all of it was taken back' }),
    changes: z
      .array(
        z.object({
          id: uuid,
          kind: z.enum(RECEIPT_CHANGES),
          reason: z.string(),
          actor: z.string(),
          at: time,
          lines: z.array(z.object({ line: count, before: lineState, after: lineState })),
        }),
      )
      .meta({
        description: 'Documents that changed it, oldest first. `lines` of the receipt are as they count now',
      }),
  })
  .meta({ id: 'Receipt' });

export const receiptReversal = z.strictObject({ reason: line(200) }).meta({ id: 'ReceiptReversal' });

export const receiptCorrection = z
  .strictObject({
    reason: line(200),
    lines: z
      .array(
        z.strictObject({
          line: z.int().min(1).max(MAX_LINES).meta({ description: 'Its number in the receipt, from 1' }),
          quantity: z.int().min(0).max(MAX_UNITS).optional().meta({ description: 'Units that came' }),
          unitCostMinor: z.int().min(0).max(Number.MAX_SAFE_INTEGER).nullable().optional(),
          lot: z.strictObject({ code: unitCode, expiresOn: date.optional() }).optional(),
          serials: z.array(unitCode).max(MAX_UNITS_NAMED).optional().meta({
            description:
              'Of a product with serial numbers: those that came in addition, or those that did not come',
          }),
          replaceSerials: z
            .array(z.strictObject({ serial: unitCode, by: unitCode }))
            .max(MAX_UNITS_NAMED)
            .optional()
            .meta({ description: 'Serial numbers that were read off wrongly, each with the right one' }),
        }),
      )
      .min(1)
      .max(MAX_LINES),
  })
  .meta({ id: 'ReceiptCorrection', description: 'What is absent of a line stays' });

export const receiptPage = pageOf('ReceiptPage', receipt);
