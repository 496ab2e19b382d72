import { many, type Queryable } from '../../../platform/database/database';
import { literals } from '../../../platform/database/literals';
import { utcMicros } from '../../../platform/database/pages';
import type { StockKey } from '../ledger/types';
import { EFFECTS_AFTER, lotsMovedAfterSql } from './moved-after-sql';
import { GIVEN_UP_SERIAL_STATUSES, type SerialStatus } from './types';

const PLACES = `unnest($1::int[], $2::int[], $3::timestamptz[]) as n (product_id, warehouse_id, as_of)`;

/** A place and a time. */
export type PlaceAsOf = StockKey & { asOf: string };

const parameters = (places: readonly PlaceAsOf[]) => [
  places.map((place) => place.productId),
  places.map((place) => place.warehouseId),
  places.map((place) => place.asOf),
];

/** A lot of a place, now and as of a time. */
export interface LotAsOf {
  productId: number;
  code: string;
  /** How people see the code. */
  key: string;
  /** Units as of the time, by the ledger. */
  then: number;
  quantity: number;
  /** Of `quantity`, on quality hold. */
  held: number;
  /** As of when a later absolute number of it is true: RFC 3339, UTC, with microseconds; null: there is none. */
  overtakenAsOf: string | null;
}

/** Lots of places that have units now, or had any as of a time, or have a later number. The caller holds the stock rows' locks, or asks only for a look. */
export function selectLotsAsOf(on: Queryable, places: readonly PlaceAsOf[]): Promise<LotAsOf[]> {
  return many<LotAsOf>(
    on,
    'tracking.lots_as_of',
    `with moved as (${lotsMovedAfterSql(PLACES)})
     select l.product_id as "productId", m.code, m.code_key as key, (l.quantity - coalesce(v.units, 0))::int as then, l.quantity, l.held,
       case when l.number_as_of > n.as_of then ${utcMicros('l.number_as_of')} end as "overtakenAsOf"
     from ${PLACES} join lots l on l.product_id = n.product_id and l.warehouse_id = n.warehouse_id
     join product_lots m on m.id = l.master_id left join moved v on v.lot_id = l.id
     where l.quantity > 0 or coalesce(v.units, 0) <> 0 or l.number_as_of > n.as_of
     order by l.product_id, l.expires_on nulls last, l.id`,
    parameters(places),
  );
}

/** A serial number that is at a place, or was as of a time. */
export interface SerialAsOf {
  productId: number;
  id: number;
  serial: string;
  key: string;
  wasThere: boolean;
  /** In stock there now. */
  isHere: boolean;
  isHeld: boolean;
  isPacked: boolean;
}

/** Movements of before their direction was noted tell it by their kind, but for corrections: those are taken to be arrivals. */
const CAME_IN = `coalesce(v.incoming, v.kind not in ('ship', 'ship_late', 'transfer_out', 'write_off'))`;

/** Serial numbers that are in stock at places now, or were as of a time: the first movement after it says so. */
export function selectSerialsAsOf(on: Queryable, places: readonly PlaceAsOf[]): Promise<SerialAsOf[]> {
  return many<SerialAsOf>(
    on,
    'tracking.serials_as_of',
    `with moved as (
       select distinct on (v.serial_id) v.serial_id, not ${CAME_IN} as was_there
       from ${PLACES} cross join lateral (${EFFECTS_AFTER}) e
       join serial_movements v on v.effect_id = e.effect_id and v.warehouse_id = n.warehouse_id
         and (v.kind = e.kind or v.kind = 'exchange' and e.kind = 'ship')
       join serials s on s.id = v.serial_id and s.product_id = n.product_id
       order by v.serial_id, v.id
     ), known as (
       select s.id from ${PLACES} join serials s on s.product_id = n.product_id and s.warehouse_id = n.warehouse_id and s.status = 'in_stock'
       union
       select serial_id from moved where was_there
     )
     select s.product_id as "productId", s.id, s.serial, s.serial_key as key, s.hold_id is not null as "isHeld",
       coalesce(v.was_there, true) as "wasThere", s.status = 'in_stock' and s.warehouse_id = n.warehouse_id as "isHere",
       exists (select from packed_units u where u.serial_id = s.id) as "isPacked"
     from known k join serials s on s.id = k.id join ${PLACES} on n.product_id = s.product_id left join moved v on v.serial_id = s.id
     order by s.product_id, s.id`,
    parameters(places),
  );
}

/** What is known of a serial number that somebody found. */
export interface FoundSerial {
  given: string;
  id: number;
  serial: string;
  status: SerialStatus;
  warehouseId: number;
  warehouse: string;
  /** It may come in with a correction: it was given up, or left with a parcel that had been stopped. */
  mayComeIn: boolean;
}

/** Those of these serial numbers of a product that are known. The very number goes before one that looks like it. */
export function selectFoundSerials(
  on: Queryable,
  productId: number,
  serials: readonly string[],
): Promise<FoundSerial[]> {
  return many<FoundSerial>(
    on,
    'tracking.found_serials',
    `select n.given, s.id, s.serial, s.status, s.warehouse_id as "warehouseId", w.code as warehouse,
       s.status in ${literals(GIVEN_UP_SERIAL_STATUSES)} or s.status = 'shipped' and exists (
         select from ledger_keys k where k.key = 'ship_late:' || (
           select m.effect_id from serial_movements m where m.serial_id = s.id order by m.id desc limit 1)) as "mayComeIn"
     from unnest($2::text[]) as n (given)
     join serials s on s.id = (
       select x.id from serials x where x.product_id = $1 and (x.serial = n.given or x.serial_key = code_key(n.given))
       order by x.serial = n.given desc limit 1)
     join warehouses w on w.id = s.warehouse_id
     order by s.id`,
    [productId, serials],
  );
}
