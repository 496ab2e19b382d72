import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { settlePromised } from '../../domain/ordering/promised/settle-promised';
import { listAlerts } from '../../domain/stock/alerts/list';
import { findStockKey } from '../../domain/stock/ledger/stock-ledger';
import { putOnHold } from '../../domain/warehousing/quality/put-on-hold';
import { newId } from '../../platform/ids';
import type { ReservationShop } from '../db/reservation-shop';
import { capture, CARRIER, orderOf, PAYMENT, viewOf } from '../db/support';
import { withStock } from '../support/stock';
import { inDays, trackedProduct } from './support';

/** A lot of a delivery, which expires so many days from now. */
export const lot = (code: string, days?: number) =>
  days === undefined ? { code } : { code, expiresOn: inDays(days) };

/** What tests of blocked units do with the lots and orders of a shop, which is opened later. */
export function blockingLots(shop: () => ReservationShop) {
  const lotted = () => trackedProduct(shop(), { lots: true });

  /** As if the day after the last of a lot had come. */
  const expire = (code: string) =>
    shop().db.pool.query(`update product_lots set expires_on = current_date - 1 where code = $1`, [code]);

  function hold(sku: string, code: string, quantity: number, location = 'AMS') {
    return putOnHold(shop().db, {
      holdId: newId(),
      sku,
      location,
      lot: code,
      quantity,
      reason: `recall ${code}`,
      actor: 'tester',
    });
  }

  const settle = async (sku: string, location = 'AMS') =>
    settlePromised(shop().db, await findStockKey(shop().db, { sku, location }));

  async function paid(sku: string, quantity: number): Promise<string> {
    const order = orderOf({ [sku]: quantity }, { payment: PAYMENT });
    await shop().place(order);
    await capture(shop().db, order.orderId);
    return order.orderId;
  }

  const book = (orderId: string) =>
    shop().db.pool.query(
      `update shipments set status = 'booked' where order_id = $1 and status = 'pending'`,
      [orderId],
    );
  const parcelsOf = async (orderId: string) =>
    (await viewOf(shop().db, orderId)).shipments
      .filter(({ status }) => status !== 'voided')
      .map(({ warehouse, status, items }) => `${warehouse} ${status} ${items[0]?.quantity}`)
      .sort();
  const alertsOf = async (kind: 'recall' | 'attention' | 'expiry_near', filter: object) =>
    (await listAlerts(shop().db, { kind, limit: 50, offset: 0, ...filter })).items;

  const pickUp = (...shipmentIds: string[]) =>
    applyCarrierEvents(
      withStock(shop().db),
      CARRIER,
      shipmentIds.map((shipmentId) => ({ eventId: newId(), shipmentId, type: 'picked_up' })),
    );

  return { lotted, expire, hold, settle, paid, book, parcelsOf, alertsOf, pickUp };
}
