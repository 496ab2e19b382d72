import { z } from 'zod';
import { MAX_RESERVATION_SECONDS } from '../../domain/stock/reservations/rules';
import { SHOWN_RESERVATION_STATUSES } from '../../domain/stock/reservations/types';
import type { ReservationDetails } from '../../domain/stock/reservations/types';
import { count, line, MAX_UNITS, name, pageOf, sku, time, uuid, warehouseCode } from './common';
import { items, quantity, shipTo } from './order-requests';

const DEFAULT_RESERVATION_SECONDS = 900;

const due = {
  expiresAt: time
    .nullish()
    .meta({ description: 'When it falls due; in the future, at most 30 days from now' }),
  holdSeconds: z
    .int()
    .min(1)
    .max(MAX_RESERVATION_SECONDS)
    .nullish()
    .meta({ description: 'Falls due so many seconds from now, instead of at `expiresAt`' }),
};

/** When a reservation is to fall due, as a client says it. */
export interface Due {
  expiresAt?: string | null | undefined;
  holdSeconds?: number | null | undefined;
}

const notBoth: [(given: Due) => boolean, { message: string; path: string[] }] = [
  (given: Due) => typeof given.expiresAt !== 'string' || typeof given.holdSeconds !== 'number',
  { message: 'only one of expiresAt and holdSeconds may be given', path: ['expiresAt'] },
];

/** Of a validated body: when the reservation falls due. `expiresAt` wins over `holdSeconds`. */
export function dueOf({ expiresAt, holdSeconds }: Due): { expiresAt: Date | null; holdSeconds: number } {
  return {
    expiresAt: expiresAt ? new Date(expiresAt) : null,
    holdSeconds: holdSeconds ?? DEFAULT_RESERVATION_SECONDS,
  };
}

const reference = line(200)
  .nullish()
  .meta({ description: 'What you hold the stock for: an id of your own, kept with the hold' });
const own = name(200).nullish().meta({
  description:
    'Your own name of the hold, used once: the same request again gets this hold, whatever became of it',
});
const location = warehouseCode.nullish().meta({ description: 'Take from this warehouse only' });

export const newSkuReservation = z
  .strictObject({ location, quantity, orderId: reference, reference: own, ...due })
  .refine(...notBoth)
  .meta({ id: 'NewSkuReservation' });

export const newReservation = z
  .strictObject({
    items,
    shipTo: shipTo.nullish().transform((given) => given ?? null),
    location,
    orderId: reference,
    reference: own,
    ...due,
  })
  .refine(...notBoth)
  .meta({ id: 'NewReservationWithLines' });

export const extension = z
  .strictObject(due)
  .refine(...notBoth)
  .refine((given) => typeof given.expiresAt === 'string' || typeof given.holdSeconds === 'number', {
    message: 'one of expiresAt and holdSeconds is needed',
    path: ['expiresAt'],
  })
  .meta({ id: 'ReservationExtension' });

const kept = z.strictObject({
  sku,
  quantity: z
    .int()
    .min(0)
    .max(MAX_UNITS)
    .meta({ description: 'Units that the hold keeps afterwards, not counting those that have left' }),
});

export const unitsChange = z
  .strictObject({
    items: z
      .array(kept)
      .min(1)
      .max(100)
      .refine((items) => new Set(items.map((item) => item.sku)).size === items.length, {
        message: 'must name each SKU once',
      })
      .meta({ description: 'SKUs that are not named stay as they are' }),
    location: warehouseCode
      .nullish()
      .meta({ description: 'Where units are added or given back; chosen by rule otherwise' }),
  })
  .meta({ id: 'HoldChange' });

export const skuRelease = z.strictObject({ reservationId: uuid }).meta({ id: 'SkuRelease' });

export const reservationStatus = z.enum(SHOWN_RESERVATION_STATUSES);

export const reservation: z.ZodType<ReservationDetails> = z
  .object({
    id: uuid,
    kind: z.enum(['hold', 'order']).meta({ description: '`order`: belongs to an order of ours' }),
    status: reservationStatus,
    orderId: z.string().nullable(),
    reference: z.string().nullable().meta({ description: 'Your own name of the hold' }),
    expiresAt: time,
    items: z.array(
      z.object({
        sku: z.string(),
        quantity: count.meta({ description: 'Units that were held' }),
        openQuantity: count.meta({ description: 'Units that still are' }),
        allocations: z.array(z.object({ warehouse: warehouseCode, quantity: count })),
      }),
    ),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Hold' });

export const reservationPage = pageOf('ReservationPage', reservation);
