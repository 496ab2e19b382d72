import { execute, many, type Queryable, type Transaction } from '../../../platform/database/database';

export function deletePacked(tx: Transaction, shipmentIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'tracking.delete_packed',
    'delete from packed_units where shipment_id = any ($1::uuid[])',
    [shipmentIds],
  );
}

/** What is named in a parcel that has not left. */
export function selectPacked(
  on: Queryable,
  shipmentId: string,
): Promise<{ productId: number; serial: string | null; lot: string | null; quantity: number }[]> {
  return many(
    on,
    'tracking.packed',
    `select u.product_id as "productId", s.serial, l.code as lot, u.quantity
     from packed_units u left join serials s on s.id = u.serial_id left join lots l on l.id = u.lot_id
     where u.shipment_id = $1 order by s.id, l.expires_on nulls last, l.id`,
    [shipmentId],
  );
}

export interface PackedUnit {
  productId: number;
  serialId: number | null;
  lotId: number | null;
  quantity: number;
}

/** What is packed into a parcel, instead of what was packed into it before. */
export async function replacePacked(
  tx: Transaction,
  shipmentId: string,
  units: readonly PackedUnit[],
): Promise<void> {
  await deletePacked(tx, [shipmentId]);
  if (units.length === 0) return;
  await execute(
    tx,
    'tracking.pack',
    `insert into packed_units (shipment_id, product_id, serial_id, lot_id, quantity)
     select $1, * from unnest($2::int[], $3::bigint[], $4::bigint[], $5::int[])`,
    [
      shipmentId,
      units.map((u) => u.productId),
      units.map((u) => u.serialId),
      units.map((u) => u.lotId),
      units.map((u) => u.quantity),
    ],
  );
}

/** Units that are out with a parcel and were recalled, on quality hold or past their last day when they left. */
export interface BlockedUnits {
  shipmentId: string;
  sku: string;
  lot: string | null;
  serial: string | null;
  quantity: number;
}

export function selectBlockedUnits(tx: Transaction, shipmentIds: readonly string[]): Promise<BlockedUnits[]> {
  return many<BlockedUnits>(
    tx,
    'tracking.blocked_units',
    `select m.effect_id as "shipmentId", p.sku, l.code as lot, null as serial, -sum(m.quantity) as quantity
     from lot_movements m join lots l on l.id = m.lot_id join products p on p.id = m.product_id
     where m.effect_id = any ($1::uuid[]) and m.kind = 'ship' and m.blocked
     group by 1, 2, l.id having sum(m.quantity) < 0
     union all
     -- A number that another was exchanged for is with another parcel, or here.
     select m.effect_id, p.sku, null, s.serial, 1
     from (select distinct serial_id from serial_movements
           where effect_id = any ($1::uuid[]) and kind = 'ship' and blocked) b
     join serials s on s.id = b.serial_id join products p on p.id = s.product_id
     cross join lateral (select effect_id, kind, blocked from serial_movements
       where serial_id = s.id and kind in ('ship', 'exchange') order by id desc limit 1) m
     where m.effect_id = any ($1::uuid[]) and m.kind = 'ship' and m.blocked
     order by 1, 2, 3, 4`,
    [shipmentIds],
  );
}
