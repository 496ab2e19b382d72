import { execute, type Transaction } from '../../../platform/database/database';

export function deletePacked(tx: Transaction, shipmentIds: readonly string[]): Promise<number> {
  return execute(
    tx,
    'tracking.delete_packed',
    'delete from packed_units where shipment_id = any ($1::uuid[])',
    [shipmentIds],
  );
}
