import { execute, many, type Transaction } from '../../../platform/database/database';
import { utcMicros } from '../../../platform/database/pages';
import type { StockKey } from '../ledger/types';
import type { LotChange } from './exchange-rules';
import type { LeftParcel } from './types';

/** A lot of a place, and what has been counted there since a parcel left. */
export interface LotSince {
  /** As it was given. */
  code: string;
  /** When the parcel left, by the ledger. RFC 3339, UTC, with microseconds, like the others. */
  leftAt: string;
  /** As of when the newest absolute number of the lot is, where it has seen that; null: none has. */
  numberAsOf: string | null;
  /** The same of the place. */
  placeAsOf: string | null;
}

/** Those of these lots that the place has. The ledger says when the parcel left; of a month that was dropped, its movements do. */
export function selectLotsSince(
  tx: Transaction,
  { productId, warehouseId }: StockKey,
  shipmentId: string,
  codes: readonly string[],
): Promise<LotSince[]> {
  return many<LotSince>(
    tx,
    'tracking.lots_since',
    `select n.given as code, ${utcMicros('p.at')} as "leftAt",
            case when l.number_as_of >= p.at then ${utcMicros('l.number_as_of')} end as "numberAsOf",
            case when s.number_as_of >= p.at then ${utcMicros('s.number_as_of')} end as "placeAsOf"
     from (select min(at) as at from lot_movements where effect_id = $3 and kind = 'ship' and product_id = $1) m
     cross join lateral (
       select coalesce(max(e.at), m.at) as at from inventory_transactions e
       where e.product_id = $1 and e.warehouse_id = $2 and e.effect_id = $3 and e.kind = 'ship'
         and e.at between m.at - interval '1 day' and m.at + interval '1 day') p
     cross join unnest($4::text[]) as n (given)
     join lots l on l.master_id = find_lot($1, n.given) and l.warehouse_id = $2
     join stock s on s.product_id = $1 and s.warehouse_id = $2
     order by l.id`,
    [productId, warehouseId, shipmentId, codes],
  );
}

/** Moves units of lots in the place of others that left with a parcel, in the order given. Those on hold leave their hold. */
export function exchangeUnitsOfLots(
  tx: Transaction,
  { productId, warehouseId }: StockKey,
  { shipmentId, orderId }: LeftParcel,
  { leftAt, changes }: { leftAt: string; changes: readonly LotChange[] },
): Promise<number> {
  return execute(
    tx,
    'tracking.exchange_lots',
    `select exchange_lot($1, $2, code, units, $3, $4, $5::timestamptz) from unnest($6::text[], $7::int[]) as m (code, units)`,
    [
      productId,
      warehouseId,
      shipmentId,
      orderId,
      leftAt,
      changes.map(({ code }) => code),
      changes.map(({ units }) => units),
    ],
  );
}

/** Puts units of lots that are back from a parcel on hold again, as far as it had taken them off a hold. */
export function holdLotsAgain(
  tx: Transaction,
  { productId, warehouseId }: StockKey,
  shipmentId: string,
  back: readonly LotChange[],
): Promise<number> {
  return execute(
    tx,
    'tracking.hold_lots_again',
    `select hold_lot_again($1, $2, code, units, $3) from unnest($4::text[], $5::int[]) as m (code, units)`,
    [productId, warehouseId, shipmentId, back.map(({ code }) => code), back.map(({ units }) => units)],
  );
}

/** Numbers on hold that turn out to be gone leave their holds. */
export function reduceHoldsOfSerials(tx: Transaction, ids: readonly number[]): Promise<number> {
  return execute(tx, 'tracking.reduce_holds_of_serials', 'select reduce_holds_of_serials($1::bigint[])', [
    ids,
  ]);
}

/** Puts numbers that are in stock on a hold of their own again, of the same reason as the one that a parcel had taken them off. */
export function holdSerialsAgain(tx: Transaction, takenOff: string, ids: readonly number[]): Promise<number> {
  return execute(
    tx,
    'tracking.hold_serials_again',
    `with made as materialized (select hold_again($1, cardinality($2::bigint[])) as id)
     update serials s set hold_id = made.id, updated_at = clock_timestamp() from made where s.id = any ($2::bigint[])`,
    [takenOff, ids],
  );
}
