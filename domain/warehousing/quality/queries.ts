import {
  execute,
  maybeOne,
  many,
  one,
  type Database,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import { newestFirst, utc, utcMicros, type PageRequest } from '../../../platform/database/pages';
import { notPutOff, settledFailures, type SettledFailure } from '../../stock/alerts/put-off-sql';
import type { Work } from '../../stock/alerts/types';
import type { StockKey } from '../../stock/ledger/types';
import type { LotAtPlace } from '../../stock/tracking/lot-masters';
import type { HoldCause, QualityHoldView } from './types';

const HOLD = `
  h.id, p.sku, w.code as location, l.code as lot, case when h.open > 0 then 'open' else 'closed' end as status,
  h.quantity, h.open, h.awaited, h.released, h.written_off as "writtenOff", h.gone, h.cause, h.reason, h.actor,
  array(select s.serial from serials s where s.hold_id = h.id order by s.id) as serials,
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
  if (filter.sku !== undefined)
    void query.whereRaw('h.product_id = (select id from products where sku = ?)', [filter.sku]);
  if (filter.location !== undefined)
    void query.whereRaw('h.warehouse_id = (select id from warehouses where code = ?)', [filter.location]);
  if (filter.status !== undefined) void query.where('h.open', filter.status === 'open' ? '>' : '=', 0);
  return db.list<HoldRow>(newestFirst(query, { time: 'h.created_at', id: 'h.id' }, filter));
}

export function insertHold(
  tx: Transaction,
  hold: StockKey & {
    id: string;
    lotId: number | null;
    quantity: number;
    awaited: number;
    reason: string;
    actor: string;
    cause: HoldCause;
    /** Of a count: as of when it is true. */
    asOf: string | null;
  },
): Promise<number> {
  return execute(
    tx,
    'quality.insert_hold',
    `insert into quality_holds (id, product_id, warehouse_id, lot_id, quantity, reason, actor, awaited, cause, as_of)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      hold.id,
      hold.productId,
      hold.warehouseId,
      hold.lotId,
      hold.quantity,
      hold.reason,
      hold.actor,
      hold.awaited,
      hold.cause,
      hold.asOf,
    ],
  );
}

/** Where a hold is: that never changes. */
export function selectHoldKey(on: Queryable, id: string): Promise<StockKey | undefined> {
  return maybeOne<StockKey>(
    on,
    'quality.hold_key',
    'select product_id as "productId", warehouse_id as "warehouseId" from quality_holds where id = $1',
    [id],
  );
}

export interface LockedHold extends StockKey {
  open: number;
  awaited: number;
  cause: HoldCause;
  /** Its lot has expired or is recalled now. */
  isBlocked: boolean;
  sku: string;
  lotId: number | null;
  lotCode: string | null;
  expiresOn: string | null;
  /** It is of serial numbers that were named. */
  hasSerials: boolean;
}

/** Under the lock of its stock row, under which alone a hold changes. */
export function lockHold(tx: Transaction, id: string): Promise<LockedHold | undefined> {
  return maybeOne<LockedHold>(
    tx,
    'quality.lock_hold',
    `select h.product_id as "productId", h.warehouse_id as "warehouseId", p.sku, h.open, h.awaited, h.cause,
            exists (select from serials s where s.hold_id = h.id) as "hasSerials", h.lot_id as "lotId",
            l.code as "lotCode", l.expires_on::text as "expiresOn",
            coalesce(m.recalled_at is not null or m.expires_on < today_utc(), false) as "isBlocked"
     from quality_holds h join products p on p.id = h.product_id
     left join lots l on l.id = h.lot_id left join product_lots m on m.id = l.master_id
     where h.id = $1 for no key update of h`,
    [id],
  );
}

export function updateHold(
  tx: Transaction,
  id: string,
  change: { released: number; writtenOff: number; awaited: number },
): Promise<number> {
  return execute(
    tx,
    'quality.update_hold',
    `update quality_holds set released = released + $2, written_off = written_off + $3, awaited = awaited - $4,
       updated_at = clock_timestamp()
     where id = $1`,
    [id, change.released, change.writtenOff, change.awaited],
  );
}

