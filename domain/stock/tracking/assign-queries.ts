import { execute, many, one, type Queryable, type Transaction } from '../../../platform/database/database';
import type { StockKey } from '../ledger/types';
import type { KnownLot, KnownSerial, MovingEntry, PlacedSerial } from './types';

const KNOWN_SERIAL = `s.id, s.serial, s.status, s.hold_id is not null as "isHeld", s.hold_id as "holdId", s.warehouse_id as "warehouseId", s.order_id as "orderId", s.reference,
  (select u.shipment_id from packed_units u where u.serial_id = s.id) as "packedFor",
  m.effect_id as "effectId", m.named, m.blocked as "wasBlocked", m.hold_id as "leftHoldId",
  exists (select from ledger_keys k where k.key = 'ship_late:' || m.effect_id) as "leftAfterStop"
  from serials s join lateral (
    select effect_id, named, blocked, hold_id from serial_movements where serial_id = s.id order by id desc limit 1) m on true`;

/**
 * Those of these serial numbers that the product has, each with how it was given: a number is known by how people see it, and the very
 * same text goes before one that looks like it. To be asked under the lock of the stock row they are at.
 */
export function selectKnownSerials(
  on: Queryable,
  productId: number,
  serials: readonly string[],
): Promise<(KnownSerial & { given: string })[]> {
  return many(
    on,
    'tracking.known_serials',
    `select n.given, ${KNOWN_SERIAL}
     join unnest($2::text[]) as n (given) on s.id = (
       select x.id from serials x where x.product_id = $1 and (x.serial = n.given or x.serial_key = code_key(n.given))
       order by x.serial = n.given desc limit 1)
     order by s.id`,
    [productId, serials],
  );
}

/** The serial numbers that are out with a parcel; the newest first, and those that nobody named before the others. */
export function selectSerialsOfParcel(
  on: Queryable,
  productId: number,
  parcel: { shipmentId: string; orderId: string },
): Promise<KnownSerial[]> {
  return many<KnownSerial>(
    on,
    'tracking.serials_of_parcel',
    `select ${KNOWN_SERIAL}
     where s.product_id = $1 and s.order_id = $3 and s.status = 'shipped' and m.effect_id = $2
     order by m.named, s.id desc`,
    [productId, parcel.shipmentId, parcel.orderId],
  );
}

/** Moves known serial numbers to where an entry of the ledger takes them; its trigger then leaves them alone. */
export function moveSerials(
  tx: Transaction,
  ids: readonly number[],
  to: { warehouseId: number; incoming: boolean },
  entry: MovingEntry,
): Promise<number> {
  return execute(
    tx,
    'tracking.move_serials',
    'select move_serials($1::bigint[], $2, $3, true, $4, $5, $6, $7)',
    [ids, to.warehouseId, to.incoming, entry.kind, entry.effectId, entry.orderId, entry.reference],
  );
}

/** Puts serial numbers on a quality hold, or takes them off it. Under the lock of their stock row. */
export function updateSerialHold(
  tx: Transaction,
  ids: readonly number[],
  holdId: string | null,
): Promise<number> {
  return execute(
    tx,
    'tracking.update_serial_hold',
    'update serials set hold_id = $2, updated_at = clock_timestamp() where id = any ($1::bigint[])',
    [ids, holdId],
  );
}

export function updateReceiptOfSerials(
  tx: Transaction,
  ids: readonly number[],
  receiptId: string,
): Promise<number> {
  return execute(
    tx,
    'tracking.update_receipt_of_serials',
    'update serials set receipt_id = $2 where id = any ($1::bigint[])',
    [ids, receiptId],
  );
}

/** Those of these numbers of which the first that is known is one of these effects. */
export async function selectFirstKnownBy(
  on: Queryable,
  ids: readonly number[],
  effectIds: readonly string[],
): Promise<number[]> {
  const rows = await many<{ id: number }>(
    on,
    'tracking.first_known_by',
    `select n.id from unnest($1::bigint[]) as n (id)
     cross join lateral (select effect_id from serial_movements where serial_id = n.id order by id limit 1) m
     where m.effect_id = any ($2::uuid[])`,
    [ids, effectIds],
  );
  return rows.map(({ id }) => id);
}

/** Gives a unit its right number, wherever it is. */
export function renameSerial(tx: Transaction, id: number, serial: string): Promise<number> {
  return execute(
    tx,
    'tracking.rename_serial',
    'update serials set serial = $2, serial_key = code_key($2), updated_at = clock_timestamp() where id = $1',
    [id, serial],
  );
}

/** Numbers that corrections since a time took out of a place without anybody naming them, the oldest first. */
export async function selectTakenByRule(
  tx: Transaction,
  { productId, warehouseId }: StockKey,
  { since, limit }: { since: string; limit: number },
): Promise<number[]> {
  const rows = await many<{ id: number }>(
    tx,
    'tracking.taken_by_rule',
    `select s.id from serials s cross join lateral (
       select kind, named, at from serial_movements where serial_id = s.id order by id desc limit 1) m
     where s.product_id = $1 and s.warehouse_id = $2 and s.status = 'removed'
       and m.kind in ('count', 'adjust', 'feed') and not m.named and m.at >= $3::timestamptz
     order by s.id limit $4`,
    [productId, warehouseId, since, limit],
  );
  return rows.map(({ id }) => id);
}

