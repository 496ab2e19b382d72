import { applyCarrierEvents } from '../../domain/fulfilment/carrier-updates';
import { askToStop, beginStops } from '../../domain/fulfilment/stop';
import type { CarrierEvent, CarrierEventType } from '../../domain/fulfilment/types';
import type { OrderInput } from '../../domain/orders/types';
import { type Database } from '../../platform/database/database';
import { newId } from '../../platform/ids';
import {
  capture,
  CARRIER,
  compensate,
  obligingCarrier,
  orderOf,
  PAYMENT,
  viewOf,
  type OrderShop,
} from '../db/support';
import { withStock } from '../support/stock';

/** Parcels that were stopped and may leave all the same, of a shop that is opened later, and what a test asks about them. */
export function stoppedParcelsOf(shop: () => OrderShop) {
  function event(shipmentId: string, type: CarrierEventType, rest: Partial<CarrierEvent> = {}): CarrierEvent {
    return { eventId: newId(), shipmentId, type, ...rest };
  }

  async function apply(events: readonly CarrierEvent[], db: Database = shop().db): Promise<string[]> {
    return (await applyCarrierEvents(withStock(db), CARRIER, events)).map(({ result }) => result);
  }

  const tell = async (shipmentId: string, type: CarrierEventType, rest: Partial<CarrierEvent> = {}) =>
    (await apply([event(shipmentId, type, rest)]))[0];

  /** A paid order of so many units whose one parcel is booked. */
  async function bookedParcel(sku: string, quantity: number, rest: Partial<OrderInput> = {}) {
    const order = orderOf({ [sku]: quantity }, { payment: PAYMENT, ...rest });
    await shop().place(order);
    await capture(shop().db, order.orderId);
    const [shipment] = (await viewOf(shop().db, order.orderId)).shipments;
    if (!shipment) throw new Error('no shipment was made');
    return { orderId: order.orderId, shipmentId: shipment.id };
  }

  /** The same, cancelled: the parcel is voided, its refund is planned and its units are on sale again. */
  async function cancelledParcel(sku: string, quantity: number) {
    const parcel = await bookedParcel(sku, quantity);
    await compensate(shop().db, parcel.orderId, 'all');
    return parcel;
  }

  async function voidParcel(orderId: string): Promise<void> {
    await shop().db.transaction((tx) => beginStops(tx, orderId));
    await askToStop({ db: shop().db, carriers: [obligingCarrier] }, orderId);
  }

  /** A paid order for what is there, so that nothing of it is available. */
  const takenByAnother = (sku: string, quantity: number) => bookedParcel(sku, quantity);

  async function shortOf(sku: string): Promise<number> {
    const { rows } = await shop().db.pool.query<{ open: number }>(
      `select coalesce(sum(f.open), 0)::int as open from stock_shortfalls f join products p on p.id = f.product_id
       where p.sku = $1`,
      [sku],
    );
    return rows[0]!.open;
  }

  async function ledgerOf(sku: string): Promise<string[]> {
    const { rows } = await shop().db.pool.query<{ text: string }>(
      `select t.on_hand_delta || '/' || t.reserved_delta || ' ' || t.actor as text
       from inventory_transactions t join products p on p.id = t.product_id
       where p.sku = $1 and t.kind = 'ship_late' order by t.id`,
      [sku],
    );
    return rows.map(({ text }) => text);
  }

  async function alertsOf(orderId: string) {
    const { rows } = await shop().db.pool.query<{ status: string; details: Record<string, unknown> }>(
      'select status, details from alerts where order_id = $1 order by id',
      [orderId],
    );
    return rows;
  }

  return {
    event,
    apply,
    tell,
    bookedParcel,
    cancelledParcel,
    voidParcel,
    takenByAnother,
    shortOf,
    ledgerOf,
    alertsOf,
  };
}
