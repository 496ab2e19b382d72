import { z } from 'zod';
import { cursorOf } from '../http/cursor';
import { count, cursorTime, exactTime, money, pageOf, pageQuery, rowNumber, time, uuid } from './common';

export const soldPeriod = z.object({
  from: exactTime.meta({ description: 'Left at this time or later' }),
  to: exactTime.optional().meta({ description: 'Left before this time; now unless given' }),
});

export const soldQuery = soldPeriod.extend({
  ...pageQuery,
  cursor: cursorOf(z.object({ at: cursorTime, id: rowNumber })).optional(),
});

const uncosted = count.meta({ description: 'Units whose cost nobody knows: they are in no cost' });

export const costOfGoods = z
  .object({
    from: time,
    to: time,
    final: z.boolean().meta({ description: 'No transaction is running that may still write before `to`' }),
    totals: z.array(
      z.object({
        currency: z.string(),
        units: count,
        costMinor: money,
        correctionMinor: money.meta({
          description:
            'What corrections of receipts in the period changed about the cost of units that had left: not in `costMinor`; signed',
        }),
      }),
    ),
    uncosted,
  })
  .meta({ id: 'CostOfGoodsSold' });

const sold = z
  .object({
    at: time,
    sku: z.string(),
    shipmentId: uuid.nullable(),
    orderId: uuid.nullable(),
    reservationId: uuid.nullable().meta({ description: 'Of a reservation without an order: it alone' }),
    units: count,
    currency: z.string().nullable(),
    costMinor: money,
    uncosted,
  })
  .meta({ id: 'SoldUnits' });

export const soldPage = pageOf('SoldUnitsPage', sold);

export const costOfParcel = z.object({ items: z.array(sold) }).meta({ id: 'CostOfParcel' });
