import { AppError } from '../../platform/errors';
import type { Queryable } from '../../platform/database/database';
import { selectProgress, type ProgressRow } from './progress-queries';
import type { OrderProgress } from './types';

/** Where an order stands, or null when there is no such order. */
export async function readProgress(on: Queryable, orderId: string): Promise<OrderProgress | null> {
  return (await readProgresses(on, [orderId])).get(orderId) ?? null;
}

/**
 * Where an order stands.
 *
 * @throws `ORDER_NOT_FOUND`
 */
export async function existingProgress(on: Queryable, orderId: string): Promise<OrderProgress> {
  const progress = await readProgress(on, orderId);
  if (!progress) throw new AppError('ORDER_NOT_FOUND', 'There is no such order.', { orderId });
  return progress;
}

/** Where each of these orders stands; ids without an order are left out. */
export async function readProgresses(
  on: Queryable,
  orderIds: readonly string[],
): Promise<Map<string, OrderProgress>> {
  const found = orderIds.length === 0 ? [] : await selectProgress(on, orderIds);
  return new Map(found.map((row) => [row.orderId, asProgress(row)]));
}

/** The JSON columns are built by `selectProgress` to exactly these shapes. */
function asProgress(row: ProgressRow): OrderProgress {
  return {
    ...row,
    reservations: row.reservations as OrderProgress['reservations'],
    payments: row.payments as OrderProgress['payments'],
    asks: row.asks as OrderProgress['asks'],
    cuts: row.cuts as OrderProgress['cuts'],
    stops: row.stops as OrderProgress['stops'],
    amendments: row.amendments as OrderProgress['amendments'],
    shipments: row.shipments as OrderProgress['shipments'],
  };
}
