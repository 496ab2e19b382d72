import { many, maybeOne, one, type Queryable } from '../../../platform/database/database';
import { literals } from '../../../platform/database/literals';
import { utcMicros } from '../../../platform/database/pages';
import { SOLD_LEDGER_KINDS } from '../../stock/ledger/types';
import { costedSql } from './costed-sql';

/** Entries of the ledger by which goods left for customers, from `$1` on and before `$2`. */
const SOLD = `
  select t.id, t.at, t.product_id, t.order_id, t.reservation_id, -t.on_hand_delta as units,
         case when t.kind = 'ship_late' then substr(t.reference, length('shipment:') + 1)::uuid
              when t.order_id is not null then t.effect_id end as shipment_id
  from inventory_transactions t
  where t.at >= $1::timestamptz and t.at < $2::timestamptz and t.kind in ${literals(SOLD_LEDGER_KINDS)} and t.on_hand_delta < 0`;

/** Of entries of `SOLD`. */
const COSTED = costedSql('e.at >= $1::timestamptz and e.at < $2::timestamptz');

/** Whole numbers as text: they may be beyond 2^53. */
export interface SoldTotalRow {
  currency: string | null;
  units: string;
  costed: string;
  costMinor: string;
}

export function selectSoldTotals(
  on: Queryable,
  { from, to }: { from: string; to: string },
): Promise<SoldTotalRow[]> {
  return many<SoldTotalRow & Record<string, unknown>>(
    on,
    'costing.sold_totals',
    `with sold as (${SOLD}), ${COSTED}
     select currency, sum(units)::text as units, sum(costed)::text as costed, sum(cost)::text as "costMinor"
     from costed group by currency order by currency`,
    [from, to],
  );
}

/** What corrections of receipts in a period changed about the cost of units that had left, per currency. */
export function selectCostCorrections(
  on: Queryable,
  { from, to }: { from: string; to: string },
): Promise<{ currency: string; amountMinor: string }[]> {
  return many<{ currency: string; amountMinor: string }>(
    on,
    'costing.corrections',
    `select currency, sum(amount_minor)::text as "amountMinor" from cost_corrections
     where at >= $1::timestamptz and at < $2::timestamptz group by currency order by currency`,
    [from, to],
  );
}

export interface SoldRow {
  id: number;
  at: string;
  sku: string;
  shipmentId: string | null;
  orderId: string | null;
  reservationId: string | null;
  units: number;
  currency: string | null;
  costed: string;
  costMinor: string;
}

const SOLD_COLUMNS = `c.id, ${utcMicros('c.at')} as at, p.sku, c.shipment_id as "shipmentId", c.order_id as "orderId",
  c.reservation_id as "reservationId", c.units, c.currency, c.costed::text as costed, c.cost::text as "costMinor"`;

/** In the order in which they left, those after `after`: of the ledger these are read, by the index of what left. */
export function selectSold(
  on: Queryable,
  { from, to }: { from: string; to: string },
  page: { after: { at: string; id: number } | undefined; limit: number; offset: number },
): Promise<SoldRow[]> {
  return many<SoldRow & Record<string, unknown>>(
    on,
    'costing.sold',
    `with sold as materialized (
       ${SOLD} and (t.at, t.id) > (coalesce($3::timestamptz, $1::timestamptz), coalesce($4::bigint, 0)) order by t.at, t.id limit $5 offset $6
     ), ${COSTED}
     select ${SOLD_COLUMNS} from costed c join products p on p.id = c.product_id order by c.at, c.id`,
    [from, to, page.after?.at ?? null, page.after?.id ?? null, page.limit, page.offset],
  );
}

/** What left with a parcel: its products at its warehouse, found by their index. */
export function selectSoldOfShipment(
  on: Queryable,
  shipmentId: string,
  { from, to }: { from: string; to: string },
): Promise<SoldRow[]> {
  return many<SoldRow & Record<string, unknown>>(
    on,
    'costing.sold_of_shipment',
    `with sold as materialized (
       select o.* from shipments h join shipment_items i on i.shipment_id = h.id
       cross join lateral (
         ${SOLD} and t.product_id = i.product_id and t.warehouse_id = h.warehouse_id) o
       where h.id = $3 and o.shipment_id = h.id
     ), ${COSTED}
     select ${SOLD_COLUMNS} from costed c join products p on p.id = c.product_id order by c.at, c.id`,
    [from, to, shipmentId],
  );
}

/** When a parcel was made; undefined: there is none. */
export function selectShipmentTime(on: Queryable, shipmentId: string): Promise<{ at: string } | undefined> {
  return maybeOne(
    on,
    'costing.shipment_time',
    `select ${utcMicros('created_at')} as at from shipments where id = $1`,
    [shipmentId],
  );
}

export function selectTime(on: Queryable): Promise<{ at: string }> {
  return one(on, 'costing.time', `select ${utcMicros('clock_timestamp()')} as at`);
}
