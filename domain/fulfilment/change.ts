import type { Transaction } from '../../platform/database/database';
import { unpack } from '../stock/tracking/packing';
import { updateShipments, type ShipmentChange } from './queries';
import { hasStopped } from './rules';

export type { ShipmentChange };

/**
 * Changes shipments whose locks the caller has. What was packed into one that will not leave is free again, which needs the
 * shipment's lock only.
 */
export async function changeShipments(tx: Transaction, changes: readonly ShipmentChange[]): Promise<void> {
  if (changes.length === 0) return;
  await unpack(
    tx,
    changes.filter(({ status }) => hasStopped(status)).map(({ shipmentId }) => shipmentId),
  );
  await updateShipments(tx, changes);
}
