import { many, type Database, type Queryable } from '../../../platform/database/database';
import { utc, utcMicros } from '../../../platform/database/pages';
import type { LotMovementView, LotView, SerialMovementView, SerialStatus, SerialView } from './types';

/** Lots with anything in them, in the order in which they are taken. */
export function selectLots(on: Queryable, sku: string, location: string | null): Promise<LotView[]> {
  return many<LotView>(
    on,
    'tracking.lots',
    `select l.code, w.code as warehouse, l.expires_on::text as "expiresOn",
            coalesce(l.expires_on < (now() at time zone 'UTC')::date, false) as expired, l.quantity, l.held
     from lots l join products p on p.id = l.product_id join warehouses w on w.id = l.warehouse_id
     where p.sku = $1 and l.quantity > 0 and ($2::text is null or w.code = $2)
     order by l.expires_on nulls last, l.id`,
    [sku, location],
  );
}

/** What became of a lot, oldest first. */
export function selectLotMovements(
  on: Queryable,
  lot: { sku: string; code: string },
  page: { after: number; limit: number; offset: number },
): Promise<(LotMovementView & { id: number })[]> {
  return many(
    on,
    'tracking.lot_movements',
    `select m.id, ${utcMicros('m.at')} as at, w.code as warehouse, m.kind, m.quantity, m.blocked, m.order_id as "orderId", m.reference
     from lots l join products p on p.id = l.product_id join lot_movements m on m.lot_id = l.id
     join warehouses w on w.id = m.warehouse_id
     where p.sku = $1 and l.master_id = find_lot(p.id, $2) and m.id > $3 order by m.id limit $4 offset $5`,
    [lot.sku, lot.code, page.after, page.limit, page.offset],
  );
}

const SERIAL = `s.serial, p.sku, w.code as warehouse, s.status, s.receipt_id as "receiptId", s.order_id as "orderId",
  ${utc('s.created_at')} as "createdAt", ${utc('s.updated_at')} as "updatedAt"`;

export interface SerialFilter {
  sku: string;
  status?: SerialStatus | undefined;
  /** Warehouse code. */
  location?: string | undefined;
  after?: number | undefined;
  limit: number;
  offset: number;
}

/** Serial numbers of a product, oldest first: the order in which they are shipped. One more than asked for. */
export function selectSerialPage(
  db: Database,
  filter: SerialFilter,
): Promise<(SerialView & { id: number })[]> {
  const query = db
    .builder('serials as s')
    .join('products as p', 'p.id', 's.product_id')
    .join('warehouses as w', 'w.id', 's.warehouse_id')
    .select(db.builder.raw(`s.id, ${SERIAL}`))
    .whereRaw('s.product_id = (select id from products where sku = ?)', [filter.sku])
    .orderBy('s.id')
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.status !== undefined) void query.where('s.status', filter.status);
  if (filter.location !== undefined) void query.where('w.code', filter.location);
  if (filter.after !== undefined) void query.where('s.id', '>', filter.after);
  return db.list(query);
}

/** A serial number, of whichever products have it, with what became of each unit, oldest first. */
export function selectSerial(
  on: Queryable,
  serial: string,
): Promise<(SerialView & { movements: SerialMovementView[] })[]> {
  return many(
    on,
    'tracking.serial',
    `select ${SERIAL}, coalesce((
       select json_agg(json_build_object('at', ${utcMicros('m.at')}, 'kind', m.kind, 'warehouse', mw.code, 'orderId', m.order_id,
           'named', m.named) order by m.id)
       from serial_movements m join warehouses mw on mw.id = m.warehouse_id where m.serial_id = s.id), '[]') as movements
     from serials s join products p on p.id = s.product_id join warehouses w on w.id = s.warehouse_id
     where s.serial_key = code_key($1) or s.serial = $1 order by p.sku`,
    [serial],
  );
}
