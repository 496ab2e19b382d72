import { receiveGoods } from '../../domain/warehousing/receiving/receive';
import type { ReceiptLineInput } from '../../domain/warehousing/receiving/types';
import { setTracking } from '../../domain/stock/tracking/set-tracking';
import type { Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import type { OrderShop } from '../db/support';
import { withStock } from '../support/stock';

/** A product that keeps lots, serial numbers or both, with nothing on hand. */
export async function trackedProduct(shop: OrderShop, keep: { lots?: boolean; serials?: boolean }) {
  const sku = await shop.product({});
  await setTracking(shop.db, {
    actor: 'test',
    sku,
    lots: keep.lots ?? false,
    serials: keep.serials ?? false,
  });
  return sku;
}

/** A delivery to AMS unless told otherwise. */
export function deliver(db: Database, lines: readonly ReceiptLineInput[], location = 'AMS') {
  return receiveGoods(withStock(db), {
    receiptId: newId(),
    location,
    supplierReference: newId(),
    lines,
    actor: 'dock',
  });
}

/** A serialised product with these units in AMS. */
export async function withSerials(shop: OrderShop, ...serials: string[]): Promise<string> {
  const sku = await trackedProduct(shop, { serials: true });
  await deliver(shop.db, [{ sku, quantity: serials.length, serials }]);
  return sku;
}

/** A day so many days from now, YYYY-MM-DD in UTC. */
export function inDays(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
}

/** `code@place: quantity` of each lot with something in it, in the order in which they are taken. */
export async function lotsOf(db: Database, sku: string): Promise<string[]> {
  const { rows } = await db.pool.query<{ text: string }>(
    `select l.code || '@' || w.code || ': ' || l.quantity as text from lots l join products p on p.id = l.product_id
     join warehouses w on w.id = l.warehouse_id where p.sku = $1 and l.quantity > 0 order by l.expires_on nulls last, l.id`,
    [sku],
  );
  return rows.map((row) => row.text);
}

/** `serial@place: status` of each serial number, oldest first. */
export async function serialsOf(db: Database, sku: string): Promise<string[]> {
  const { rows } = await db.pool.query<{ text: string }>(
    `select s.serial || '@' || w.code || ': ' || s.status as text from serials s join products p on p.id = s.product_id
     join warehouses w on w.id = s.warehouse_id where p.sku = $1 order by s.id`,
    [sku],
  );
  return rows.map((row) => row.text);
}
