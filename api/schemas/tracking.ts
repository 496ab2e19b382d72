import { z } from 'zod';
import { LOT_CHANGES, SERIAL_STATUSES } from '../../domain/stock/tracking/types';
import { count, date, line, pageOf, time, uuid } from './common';

export const trackingBody = z
  .strictObject({
    lots: z.boolean().meta({ description: 'Keep it by lot, with expiry dates' }),
    serials: z.boolean().meta({ description: 'Keep a serial number for each unit' }),
  })
  .meta({ id: 'TrackingChoice' });

export const tracking = z
  .object({ sku: z.string(), lots: z.boolean(), serials: z.boolean() })
  .meta({ id: 'Tracking' });

export const lots = z
  .object({
    sku: z.string(),
    items: z.array(
      z.object({
        code: z.string(),
        warehouse: z.string(),
        expiresOn: z.string().nullable().meta({ description: 'The last day on which it may be sold' }),
        expired: z.boolean(),
        quantity: count,
        held: count.meta({ description: 'Of quantity, on quality hold' }),
      }),
    ),
  })
  .meta({ id: 'Lots', description: 'In the order in which they are taken' });

export const lotCorrection = z
  .strictObject({
    expiresOn: date
      .nullable()
      .meta({ description: 'The last day on which it may be sold; null: it does not expire' }),
    reason: line(200),
  })
  .meta({ id: 'LotCorrection' });

export const lotRecall = z.strictObject({ reason: line(200) }).meta({ id: 'LotRecall' });

export const lotMaster = z
  .object({
    sku: z.string(),
    code: z.string().meta({ description: 'As it was first given' }),
    expiresOn: z.string().nullable().meta({ description: 'The last day on which it may be sold' }),
    expired: z.boolean(),
    recall: z.object({ at: time, reason: z.string(), by: z.string() }).nullable(),
    quantity: count.meta({ description: 'Of all locations' }),
    held: count.meta({ description: 'Of quantity, on quality hold' }),
    changes: z
      .array(
        z.object({
          at: time,
          change: z.enum(LOT_CHANGES),
          before: z.string().nullable(),
          after: z.string().nullable(),
          reason: z.string(),
          actor: z.string(),
        }),
      )
      .meta({ description: 'What was changed by hand, oldest first; before and after: the expiry' }),
  })
  .meta({ id: 'Lot' });

export const lotMovementPage = pageOf(
  'LotMovementPage',
  z.object({
    at: time,
    warehouse: z.string(),
    kind: z.string(),
    quantity: count,
    blocked: z.boolean().meta({ description: 'It was recalled, on hold or past its last day when it left' }),
    orderId: uuid.nullable(),
    reference: z.string().nullable(),
  }),
);

export const serialStatus = z.enum(SERIAL_STATUSES);

const serial = z.object({
  serial: z.string(),
  sku: z.string(),
  warehouse: z.string().meta({ description: 'Where it is, or was last' }),
  status: serialStatus,
  receiptId: uuid.nullable(),
  orderId: uuid.nullable().meta({ description: 'The order it went out with' }),
  createdAt: time,
  updatedAt: time,
});

export const serialPage = pageOf('SerialPage', serial);

export const serialHistory = z
  .object({
    items: z.array(
      serial.extend({
        movements: z.array(
          z.object({
            at: time,
            kind: z.string(),
            warehouse: z.string(),
            orderId: uuid.nullable(),
            named: z.boolean().meta({ description: 'false: taken as the oldest, nobody read it off' }),
          }),
        ),
      }),
    ),
  })
  .meta({ id: 'SerialHistory', description: 'Of each product that has this serial number' });
