import type { Transaction } from '../../platform/database/database';
import { raiseAttention, resolveAttention } from '../orders/attention';
import { SHOWN_IN_DETAILS } from '../stock/alerts/alerts';
import { countAsGone } from '../stock/ledger/stock-ledger';
import { blockedUnitsOf } from '../stock/tracking/packing';
import type { FilledShipment, ShipmentRow } from './queries';

/** What is in a parcel, as the history and alerts say it. */
export function contentOf({ items }: FilledShipment) {
  return {
    units: items.reduce((sum, { quantity }) => sum + quantity, 0),
    items: items.map(({ sku, quantity }) => ({ sku, quantity })),
  };
}

/**
 * Counts the goods of stopped shipments as gone and says that their orders need a person. What is reserved for such a shipment
 * stays reserved until its order gives it back: the money that is owed for it is planned by that. The units that this frees, or
 * any others before them, are then what the counters are short of.
 */
export async function recordLeftAfterStop(
  tx: Transaction,
  carrier: string,
  shipments: readonly FilledShipment[],
): Promise<void> {
  if (shipments.length === 0) return;
  const gone = shipments.flatMap(({ shipmentId, orderId, warehouseId, items }) =>
    items.map(({ productId, quantity }) => ({ shipmentId, orderId, warehouseId, productId, quantity })),
  );
  const short = new Map(
    (await countAsGone(tx, gone, `carrier:${carrier}`)).map((row) => [
      `${row.shipmentId}:${row.productId}`,
      row.open,
    ]),
  );
  await raiseAttention(
    tx,
    shipments.map((shipment) => {
      const { shipmentId, orderId, warehouse, status, trackingNumber, items } = shipment;
      const { units } = contentOf(shipment);
      const contents = items.map(({ productId, sku, quantity }) => ({
        sku,
        quantity,
        short: short.get(`${shipmentId}:${productId}`) ?? 0,
      }));
      const parcel = trackingNumber === null ? 'a parcel' : `parcel ${trackingNumber}`;
      return {
        orderId,
        kind: 'left_after_stop',
        about: shipmentId,
        why: `${carrier} picked up ${parcel} of order ${orderId} at ${warehouse} (${units} units) after it was ${status === 'failed' ? 'given up as failed' : status}.`,
        details: {
          shipmentId,
          warehouse,
          carrier,
          trackingNumber,
          units,
          items: contents,
          short: contents.reduce((sum, item) => sum + item.short, 0),
        },
      };
    }),
  );
}

/** What has left has left: that units of it were blocked is told, once for each parcel. */
export async function raiseBlockedLeft(tx: Transaction, shipments: readonly ShipmentRow[]): Promise<void> {
  if (shipments.length === 0) return;
  const blocked = await blockedUnitsOf(
    tx,
    shipments.map(({ shipmentId }) => shipmentId),
  );
  await raiseAttention(
    tx,
    shipments.flatMap(({ shipmentId, orderId, warehouse, carrier, trackingNumber }) => {
      const items = blocked.filter((item) => item.shipmentId === shipmentId);
      if (items.length === 0) return [];
      const units = items.reduce((sum, { quantity }) => sum + quantity, 0);
      const shown = items.slice(0, SHOWN_IN_DETAILS);
      const names = shown.map(({ sku, lot, serial }) => `${sku} ${lot ?? serial ?? ''}`.trim());
      const named = [...names, ...(items.length > shown.length ? ['…'] : [])].join(', ');
      return [
        {
          orderId,
          kind: 'blocked_left' as const,
          about: shipmentId,
          why: `${carrier} picked up ${units} blocked units (${named}) of order ${orderId} at ${warehouse}.`,
          details: {
            shipmentId,
            warehouse,
            carrier,
            trackingNumber,
            units,
            items: shown.map(({ shipmentId: _, ...item }) => item),
            total: items.length,
          },
        },
      ];
    }),
  );
}

/** Tells anew of parcels of which it is known by now what was in them. Where nothing blocked was, nobody needs to look for it. */
export async function tellAnewOfBlocked(tx: Transaction, shipments: readonly ShipmentRow[]): Promise<void> {
  await raiseBlockedLeft(tx, shipments);
  const ids = shipments.map(({ shipmentId }) => shipmentId);
  const blocked = new Set((await blockedUnitsOf(tx, ids)).map(({ shipmentId }) => shipmentId));
  await resolveAttention(
    tx,
    ids.filter((id) => !blocked.has(id)).map((about) => ({ kind: 'blocked_left', about })),
  );
}
