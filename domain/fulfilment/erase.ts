import type { Transaction } from '../../platform/database/database';
import { eraseParcels } from './erase-queries';

/** Takes out of the parcels of these orders their label, which has the address, and what the carrier said in words. Its numbers stay: it is asked by them. */
export function eraseParcelsOf(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  return eraseParcels(tx, orderIds);
}
