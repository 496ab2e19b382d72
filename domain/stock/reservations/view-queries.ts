import { many, type Database, type Queryable } from '../../../platform/database/database';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../../platform/database/pages';
import { selectProductId } from '../../catalog/product-ids';
import type { ReservationStatus } from './types';
import type { ReservationDetails } from './types';

/** The whole reservation `r` in one row, so that what a client reads is from one snapshot. */
const RESERVATION = `
  r.id, r.kind, r.status, coalesce(r.reference, r.order_id::text) as "orderId",
  r.own_reference as reference, ${utc('r.expires_at')} as "expiresAt",
  ${utc('r.created_at')} as "createdAt", ${utc('r.updated_at')} as "updatedAt", ${utcMicros('r.created_at')} as "createdAtMicros",
  coalesce((select json_agg(json_build_object('sku', i.sku, 'quantity', i.quantity, 'openQuantity', i.open_quantity,
      'allocations', i.allocations) order by i.sku)
    from (select p.sku, sum(l.quantity) as quantity, sum(l.open_quantity) as open_quantity,
            json_agg(json_build_object('warehouse', w.code, 'quantity', l.quantity) order by w.code) as allocations
          from reservation_lines l join products p on p.id = l.product_id join warehouses w on w.id = l.warehouse_id
          where l.reservation_id = r.id group by p.sku) i), '[]') as items`;

export interface ReservationViewRow extends Omit<ReservationDetails, 'status'> {
  status: ReservationStatus;
  /** With the microseconds that the list is sorted by. */
  createdAtMicros: string;
}

/** Reservations that clients may see: without an order, and of orders. */
export function selectReservationViews(on: Queryable, ids: readonly string[]): Promise<ReservationViewRow[]> {
  return many<ReservationViewRow>(
    on,
    'reservations.views',
    `select ${RESERVATION} from reservations r where r.id = any ($1::uuid[]) and r.kind in ('hold', 'order')`,
    [ids],
  );
}

export interface ReservationFilter extends PageRequest {
  status?: ReservationDetails['status'] | undefined;
  sku?: string | undefined;
  /** One of these. */
  ids?: readonly string[] | undefined;
  /** Callers who made them; null or absent: everybody. */
  owners?: readonly string[] | null;
}

/** Reservations without an order, newest first; one more than asked for, to tell whether there are more. */
export async function selectReservationPage(
  db: Database,
  filter: ReservationFilter,
): Promise<ReservationViewRow[]> {
  const query = db.builder('reservations as r').select(db.builder.raw(RESERVATION)).where('r.kind', 'hold');
  if (filter.ids) void query.whereIn('r.id', filter.ids);
  if (filter.owners) void query.whereIn('r.owner', filter.owners);
  if (filter.status !== undefined) void query.where('r.status', filter.status);
  if (filter.sku !== undefined) {
    void query.whereRaw('r.id in (select l.reservation_id from reservation_lines l where l.product_id = ?)', [
      (await selectProductId(db, filter.sku)) ?? null,
    ]);
  }
  return db.list<ReservationViewRow>(newestFirst(query, { time: 'r.created_at', id: 'r.id' }, filter));
}