/** Brings a hold of a count to so many units that it is to keep in all; the caller has the lock of its stock row. */
export function updateUnitsOfHold(tx: Transaction, id: string, units: number): Promise<number> {
  return execute(
    tx,
    'quality.update_units_of_hold',
    `update quality_holds set quantity = quantity - open + $2, awaited = awaited - open + $2, updated_at = clock_timestamp()
     where id = $1 and open <> $2`,
    [id, units],
  );
}

export interface LotRow {
  id: number;
  code: string;
  /** Neither on hold nor gone, nor missing by a count that awaits units. */
  free: number;
}

/** A lot by its code, under the lock of its stock row. */
export function selectLot(tx: Transaction, key: StockKey, code: string): Promise<LotRow | undefined> {
  return maybeOne<LotRow>(
    tx,
    'quality.lot',
    `select id, code, greatest(0, quantity - held - unfound_units(lots)) as free from lots where master_id = find_lot($1, $3) and warehouse_id = $2`,
    [key.productId, key.warehouseId, code],
  );
}

/** Those of these serial numbers that a count did not find which awaits units: they are on its hold. Under the lock of their stock row. */
export async function selectUnfoundSerials(
  tx: Transaction,
  key: StockKey,
  serials: readonly string[],
): Promise<string[]> {
  const found = await many<{ serial: string }>(
    tx,
    'quality.unfound_serials',
    `select given.serial from unnest($3::text[]) as given (serial)
     where code_key(given.serial) in (
       select code_key(missing.serial) from count_lines c
       join quality_holds h on h.id = c.hold_id and h.warehouse_id = $2 and h.open > 0
       cross join unnest(c.missing_serials) as missing (serial)
       where c.hold_id is not null and c.product_id = $1 and not hold_is_overtaken(h))`,
    [key.productId, key.warehouseId, serials],
  );
  return found.map(({ serial }) => serial);
}

/** Open holds of a place's lot because it has expired or is recalled, newest first. Under the lock of its stock row. */
export function selectHoldsOfLot(
  tx: Transaction,
  lotId: number,
): Promise<{ id: string; open: number; awaited: number }[]> {
  return many(
    tx,
    'quality.holds_of_lot',
    `select id, open, awaited from quality_holds
     where lot_id = $1 and released + written_off + gone < quantity and cause in ('expired', 'recalled') order by created_at desc, id`,
    [lotId],
  );
}

/** Units on quality hold at a place, awaited ones included. */
export async function selectOpenUnits(tx: Transaction, key: StockKey): Promise<number> {
  const { units } = await one<{ units: number }>(
    tx,
    'quality.open_units',
    'select coalesce(sum(open), 0)::float8 as units from quality_holds where product_id = $1 and warehouse_id = $2 and open > 0',
    [key.productId, key.warehouseId],
  );
  return units;
}

/**
 * Holds because of a lot that has not expired, and is not recalled, any more, by their ids after `after`; not those whose release is put
 * off.
 *
 * @param lotId of this lot alone; null: of any
 */
export async function selectUnblocked(
  on: Queryable,
  { lotId, after, limit }: { lotId: number | null; after: string; limit: number },
): Promise<string[]> {
  const found = await many<{ id: string }>(
    on,
    'quality.unblocked',
    `select h.id from quality_holds h join lots l on l.id = h.lot_id join product_lots m on m.id = l.master_id
     where h.lot_id is not null and h.released + h.written_off + h.gone < h.quantity and h.cause in ('expired', 'recalled')
       and m.recalled_at is null and (m.expires_on is null or m.expires_on >= today_utc())
       and ($1::bigint is null or m.id = $1::bigint) and h.id > $2 and ${notPutOff('release_hold', 'h.id')}
     order by h.id limit $3`,
    [lotId, after, limit],
  );
  return found.map(({ id }) => id);
}

