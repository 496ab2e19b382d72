import { z } from 'zod';
import { codeKey } from '../../domain/stock/tracking/rules';
import { count, date, MAX_UNITS, sku, unitCode, uuid, warehouseCode } from './common';
import { shipmentStatus } from './orders';

const MAX_NAMED = 10_000;

function eachOnce<Item>(what: string, items: z.ZodType<Item[]>, name: (item: Item) => string) {
  return items.refine((given) => new Set(given.map(name)).size === given.length, {
    message: `must name each ${what} once`,
  });
}

/** Serial numbers that somebody read off the units. */
export const namedSerials = eachOnce('number', z.array(unitCode).max(MAX_NAMED), codeKey)
  .optional()
  .meta({ description: 'Serial numbers of these units; the others are chosen by rule' });

const namedLot = z.strictObject({ code: unitCode, quantity: z.int().min(1).max(MAX_UNITS) });

/** Lots that somebody read off the units that leave. */
export const namedLots = eachOnce('lot', z.array(namedLot).max(MAX_NAMED), ({ code }) => codeKey(code))
  .optional()
  .meta({ description: 'Lots of these units; the others are chosen by rule: first expired, first out' });

/** The same for units that may come in as well. */
export const foundLots = eachOnce(
  'lot',
  z.array(namedLot.extend({ expiresOn: date.optional() })).max(MAX_NAMED),
  ({ code }) => codeKey(code),
)
  .optional()
  .meta({ description: 'Lots of these units. `expiresOn`: of a new lot that comes in' });

const namedUnits = { sku, serials: namedSerials, lots: namedLots };

export const parcelNaming = z
  .strictObject({
    items: eachOnce('SKU', z.array(z.strictObject(namedUnits)).max(100), (item) => item.sku),
  })
  .meta({ id: 'ParcelNaming', description: 'Instead of what was named before' });

const shippedItem = z.strictObject({
  ...namedUnits,
  location: warehouseCode
    .optional()
    .meta({ description: 'Where they are; needed where the hold takes the SKU from several' }),
  quantity: z
    .int()
    .min(1)
    .max(MAX_UNITS)
    .optional()
    .meta({ description: 'Of every item or of none: only these units leave, the others stay held' }),
});

export const reservationShipment = z
  .strictObject({
    items: z
      .array(shippedItem)
      .max(100)
      .refine((items) => new Set(items.map(({ quantity }) => quantity === undefined)).size <= 1, {
        message: 'a quantity is given for every item or for none',
      })
      .refine(namesPlacesOnce, { message: 'must name each SKU and location once' })
      .optional(),
  })
  .meta({ id: 'HoldShipment', description: 'Which units leave, as far as somebody read it off' });

function namesPlacesOnce(items: z.output<typeof shippedItem>[]): boolean {
  if (items.every(({ quantity }) => quantity === undefined)) return true;
  return items.every(
    ({ sku, location }, place) =>
      !items
        .slice(0, place)
        .some(
          (other) =>
            other.sku === sku &&
            (other.location === undefined || location === undefined || other.location === location),
        ),
  );
}

export const parcelUnits = z
  .object({
    shipmentId: uuid,
    orderId: uuid,
    warehouse: z.string(),
    status: shipmentStatus,
    items: z.array(
      z.object({
        sku: z.string(),
        quantity: count,
        serials: z.array(
          z.object({
            serial: z.string(),
            named: z.boolean().meta({ description: 'false: taken as the oldest, nobody read it off' }),
          }),
        ),
        lots: z.array(z.object({ code: z.string(), quantity: count })),
      }),
    ),
  })
  .meta({
    id: 'ParcelUnits',
    description: 'Before the parcel leaves: those that were named; after that: those that left',
  });
