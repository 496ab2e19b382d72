import type { Database } from '../../../platform/database/database';
import { utcMicros } from '../../../platform/database/pages';
import type { LedgerKind } from './types';

export interface LedgerView {
  id: number;
  /** RFC 3339 in UTC, with microseconds: that of all entries of its transaction. */
  at: string;
  kind: LedgerKind;
  warehouse: string;
  onHandDelta: number;
  reservedDelta: number;
  reservationId: string | null;
  orderId: string | null;
  reason: string | null;
  reference: string | null;
  actor: string;
  /** As of when a correction takes effect; null: of a movement, and of a correction of what no number was known of. */
  asOf: string | null;
  /** The absolute number that it brought the stock to as of then. */
  number: number | null;
}

/** Where a page begins: right after the entry that was written then and has this id. */
export interface LedgerPosition {
  atMicros: string;
  id: number;
}

export interface LedgerFilter {
  /** Warehouse code. */
  location?: string;
  kind?: LedgerKind;
  reference?: string;
  /** Written at this time or later: RFC 3339, to the microsecond. */
  from?: string;
  /** Written before this time. */
  to?: string;
  after?: LedgerPosition;
  limit: number;
  offset: number;
}

/**
 * Newest first; one more than asked for, to tell whether there are more.
 *
 * Each location's newest entries are taken from the index by (product, warehouse, at), which the partitions serve in order, and
 * merged: a product has at most some hundred locations, where an index by product alone would cost every write of the ledger.
 * The product is a value, not joined by its SKU, so that the planner knows which products have very many entries: it sorts the
 * few that a product has in the mean, and reads the index in its order only where they are many.
 */
export function selectLedgerPage(
  db: Database,
  productId: number,
  filter: LedgerFilter,
): Promise<LedgerView[]> {
  const newest = [
    { column: 't.at', order: 'desc' },
    { column: 't.id', order: 'desc' },
  ];
  const reach = filter.offset + filter.limit + 1;
  const entries = db
    .builder('inventory_transactions as t')
    .select('t.*')
    .where('t.product_id', productId)
    .whereRaw('t.warehouse_id = s.warehouse_id')
    // Leaves out the partitions of months to come, each a look into an empty index for every location.
    .whereRaw(`t.at < now() + interval '1 day'`)
    .orderBy(newest)
    .limit(reach);
  if (filter.kind !== undefined) void entries.where('t.kind', filter.kind);
  if (filter.reference !== undefined) void entries.where('t.reference', filter.reference);
  if (filter.from !== undefined) void entries.where('t.at', '>=', filter.from);
  if (filter.to !== undefined) void entries.where('t.at', '<', filter.to);
  if (filter.after !== undefined) {
    // The first condition is implied by the second, and is what the index and the partitions are searched by.
    void entries.whereRaw('t.at <= ?::timestamptz and (t.at, t.id) < (?::timestamptz, ?::bigint)', [
      filter.after.atMicros,
      filter.after.atMicros,
      filter.after.id,
    ]);
  }
  const query = db
    .builder(
      db.builder.raw(
        'stock as s join warehouses as w on w.id = s.warehouse_id cross join lateral ? as t',
        entries,
      ),
    )
    .where('s.product_id', productId)
    .select(
      db.builder.raw(
        `t.id, ${utcMicros('t.at')} as at, t.kind, w.code as warehouse, t.on_hand_delta as "onHandDelta",
         t.reserved_delta as "reservedDelta", t.reservation_id as "reservationId", t.order_id as "orderId",
         t.reason, t.reference, t.actor, ${utcMicros(`nullif(t.as_of, '-infinity')`)} as "asOf", t.number`,
      ),
    )
    .orderBy(newest)
    .limit(filter.limit + 1)
    .offset(filter.offset);
  if (filter.location !== undefined) void query.where('w.code', filter.location);
  return db.list(query);
}