/** Holds that could not be released and of which nothing is to be released any more. */
export function selectSettledReleaseFailures(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many(
    on,
    'quality.settled_release_failures',
    settledFailures(
      `select from quality_holds h join lots l on l.id = h.lot_id join product_lots m on m.id = l.master_id
       where h.id = f.subject::uuid and h.open > 0 and m.recalled_at is null and (m.expires_on is null or m.expires_on >= today_utc())`,
    ),
    [work],
  );
}

/** A place with lots that expire soon. */
export interface PlaceNearExpiry extends StockKey {
  /** The first of them. */
  lots: { lot: string; expiresOn: string; quantity: number }[];
  total: number;
}

/** Places after `after` with lots on sale whose last day comes within so many days, and whose alert does not say so as it is now. */
export function selectNearExpiry(
  on: Queryable,
  { days, after, limit, shown }: { days: number; after: StockKey; limit: number; shown: number },
): Promise<PlaceNearExpiry[]> {
  return many<PlaceNearExpiry>(
    on,
    'quality.near_expiry',
    `with near as (
       select product_id, warehouse_id,
         jsonb_agg(jsonb_build_object('lot', code, 'expiresOn', expires_on, 'quantity', quantity - held) order by place)
           filter (where place <= $5) as lots, count(*) as total
       from (select *, row_number() over (partition by product_id, warehouse_id order by expires_on, id) as place from lots
             where expires_on between today_utc() and today_utc() + $1::int and quantity > held
               and (product_id, warehouse_id) > ($2, $3)) l
       group by 1, 2)
     select n.product_id as "productId", n.warehouse_id as "warehouseId", n.lots, n.total
     from near n left join alerts a on a.product_id = n.product_id and a.warehouse_id = n.warehouse_id
       and a.kind = 'expiry_near' and a.status <> 'resolved'
     where a.details is distinct from jsonb_build_object('lots', n.lots, 'total', n.total)
     order by 1, 2 limit $4`,
    [days, after.productId, after.warehouseId, limit, shown],
  );
}

/** Places whose alert of lots that expire soon is not over, and where none does. */
export function selectNoLongerNear(
  on: Queryable,
  { days, limit }: { days: number; limit: number },
): Promise<StockKey[]> {
  return many<StockKey>(
    on,
    'quality.no_longer_near',
    `select a.product_id as "productId", a.warehouse_id as "warehouseId" from alerts a
     where a.kind = 'expiry_near' and a.status <> 'resolved' and not exists (
       select from lots l where l.product_id = a.product_id and l.warehouse_id = a.warehouse_id and l.quantity > l.held
         and l.expires_on between today_utc() and today_utc() + $1::int)
     order by 1, 2 limit $2`,
    [days, limit],
  );
}

/**
 * Lots that have expired or are recalled, with units that are not on hold, nor missing by a count that awaits units: by their ids after
 * `after`.
 */
export function selectBlockedLots(
  on: Queryable,
  { after, limit }: { after: number; limit: number },
): Promise<LotAtPlace[]> {
  return many<LotAtPlace>(
    on,
    'quality.expired_lots',
    `select id, product_id as "productId", warehouse_id as "warehouseId" from (
       select * from lots where expires_on is not null and expires_on < today_utc() and quantity > held
         and quantity > held + unfound_units(lots)
       union
       select l.* from product_lots m join lots l on l.master_id = m.id where m.recalled_at is not null and l.quantity > l.held + unfound_units(l)) l
     where l.id > $1 and ${notPutOff('hold_expired_lot', 'l.id')}
     order by l.id limit $2`,
    [after, limit],
  );
}

/** Lots that could not be put on hold and of which nothing is left to put there. */
export function selectSettledLotFailures(on: Queryable, work: Work): Promise<SettledFailure[]> {
  return many(
    on,
    'quality.settled_lot_failures',
    settledFailures(
      `select from lots l join product_lots m on m.id = l.master_id where l.id = f.subject::bigint
         and l.quantity > l.held + unfound_units(l)
         and (m.recalled_at is not null or m.expires_on < today_utc())`,
    ),
    [work],
  );
}
