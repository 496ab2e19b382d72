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
import { movedAfterSql } from '../../stock/ledger/moved-after-sql';
import type { ReservedUnits } from '../../stock/reservations/types';
import type { LineProblem, LineStatus, NewSheet, SheetStatus, SheetView } from './types';

/** A sheet `c`, whole. What a blind one expects is not shown to who counts. */
const SHEET = `
  c.id, w.code as location, c.status, c.blind, c.tolerance, c.actor, ${utc('c.created_at')} as "createdAt",
  ${utc('c.submitted_at')} as "submittedAt", ${utc('c.closed_at')} as "closedAt",
  ${utcMicros('c.created_at')} as "createdAtMicros",
  coalesce((select json_agg(json_build_object('sku', p.sku, 'status', l.status,
      'expected', case when shown then l.expected end, 'counted', l.counted,
      'moved', case when shown then l.moved end, 'variance', case when shown then l.variance end,
      'round', l.round, 'countedBy', l.counted_by, 'countedAt', ${utcMicros('l.counted_at')}, 'decidedBy', l.decided_by,
      'code', l.code, 'reservations', l.reservations, 'reservationCount', l.reservation_count,
      'resolving', case when l.hold_id is not null then (
        select json_build_object('holdId', h.id, 'missing', h.open, 'awaited', h.awaited, 'parcels', g.parcels, 'parcelCount', g.count)
        from quality_holds h, lateral (
          select count(*) as count, coalesce(json_agg(json_build_object('shipmentId', s.id, 'orderId', s.order_id)) filter (where n <= 20), '[]') as parcels
          from (select s.id, s.order_id, row_number() over (order by s.id) as n
                from shipments s join shipment_items i on i.shipment_id = s.id and i.product_id = l.product_id
                where s.warehouse_id = c.warehouse_id and s.status = 'voiding') s) g
        where h.id = l.hold_id) end,
      'lots', case when p.lot_tracked or exists (select from count_line_lots k where k.sheet_id = l.sheet_id and k.product_id = l.product_id) then (
        select coalesce(json_agg(json_build_object('code', k.code, 'expected', case when shown then k.expected end, 'counted', k.counted,
          'variance', case when shown then k.variance end, 'superseded', k.superseded) order by k.code_key), '[]')
        from count_line_lots k where k.sheet_id = l.sheet_id and k.product_id = l.product_id) end,
      'serials', case when l.serials is not null then json_build_object('counted', l.serials,
        'missing', case when shown then l.missing_serials end, 'found', case when shown then l.found_serials end) end) order by p.sku)
    from count_lines l join products p on p.id = l.product_id,
      lateral (select not c.blind or l.status not in ('open', 'counted') as shown) s
    where l.sheet_id = c.id), '[]') as lines`;

export type SheetRow = SheetView & { createdAtMicros: string };

export function selectSheet(on: Queryable, id: string): Promise<SheetRow | undefined> {
  return maybeOne<SheetRow>(
    on,
    'counting.sheet',
    `select ${SHEET} from count_sheets c join warehouses w on w.id = c.warehouse_id where c.id = $1`,
    [id],
  );
}

export interface SheetFilter extends PageRequest {
  status?: SheetStatus | undefined;
  /** Warehouse code. */
  location?: string | undefined;
}

/** Newest first; one more than asked for. */
export function selectSheetPage(db: Database, filter: SheetFilter): Promise<SheetRow[]> {
  const query = db
    .builder('count_sheets as c')
    .join('warehouses as w', 'w.id', 'c.warehouse_id')
    .select(db.builder.raw(SHEET));
  if (filter.status !== undefined) void query.where('c.status', filter.status);
  if (filter.location !== undefined)
    void query.whereRaw('c.warehouse_id = (select id from warehouses where code = ?)', [filter.location]);
  return db.list<SheetRow>(newestFirst(query, { time: 'c.created_at', id: 'c.id' }, filter));
}