/** How many numbers of a product are in stock at a place. */
export async function countInStock(tx: Transaction, { productId, warehouseId }: StockKey): Promise<number> {
  const row = await one<{ units: number }>(
    tx,
    'tracking.count_in_stock',
    `select count(*)::int as units from serials where product_id = $1 and warehouse_id = $2 and status = 'in_stock'`,
    [productId, warehouseId],
  );
  return row.units;
}

/** The oldest first. */
export function selectSerialsOnHold(
  tx: Transaction,
  holdId: string,
): Promise<{ id: number; serial: string }[]> {
  return many(
    tx,
    'tracking.serials_on_hold',
    'select id, serial from serials where hold_id = $1 order by id',
    [holdId],
  );
}

/** Corrects which serial numbers are where. All stay at their warehouse, so no counter changes. None is on hold any more. */
export function placeSerials(tx: Transaction, placed: readonly PlacedSerial[]): Promise<number> {
  return execute(
    tx,
    'tracking.place_serials',
    `with p as (
       select * from unnest($1::bigint[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::boolean[],
           $8::boolean[], $9::uuid[])
         with ordinality as t (id, status, order_id, reference, kind, effect_id, named, blocked, hold_id, n)
     ), placed as (
       update serials s set status = p.status, order_id = p.order_id, reference = p.reference, hold_id = null, updated_at = clock_timestamp()
       from p where s.id = p.id
       returning s.id, s.warehouse_id
     )
     insert into serial_movements (serial_id, warehouse_id, kind, effect_id, order_id, named, incoming, blocked, hold_id)
     select p.id, x.warehouse_id, p.kind, p.effect_id, p.order_id, p.named, p.status = 'in_stock', p.blocked, p.hold_id from p join placed x using (id) order by p.n`,
    [
      placed.map((s) => s.id),
      placed.map((s) => s.status),
      placed.map((s) => s.orderId),
      placed.map((s) => s.reference),
      placed.map((s) => s.kind),
      placed.map((s) => s.effectId),
      placed.map((s) => s.named),
      placed.map((s) => s.wasBlocked),
      placed.map((s) => s.leftHoldId),
    ],
  );
}

/** Those of these lots that the place has, each with how its code was given. Units that are packed into `shipmentId` count as free. */
export function selectKnownLots(
  on: Queryable,
  key: StockKey,
  codes: readonly string[],
  shipmentId: string | null,
): Promise<KnownLot[]> {
  return many<KnownLot>(
    on,
    'tracking.known_lots',
    `select l.id, n.given as code, l.expires_on::text as "expiresOn", l.held, coalesce(l.expires_on < today_utc(), false) as expired,
            m.recalled_at is not null as recalled,
            l.quantity - l.held - coalesce((select sum(u.quantity) from packed_units u
              where u.lot_id = l.id and u.shipment_id is distinct from $4), 0) as free
     from unnest($3::text[]) as n (given) join lots l on l.master_id = find_lot($1, n.given) and l.warehouse_id = $2
     join product_lots m on m.id = l.master_id
     order by l.id`,
    [key.productId, key.warehouseId, codes, shipmentId],
  );
}

/** Those of these lots of which units are on their way with a transfer, or out with an order: `free` is how many. */
export function selectLotsOut(
  on: Queryable,
  productId: number,
  by: { reference: string | null; orderId: string | null },
  codes: readonly string[],
): Promise<KnownLot[]> {
  return many<KnownLot>(
    on,
    'tracking.lots_out',
    `select min(l.id) as id, n.given as code, min(l.expires_on)::text as "expiresOn", 0 as held, false as expired, false as recalled,
            -sum(m.quantity) as free
     from unnest($3::text[]) as n (given) join lots l on l.master_id = find_lot($1, n.given)
     join lot_movements m on m.lot_id = l.id
       and (m.reference = $2 and m.kind in ('transfer_out', 'transfer_in') or m.order_id = $4 and m.kind in ('ship', 'return'))
     where m.product_id = $1
     group by n.given`,
    [productId, by.reference, codes, by.orderId],
  );
}

/** Of each lot, the units that went out with a parcel. */
export function selectLotsOfParcel(
  on: Queryable,
  productId: number,
  shipmentId: string,
): Promise<{ code: string; expiresOn: string | null; quantity: number }[]> {
  return many(
    on,
    'tracking.lots_of_parcel',
    `select l.code, l.expires_on::text as "expiresOn", -sum(m.quantity) as quantity
     from lot_movements m join lots l on l.id = m.lot_id
     where m.effect_id = $2 and m.kind = 'ship' and m.product_id = $1
     group by l.code, l.expires_on having sum(m.quantity) < 0 order by l.expires_on nulls last, l.code`,
    [productId, shipmentId],
  );
}
