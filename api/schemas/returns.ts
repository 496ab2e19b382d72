import { z } from 'zod';
import { RETURN_REFUNDS, RETURN_STATUSES } from '../../domain/warehousing/returns/types';
import { twiceFault } from '../../domain/stock/tracking/rules';
import { count, line, MAX_UNITS, money, pageOf, sku, time, uuid, warehouseCode } from './common';
import { namedLots, namedSerials } from './naming';
import { units } from './warehousing';

const MAX_ITEMS = 100;

/** A list in which each SKU is named once: units of the same product would be counted against each other. */
function itemsOf<Item extends z.ZodType<{ sku: string }>>(item: Item) {
  return z
    .array(item)
    .min(1)
    .max(MAX_ITEMS)
    .refine((items) => new Set(items.map((given) => given.sku)).size === items.length, {
      message: 'must name each SKU once',
    });
}

const restockingFee = z
  .union([
    z.strictObject({
      percent: z.number().min(0).max(100).multipleOf(0.01).meta({
        description: 'Of the price of a unit, rounded half up to minor units',
      }),
    }),
    z.strictObject({
      amountMinor: z.int().min(0).meta({ description: 'For a unit, minor units; at most its price' }),
    }),
  ])
  .meta({ id: 'RestockingFee', description: 'What is kept of the price of each returned unit' });

export const newReturn = z
  .strictObject({
    orderId: uuid,
    items: itemsOf(z.strictObject({ sku, quantity: units, reason: line(200) })),
    refund: z.enum(RETURN_REFUNDS).default('price').meta({
      description:
        'What goes back for a unit once it is inspected: its price less the restocking fee, or nothing',
    }),
    restockingFee: restockingFee
      .optional()
      .meta({ description: '`RETURN_RESTOCKING_FEE_PERCENT` unless given' }),
  })
  .meta({ id: 'NewReturn' });

export const returnReceipt = z
  .strictObject({ location: warehouseCode, items: itemsOf(z.strictObject({ sku, quantity: units })) })
  .meta({ id: 'ReturnReceipt' });

const part = z.int().min(0).max(MAX_UNITS).default(0);

export const inspection = z
  .strictObject({
    results: itemsOf(
      z
        .strictObject({
          sku,
          restock: part.meta({ description: 'Units that go back on hand' }),
          writeOff: part.meta({ description: 'Units that are given up' }),
          serials: namedSerials,
          writeOffSerials: namedSerials,
          lots: namedLots,
          writeOffLots: namedLots,
          refundQuantity: z.int().min(0).max(MAX_UNITS).optional().meta({
            description:
              'For how many of both money goes back; unless given all, or none where the return was authorised without',
          }),
          restockingFee: restockingFee.optional().meta({ description: 'That of the return unless given' }),
        })
        .refine(({ restock, writeOff, refundQuantity = 0 }) => refundQuantity <= restock + writeOff, {
          message: 'must not be more than are restocked and written off',
          path: ['refundQuantity'],
        })
        .refine(({ restock, serials = [] }) => serials.length <= restock, {
          message: 'must not be more than are restocked',
          path: ['serials'],
        })
        .refine(({ writeOff, writeOffSerials = [] }) => writeOffSerials.length <= writeOff, {
          message: 'must not be more than are written off',
          path: ['writeOffSerials'],
        })
        .refine(
          ({ serials = [], writeOffSerials = [] }) =>
            twiceFault('', { serials: [...serials, ...writeOffSerials] }) === null,
          { message: 'must not name a number that is restocked', path: ['writeOffSerials'] },
        )
        .refine((given) => given.restock + given.writeOff > 0, {
          message: 'restock or writeOff must be at least 1',
          path: ['restock'],
        }),
    ),
  })
  .meta({ id: 'Inspection' });

export const returnStatus = z.enum(RETURN_STATUSES);

export const customerReturn = z
  .object({
    id: uuid,
    orderId: uuid,
    status: returnStatus,
    location: z.string().nullable(),
    items: z.array(
      z.object({
        sku: z.string(),
        quantity: count,
        reason: z.string(),
        received: count,
        restocked: count,
        writtenOff: count,
        refunded: count.meta({ description: 'Inspected units for which money goes back' }),
      }),
    ),
    refund: z.enum(RETURN_REFUNDS),
    restockingFee: restockingFee.nullable(),
    refundMinor: money.meta({
      description: 'Minor units that are planned to go back so far; how far each refund is, the order shows',
    }),
    expiresAt: time.meta({ description: 'Until when goods may come in' }),
    actor: z.string(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'CustomerReturn' });

export const returnPage = pageOf('CustomerReturnPage', customerReturn);