/** False: this sheet is there already. */
export async function insertSheet(tx: Transaction, sheet: NewSheet, warehouseId: number): Promise<boolean> {
  const added = await execute(
    tx,
    'counting.insert_sheet',
    `insert into count_sheets (id, warehouse_id, blind, tolerance, actor) values ($1, $2, $3, $4, $5)
     on conflict (id) do nothing`,
    [sheet.sheetId, warehouseId, sheet.blind, sheet.tolerance, sheet.actor],
  );
  return added === 1;
}

export interface Selection {
  productIds: readonly number[] | null;
  categoryId: number | null;
}

/**
 * Writes a line for each product with what is on hand of it and of its lots, and where the ledger stands, all from one snapshot. Products
 * that are named are counted also where the location never had any. Returns how many; `limit` at most.
 */
export async function insertLines(
  tx: Transaction,
  sheet: { id: string; warehouseId: number },
  { productIds, categoryId }: Selection,
  limit: number,
): Promise<number> {
  const { lines } = await one<{ lines: number }>(
    tx,
    'counting.insert_lines',
    `with made as (
       insert into count_lines (sheet_id, product_id, expected, position)
       select $1, p.id, coalesce(s.on_hand, 0), coalesce((
         select t.id from inventory_transactions t where t.product_id = p.id and t.warehouse_id = $2
         order by t.at desc, t.id desc limit 1), 0)
       from products p left join stock s on s.product_id = p.id and s.warehouse_id = $2
       where case when $3::int[] is not null then p.id = any ($3) else s.product_id is not null end
         and ($4::int is null or p.category_id = $4)
       limit $5
       returning product_id
     ), lots_made as (
       insert into count_line_lots (sheet_id, product_id, code_key, code, expires_on, expected)
       select $1, l.product_id, m.code_key, m.code, m.expires_on, l.quantity
       from made join products p on p.id = made.product_id and p.lot_tracked
       join lots l on l.product_id = p.id and l.warehouse_id = $2 and l.quantity > 0
       join product_lots m on m.id = l.master_id
     )
     select count(*)::int as lines from made`,
    [sheet.id, sheet.warehouseId, productIds, categoryId, limit],
  );
  return lines;
}

export interface LockedSheet {
  warehouseId: number;
  tolerance: number;
}

/** The sheet's lock is taken before any stock row's. */
export function lockSheet(tx: Transaction, id: string): Promise<LockedSheet | undefined> {
  return maybeOne<LockedSheet>(
    tx,
    'counting.lock_sheet',
    `select warehouse_id as "warehouseId", tolerance from count_sheets where id = $1 for no key update`,
    [id],
  );
}

export interface LineRow {
  productId: number;
  sku: string;
  status: LineStatus;
  counted: number | null;
  /** As of when the count is true, with microseconds. */
  countedAt: string | null;
  /** The request that counted it last. */
  countId: string | null;
  round: number;
  /** While it is `resolving`: the hold of what was not found, and who approved it. */
  holdId: string | null;
  decidedBy: string | null;
  lotTracked: boolean;
  serialised: boolean;
  /** Serial numbers that were read off. */
  serials: string[] | null;
}

export function selectLines(tx: Transaction, sheetId: string): Promise<LineRow[]> {
  return many<LineRow>(
    tx,
    'counting.lines',
    `select l.product_id as "productId", p.sku, l.status, l.counted, l.count_id as "countId", l.round,
            ${utcMicros('l.counted_at')} as "countedAt", l.hold_id as "holdId", l.decided_by as "decidedBy",
            p.lot_tracked as "lotTracked", p.serialised, l.serials
     from count_lines l join products p on p.id = l.product_id where l.sheet_id = $1 order by l.product_id`,
    [sheetId],
  );
}

/** A count of a line, with what it says of its lots and serial numbers. */
export interface CountToRecord {
  productId: number;
  counted: number;
  countedAt: string;
  lots: readonly LotToRecord[];
  serials: SerialsToRecord | null;
}

export interface LotToRecord {
  key: string;
  code: string;
  expiresOn: string | null;
  counted: number;
  variance: number;
  superseded: boolean;
}

export interface SerialsToRecord {
  counted: readonly string[];
  missing: readonly string[];
  found: readonly string[];
}

