import type { Database } from '../../platform/database/database';
import { utc } from '../../platform/database/pages';
import type { LowPlace } from './types';

export interface LowStockFilter {
  kind?: 'low_stock' | 'out_of_stock' | undefined;
  sku?: string | undefined;
  /** Warehouse code. */
  location?: string | undefined;
  /** Id of the alert that the page comes after. */
  after?: string | undefined;
  limit: number;
  offset: number;
}

/** Longest first, by the alerts of the places; one more than asked for, to tell whether there are more. */
export function selectLowPlaces(db: Database, filter: LowStockFilter): Promise<LowPlace[]> {
  const query = db
    .builder('alerts as a')
    .join('stock as s', (on) =>
      on.on('s.product_id', 'a.product_id').andOn('s.warehouse_id', 'a.warehouse_id'),
    )
    .join('products as p', 'p.id', 'a.product_id')
    .join('warehouses as w', 'w.id', 'a.warehouse_id')
    .select(
      db.builder
        .raw(`a.id as "alertId", a.kind as status, ${utc('a.raised_at')} as since, a.acknowledged_by as "acknowledgedBy",
        p.sku, p.name, w.code as location, s.on_hand as "onHand", s.reserved, s.safety_stock as "safetyStock", s.available,
        s.low_stock_threshold as threshold,
        coalesce((select sum(t.open) from transfers t
          where t.product_id = a.product_id and t.target_id = a.warehouse_id and t.status = 'in_transit'), 0) as incoming,
        (select coalesce(sum(e.available), 0) from stock e join warehouses v on v.id = e.warehouse_id
          where e.product_id = a.product_id and e.warehouse_id <> a.warehouse_id and v.active) as elsewhere,
        coalesce((select sum(b.waiting) from backorders b where b.product_id = a.product_id and b.waiting > 0), 0) as backordered`),
    )
    .whereIn('a.kind', filter.kind === undefined ? ['low_stock', 'out_of_stock'] : [filter.kind])
    .whereRaw(`a.status <> 'resolved'`)
    .orderBy('a.id')
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.sku !== undefined) void query.where('p.sku', filter.sku);
  if (filter.location !== undefined) void query.where('w.code', filter.location);
  if (filter.after !== undefined) void query.where('a.id', '>', filter.after);
  return db.list<LowPlace>(query);
}
