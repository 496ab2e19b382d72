import { z } from 'zod';
import {
  ALERT_KINDS,
  ALERT_STATUSES,
  PROMISE_OUTCOMES,
  type AlertKind,
} from '../../domain/stock/alerts/types';
import { line, pageOf, time, uuid, warehouseCode } from './common';

const KINDS = Object.entries(ALERT_KINDS);
export const alertKind = z.enum(Object.keys(ALERT_KINDS) as readonly AlertKind[]).meta({
  description: KINDS.map(([kind, { title }]) => `${kind}: ${title.toLowerCase()}`).join('; '),
});
export const alertStatus = z.enum(ALERT_STATUSES);

export const alert = z
  .object({
    id: uuid,
    kind: alertKind,
    status: alertStatus,
    sku: z.string().nullable().meta({
      description:
        'Null for `work_failed`, `attention`, `ledger_tampered` and `reservation_stopped`, which are not about a place',
    }),
    location: z.string().nullable(),
    orderId: uuid.nullable().meta({ description: 'The order that an `attention` is about' }),
    details: z.record(z.string(), z.unknown()).meta({
      description:
        'The figures, the transfers or the failure that raised it; of `work_failed` also `advice`; of `attention` also `reason`, `why` and what to do `next`; of ' +
        '`recall` and `count_short` the first of those to whom the units were promised (`affected`) and how many there are (`total`)',
    }),
    raisedAt: time,
    acknowledgedAt: time.nullable(),
    acknowledgedBy: z.string().nullable(),
    note: z.string().nullable(),
    resolvedAt: time.nullable(),
    resolvedBy: z
      .string()
      .nullable()
      .meta({ description: 'Who ended it by hand; null: it ended by itself, or has not ended' }),
    resolution: z.string().nullable().meta({ description: 'What was done' }),
  })
  .meta({ id: 'Alert' });

export const alertPage = pageOf('AlertPage', alert);

export const affectedPage = pageOf(
  'AffectedPage',
  z
    .object({
      orderId: uuid.nullable(),
      reservationId: uuid.nullable().meta({ description: 'Of a reservation without an order' }),
      shipmentId: uuid.nullable().meta({ description: 'The parcel that was stopped' }),
      outcome: z.enum(PROMISE_OUTCOMES).meta({
        description:
          '`moved`: the units come from another warehouse; `cut`: there were no others; `parcel_stopped`: what becomes of its units is ' +
          'decided once it is',
      }),
      units: z.int().nullable(),
      at: time,
    })
    .meta({ id: 'Affected' }),
);

export const acknowledgement = z.strictObject({ note: line(500).optional() }).meta({ id: 'Acknowledgement' });

export const alertResolution = z
  .strictObject({ note: line(500).meta({ description: 'What was done' }) })
  .meta({ id: 'AlertResolution' });

const units = z.int().min(0).max(2_147_483_647);
const lowStock = units.meta({ description: 'Stock is low when no more than this is available; 0: never' });
const overstock = units
  .nullable()
  .meta({ description: 'It is too much when more than this is on hand; null: never' });

const clearMargin = units.nullable().meta({
  description:
    'How many units beyond a threshold its alert clears: low stock above `lowStock` plus this, too much below `overstock` less this; ' +
    'null: a tenth of the threshold, rounded up',
});

function ordered({
  lowStock: low,
  overstock: over,
}: {
  lowStock: number;
  overstock: number | null;
}): boolean {
  return over === null || over >= low;
}
const ORDER = { message: 'must not be below lowStock', path: ['overstock'] };

export const categoryThresholds = z
  .strictObject({ lowStock, overstock, clearMargin: clearMargin.optional() })
  .refine(ordered, ORDER)
  .meta({ id: 'CategoryThresholds' });

const atLocation = { location: warehouseCode.optional() };
export const thresholdsChange = z
  .union([
    z
      .strictObject({ ...atLocation, lowStock, overstock, clearMargin: clearMargin.optional() })
      .refine(ordered, ORDER),
    z.strictObject({ ...atLocation, inherit: z.literal(true) }),
  ])
  .meta({
    id: 'ThresholdsChange',
    description: 'Either both thresholds, or `inherit: true` to follow the wider default again',
  });

export const thresholds = z
  .object({
    sku: z.string(),
    default: z.object({ lowStock, overstock, clearMargin, from: z.enum(['product', 'category']) }).nullable(),
    locations: z.array(
      z.object({
        warehouse: z.string(),
        lowStock,
        overstock,
        clearMargin,
        own: z.boolean().meta({ description: 'Set for this location; otherwise it follows the default' }),
      }),
    ),
  })
  .meta({ id: 'Thresholds' });

export const categoryThresholdsSet = z
  .object({
    category: z.string(),
    lowStock,
    overstock,
    clearMargin,
    changed: z.int().meta({ description: 'Product and location pairs that follow it and had other values' }),
  })
  .meta({ id: 'CategoryThresholdsSet' });