/**
 * Records counts, each against what the ledger says was on hand as of its time: what is on hand less what has moved since. The two
 * are read in one statement with the count, and stock always equals its ledger.
 */
export function updateCounts(
  tx: Transaction,
  sheet: { id: string; warehouseId: number },
  counts: readonly CountToRecord[],
  { countId, actor }: { countId: string; actor: string },
): Promise<number> {
  return execute(
    tx,
    'counting.update_counts',
    `update count_lines l
     set status = 'counted', counted = c.counted, counted_by = $6, counted_at = c.as_of, count_id = $7,
         moved = c.on_hand - l.expected, variance = c.counted - c.on_hand
     from (select n.product_id, n.counted, n.as_of, (coalesce(s.on_hand, 0) - m.units)::int as on_hand
           from (select product_id, $2::int as warehouse_id, counted, as_of
                 from unnest($3::int[], $4::int[], $5::timestamptz[]) as g (product_id, counted, as_of)) n
           left join stock s on s.product_id = n.product_id and s.warehouse_id = n.warehouse_id
           cross join lateral (${movedAfterSql('n', 'n.as_of')}) m) c
     where l.sheet_id = $1 and l.product_id = c.product_id`,
    [
      sheet.id,
      sheet.warehouseId,
      counts.map((c) => c.productId),
      counts.map((c) => c.counted),
      counts.map((c) => c.countedAt),
      actor,
      countId,
    ],
  );
}

export interface LineDecision {
  productId: number;
  status: LineStatus;
  code: LineProblem | null;
  /** Against the ledger as it is known now; null: as it was. */
  variance: number | null;
  reservations: readonly ReservedUnits[] | null;
  reservationCount: number | null;
  holdId: string | null;
}

/** Decides lines. One that goes back to be counted loses its count and begins a new round. */
export function updateLines(
  tx: Transaction,
  sheetId: string,
  decisions: readonly LineDecision[],
  actor: string | null,
): Promise<number> {
  return execute(
    tx,
    'counting.update_lines',
    `update count_lines l
     set status = d.status, code = d.code, reservations = d.reservations,
         reservation_count = d.reservation_count, hold_id = d.hold_id,
         decided_by = case when d.status <> 'open' then coalesce($5, case when l.status = 'resolving' then l.decided_by end) end,
         serials = case when d.status <> 'open' then l.serials end,
         missing_serials = case when d.status <> 'open' then l.missing_serials end,
         found_serials = case when d.status <> 'open' then l.found_serials end,
         round = l.round + (d.status = 'open')::int,
         counted = case when d.status <> 'open' then l.counted end,
         moved = case when d.status <> 'open' then coalesce(l.counted - d.variance - l.expected, l.moved) end,
         variance = case when d.status <> 'open' then coalesce(d.variance, l.variance) end,
         count_id = case when d.status <> 'open' then l.count_id end,
         counted_by = case when d.status <> 'open' then l.counted_by end,
         counted_at = case when d.status <> 'open' then l.counted_at end
     from unnest($2::int[], $3::text[], $4::text[], $6::int[], $7::jsonb[], $8::int[], $9::uuid[])
       as d (product_id, status, code, variance, reservations, reservation_count, hold_id)
     where l.sheet_id = $1 and l.product_id = d.product_id`,
    [
      sheetId,
      decisions.map((d) => d.productId),
      decisions.map((d) => d.status),
      decisions.map((d) => d.code),
      actor,
      decisions.map((d) => d.variance),
      decisions.map((d) => (d.reservations ? JSON.stringify(d.reservations) : null)),
      decisions.map((d) => d.reservationCount),
      decisions.map((d) => d.holdId),
    ],
  );
}

export function updateSheet(
  tx: Transaction,
  id: string,
  change: { status: SheetStatus; submitted: boolean },
): Promise<number> {
  return execute(
    tx,
    'counting.update_sheet',
    `update count_sheets
     set status = $2, closed_at = case when $2 = 'closed' then clock_timestamp() end,
         submitted_at = case when $3 then clock_timestamp() else submitted_at end
     where id = $1`,
    [id, change.status, change.submitted],
  );
}
