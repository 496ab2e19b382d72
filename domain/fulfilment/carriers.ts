import { AppError } from '../../platform/errors';
import type { Carrier } from './types';

/**
 * The carrier that a shipment was given to.
 *
 * @throws `UNKNOWN_CARRIER` when it is no longer set up: its parcels can't be asked about, and somebody has to look.
 */
export function carrierNamed(carriers: readonly Carrier[], name: string): Carrier {
  const found = carriers.find((carrier) => carrier.name === name);
  if (!found) throw new AppError('UNKNOWN_CARRIER', `No carrier "${name}" is set up.`, { carrier: name });
  return found;
}
