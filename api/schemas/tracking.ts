import { z } from 'zod';
import { SERIAL_STATUSES } from '../../domain/stock/tracking/types';
import { count, pageOf, time, uuid } from './common';

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

export const lotMovementPage = pageOf(
  'LotMovementPage',
  z.object({
    at: time,
    warehouse: z.string(),
    kind: z.string(),
    quantity: count,
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
