import type { Queryable } from '../../platform/database/database';
import { selectReservationsThatLeft } from './order-queries';

export { lockShipmentsOfOrders as lockShipmentsOf, type ShipmentRow } from './queries';

export {
  selectParcelsThatLeft as parcelsThatLeft,
  selectStoppedLines as stoppedLines,
  selectStoppedShipments as stoppedShipments,
  selectUnitsThatLeft as unitsThatLeft,
  type ParcelThatLeft,
  type StoppedLine,
  type UnitsThatLeft,
} from './order-queries';

/** Reservations among these of which something has left. */
export async function reservationsThatLeft(
  on: Queryable,
  reservationIds: readonly string[],
): Promise<Set<string>> {
  if (reservationIds.length === 0) return new Set();
  return new Set((await selectReservationsThatLeft(on, reservationIds)).map(({ id }) => id));
}
