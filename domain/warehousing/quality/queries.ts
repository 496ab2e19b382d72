import {
  execute,
  maybeOne,
  many,
  type Database,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../../platform/database/pages';
import { notPutOff, settledFailures, type SettledFailure } from '../../stock/alerts/put-off-sql';
import type { Work } from '../../stock/alerts/types';
import type { StockKey } from '../../stock/ledger/types';
import type { QualityHoldView } from './types';

const HOLD = `
  h.id, p.sku, w.code as location, l.code as lot, case when h.open > 0 then 'open' else 'closed' end as status,
  h.quantity, h.open, h.released, h.written_off as "writtenOff", h.reason, h.actor,
  ${utc('h.created_at')} as "createdAt", ${utc('h.updated_at')} as "updatedAt",
  ${utcMicros('h.created_at')} as "createdAtMicros"`;

export type HoldRow = QualityHoldView & { createdAtMicros: string };

export function selectHold(on: Queryable, id: string): Promise<HoldRow | undefined> {
  return maybeOne<HoldRow>(
    on,
    'quality.hold',
    `select ${HOLD} from quality_holds h join products p on p.id = h.product_id
     join warehouses w on w.id = h.warehouse_id left join lots l on l.id = h.lot_id where h.id = $1`,
    [id],
  );
}

export interface HoldFilter extends PageRequest {
  sku?: string | undefined;
  /** Warehouse code. */
  location?: string | undefined;
  status?: QualityHoldView['status'] | undefined;
}

/** Newest first; one more than asked for. */
export function selectQualityHoldPage(db: Database, filter: HoldFilter): Promise<HoldRow[]> {
  const query = db
    .builder('quality_holds as h')
    .join('products as p', 'p.id', 'h.product_id')
    .join('warehouses as w', 'w.id', 'h.warehouse_id')
    .leftJoin('lots as l', 'l.id', 'h.lot_id')
    .select(db.builder.raw(HOLD));
  if (filter.sku !== undefined) void query.where('p.sku', filter.sku);
  if (filter.location !== undefined) void query.where('w.code', filter.location);
  if (filter.status !== undefined) void query.where('h.open', filter.status === 'open' ? '>' : '=', 0);
  return db.list<HoldRow>(newestFirst(query, { time: 'h.created_at', id: 'h.id' }, filter));
}

export function insertHold(
  tx: Transaction,
  hold: StockKey & { id: string; lotId: number | null; quantity: number; reason: string; actor: string },
): Promise<number> {
  return execute(
    tx,
    'quality.insert_hold',
    `insert into quality_holds (id, product_id, warehouse_id, lot_id, quantity, reason, actor)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [hold.id, hold.productId, hold.warehouseId, hold.lotId, hold.quantity, hold.reason, hold.actor],
  );
}

export interface LockedHold extends StockKey {
  open: number;
  lotId: number | null;
  lotCode: string | null;
  expiresOn: string | null;
}

/** After its reservation's lock and before that of the stock. */
export function lockHold(tx: Transaction, id: string): Promise<LockedHold | undefined> {
  return maybeOne<LockedHold>(
    tx,
    'quality.lock_hold',
    `select h.product_id as "productId", h.warehouse_id as "warehouseId", h.open, h.lot_id as "lotId",
            l.code as "lotCode", l.expires_on::text as "expiresOn"
     from quality_holds h left join lots l on l.id = h.lot_id where h.id = $1 for no key update of h`,
    [id],
  );
}

export function updateHold(
  tx: Transaction,
  id: string,
  change: { released: number; writtenOff: number },
): Promise<number> {
  return execute(
    tx,
    'quality.update_hold',
    `update quality_holds set released = released + $2, written_off = written_off + $3, updated_at = clock_timestamp()
     where id = $1`,
    [id, change.released, change.writtenOff],
  );
}

export interface LotRow {
  id: number;
  code: string;
  /** Neither on hold nor gone. */
  free: number;
}

/** A lot by its code, under the lock of its stock row. */
export function selectLot(tx: Transaction, key: StockKey, code: string): Promise<LotRow | undefined> {
  return maybeOne<LotRow>(
    tx,
    'quality.lot',
    `select id, code, quantity - held as free from lots where product_id = $1 and warehouse_id = $2 and code = $3`,
    [key.productId, key.warehouseId, code],
  );
}

export interface ExpiredLot {
  id: number;
  sku: string;
  location: string;
  code: string;
  /** YYYY-MM-DD */
  expiresOn: string;
}

/** Lots past their last day of sale with units that are not on hold, and of which some may be put on hold. */
export function selectExpiredLots(on: Queryable, limit: number): Promise<ExpiredLot[]> {
  return many<ExpiredLot>(
    on,
    'quality.expired_lots',
    `select l.id, p.sku, w.code as location, l.code, l.expires_on::text as "expiresOn"
     from lots l join products p on p.id = l.product_id join warehouses w on w.id = l.warehouse_id
     join stock s on s.product_id = l.product_id and s.warehouse_id = l.warehouse_id
     where l.expires_on < (now() at time zone 'UTC')::date and l.quantity > l.held and s.available > 0
       and ${notPutOff('hold_expired_lot', 'l.id')}
     order by l.expires_on, l.id limit $1`,
    [limit],
  );
}

/** Lots that could not be put on hold and of which nothing is left to put there. */
export function selectSettledLotFailures(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many(
    on,
    'quality.settled_lot_failures',
    settledFailures(
      `select from lots l where l.id = f.subject::bigint and l.quantity > l.held
         and l.expires_on < (now() at time zone 'UTC')::date`,
    ),
    [work],
  );
}
