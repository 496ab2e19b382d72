import {
  execute,
  maybeOne,
  many,
  one,
  type Queryable,
  type Transaction,
} from '../../../platform/database/database';
import type { StockKey } from '../ledger/types';
import type { LotMove, MovingEntry, TrackedProduct } from './types';

const TRACKED = `p.id as "productId", p.sku, p.currency, p.lot_tracked as "lotTracked", p.serialised`;

/** Those of these products that exist. */
export function selectTracked(on: Queryable, skus: readonly string[]): Promise<TrackedProduct[]> {
  return many<TrackedProduct>(
    on,
    'tracking.products',
    `select ${TRACKED} from products p where p.sku = any ($1::text[])`,
    [skus],
  );
}

/** One of them by its key. */
export function selectTrackedProduct(on: Queryable, productId: number): Promise<TrackedProduct | undefined> {
  return maybeOne<TrackedProduct>(
    on,
    'tracking.product',
    `select ${TRACKED} from products p where p.id = $1`,
    [productId],
  );
}

/** Units of a product that are nowhere on hand: between locations, with a return that is not inspected, and gone but still counted. */
export function selectUnitsElsewhere(
  on: Queryable,
  productId: number,
): Promise<{ inTransit: number; toInspect: number; short: number }> {
  return one(
    on,
    'tracking.units_elsewhere',
    `select (select coalesce(sum(open), 0)::float8 from transfers where product_id = $1 and status = 'in_transit') as "inTransit",
       (select coalesce(sum(l.received - l.restocked - l.written_off), 0)::float8
        from customer_return_lines l join customer_returns r on r.id = l.return_id
        where l.product_id = $1 and r.status = 'received') as "toInspect",
       (select coalesce(sum(open), 0)::float8 from stock_shortfalls where product_id = $1 and open > 0) as short`,
    [productId],
  );
}

/** Moves units of named lots; the ledger's trigger then leaves them alone. Before the entry itself, under the stock's locks. */
export function moveLots(tx: Transaction, moves: readonly LotMove[], entry: MovingEntry): Promise<number> {
  return execute(
    tx,
    'tracking.move_lots',
    `select move_lot(product, warehouse, code, expires_on, units, $6, $7, $8, $9)
     from unnest($1::int[], $2::int[], $3::text[], $4::date[], $5::int[])
       as m (product, warehouse, code, expires_on, units)`,
    [
      moves.map((m) => m.productId),
      moves.map((m) => m.warehouseId),
      moves.map((m) => m.code),
      moves.map((m) => m.expiresOn),
      moves.map((m) => m.units),
      entry.kind,
      entry.effectId,
      entry.orderId,
      entry.reference,
    ],
  );
}

/** A lot of these products that has another expiry date than the one named here. One that is named without a date is as it is known. */
export async function selectOtherExpiry(
  on: Queryable,
  lots: readonly { productId: number; code: string; expiresOn: string | null }[],
): Promise<{ sku: string; code: string; expiresOn: string | null; given: string } | undefined> {
  const dated = lots.filter(({ expiresOn }) => expiresOn !== null);
  if (dated.length === 0) return undefined;
  return maybeOne(
    on,
    'tracking.other_expiry',
    `select p.sku, l.code, l.expires_on::text as "expiresOn", n.expires_on::text as given
     from unnest($1::int[], $2::text[], $3::date[]) as n (product_id, code, expires_on)
     join product_lots l on l.id = find_lot(n.product_id, n.code) join products p on p.id = n.product_id
     where l.expires_on is distinct from n.expires_on limit 1`,
    [dated.map((l) => l.productId), dated.map((l) => l.code), dated.map((l) => l.expiresOn)],
  );
}

/** New serial numbers, in stock. One that the product has already had violates `serials_unique_per_product`. */
export function insertSerials(
  tx: Transaction,
  serials: readonly (StockKey & { serial: string })[],
  entry: MovingEntry,
): Promise<number> {
  return execute(
    tx,
    'tracking.insert_serials',
    `with made as (
       insert into serials (product_id, warehouse_id, serial, status, receipt_id, reference)
       select product_id, warehouse_id, serial, 'in_stock', case when $4 = 'receipt' then $7::uuid end, $6
       from unnest($1::int[], $2::int[], $3::text[]) as s (product_id, warehouse_id, serial)
       returning id, warehouse_id
     )
     insert into serial_movements (serial_id, warehouse_id, kind, effect_id, named, incoming)
     select id, warehouse_id, $4, $5, true, true from made`,
    [
      serials.map((s) => s.productId),
      serials.map((s) => s.warehouseId),
      serials.map((s) => s.serial),
      entry.kind,
      entry.effectId,
      entry.reference,
      entry.receiptId ?? entry.effectId,
    ],
  );
}

/** Changes how many units of a lot are on quality hold; a constraint keeps them within what is there. */
export function updateLotHeld(tx: Transaction, lotId: number, units: number): Promise<number> {
  return execute(tx, 'tracking.update_lot_held', 'update lots set held = held + $2 where id = $1', [
    lotId,
    units,
  ]);
}
